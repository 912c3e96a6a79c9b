// @ts-check
/**
 * What a call is made with, and what is meant where nothing is said. Not here: what is done with it.
 *
 * @typedef {object} CallOptions
 * @property {string|URL} [url]  the root of an Antiphon server (without: where this module came from), or the exact
 *   `https://…/v1/realtime/calls` of OpenAI or `…/openai/v1/realtime/calls` of Azure
 * @property {() => string|null|Promise<string|null>} [token]  an ephemeral key ("ek_…"); asked for at each new connection
 * @property {string} [model]  for WebSocket addresses that want it in their query
 * @property {object|null} [session]  what the session is to be, as in `session.update`; null leaves it to the server
 * @property {boolean|MediaTrackConstraints|MediaStream} [microphone]  false: a call to type in; it can be turned on later
 * @property {"auto"|"webrtc"|"websocket"} [transport]  auto: WebSocket where WebRTC finds no way
 * @property {RTCIceServer[]} [iceServers]  without: those that an Antiphon server names
 * @property {HTMLMediaElement} [sound]  plays the other voice; without: an element of the call's own
 * @property {string|URL} [worklet]  where worklet.js is, if a bundler moved it
 * @property {Partial<import("./chat.js").ChatSettings>} [chat]  when messages appear, and how many are kept
 * @property {Record<string, import("./usage.js").Price>} [prices]  by model, for `usage.cost`; without: OpenAI's
 * @property {Partial<import("./continuity.js").Timing>} [timing]
 */

import { CallError } from "./problems.js";

/** Voice with the caller's own words in writing. */
export const USUAL_SESSION = { type: "realtime", audio: { input: { transcription: { model: "gpt-4o-mini-transcribe" } } } };

/** A key for the next connection; null: none is asked for. @param {CallOptions["token"]} token @returns {Promise<string|null>} */
export async function freshKey(token) {
  try {
    return (await token?.()) ?? null;
  } catch (error) {
    throw new CallError({ kind: "no_token", detail: String(error) });
  }
}
