// @ts-check
/** Why a server did not answer a page of another origin: because it is not there, or because it does not let such pages call. */

const HEALTH_PATIENCE_MS = 3_000;

/**
 * A browser tells scripts of a refused origin no more than of a server that is gone. But it lets them ask, unread, whether
 * somebody is there. @param {import("./addresses.js").Addresses} addresses @returns {Promise<import("./problems.js").Problem>}
 */
export async function whyGone({ health }) {
  if (health === null || new URL(health).origin === location.origin) return { kind: "server_gone" };
  try {
    await fetch(health, { mode: "no-cors", cache: "no-store", signal: AbortSignal.timeout(HEALTH_PATIENCE_MS) });
  } catch {
    return { kind: "server_gone" };
  }
  const how = `Whoever runs it can allow them: --allow-origin ${location.origin}`;
  return { kind: "origin_not_allowed", detail: `The server at ${new URL(health).origin} does not let pages of ${location.origin} call. ${how}` };
}
