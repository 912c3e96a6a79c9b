// @ts-check
/** PCM as it travels in events: 24 kHz, int16 little-endian, mono, base64. Pure. */

/** Samples a second, on the wire. */
export const WIRE_RATE = 24_000;
const PIECE = 8_192; // bytes in one call: an argument list has an end

/** @param {ArrayBuffer} buffer @returns {string} */
export function toBase64(buffer) {
  const bytes = new Uint8Array(buffer);
  let text = "";
  for (let from = 0; from < bytes.length; from += PIECE) text += String.fromCharCode(...bytes.subarray(from, from + PIECE));
  return btoa(text);
}

/** @param {string} text @returns {ArrayBuffer} an even number of bytes; throws on what is not base64 */
export function fromBase64(text) {
  const raw = atob(text);
  const bytes = new Uint8Array(raw.length & ~1);
  for (let at = 0; at < bytes.length; at++) bytes[at] = raw.charCodeAt(at);
  return bytes.buffer;
}
