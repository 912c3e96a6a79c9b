// @ts-check
/** Where a call is opened, from the one address a developer gives. Pure. */

/**
 * @typedef {object} Addresses
 * @property {string} calls  takes the offer
 * @property {string} socket  ws:// or wss://, for audio over WebSocket
 * @property {string|null} iceServers  where an Antiphon server names STUN and TURN; null on a hosted service
 * @property {string|null} health  where an Antiphon server tells that it is there; null on a hosted service
 */

/**
 * @param {string|URL} url  the root of an Antiphon server, or the exact `…/realtime/calls` of any service
 * @param {string|null} model  goes into the WebSocket's query, for services that want it there
 * @returns {Addresses}
 */
export function addressesOf(url, model) {
  const given = new URL(url, globalThis.document?.baseURI);
  const isExact = /\/realtime\/calls\/?$/.test(given.pathname);
  const root = new URL(given);
  if (!root.pathname.endsWith("/")) root.pathname += "/";
  const calls = isExact ? given : new URL("v1/realtime/calls", root);
  if (!isExact) calls.search = given.search;
  const socket = new URL(calls);
  socket.protocol = calls.protocol === "http:" ? "ws:" : "wss:";
  socket.pathname = calls.pathname.replace(/\/calls\/?$/, "");
  socket.searchParams.delete("webrtcfilter"); // Azure's, for the other transport
  if (model) socket.searchParams.set("model", model);
  return {
    calls: calls.href,
    socket: socket.href,
    iceServers: isExact ? null : new URL("ice-servers", root).href,
    health: isExact ? null : new URL("health", root).href,
  };
}
