// @ts-check
/**
 * The access token that the page was opened with (`…/#token=…`, from the QR code of `antiphon serve --lan`).
 * It is taken out of the address at once and kept nowhere here: the server puts it into a cookie that scripts cannot read.
 */

/** The token of this address, which has none afterwards. @returns {string|null} */
export function takeToken() {
  const parts = new URLSearchParams(location.hash.slice(1));
  const token = parts.get("token");
  if (token === null) return null;
  parts.delete("token");
  const rest = parts.toString();
  history.replaceState(history.state, "", location.pathname + location.search + (rest ? `#${rest}` : ""));
  return token;
}

/**
 * Shows the token to the server, which then lets this browser in. Never rejects.
 * @param {string} base  URL of the server's root, with a slash at its end
 * @param {string} token
 * @returns {Promise<"in"|"refused"|"unreachable">}
 */
export async function enter(base, token) {
  try {
    // What no header could carry is no token.
    if (!/^[\w.~-]+$/.test(token)) return "refused";
    const response = await fetch(new URL("enter", base), {
      method: "POST",
      headers: { Authorization: `Bearer ${token}` },
      signal: AbortSignal.timeout(15_000),
    });
    return response.ok ? "in" : "refused";
  } catch {
    return "unreachable";
  }
}
