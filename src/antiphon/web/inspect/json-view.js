// @ts-check
/** A value as indented JSON with its parts coloured. */

const PART = /("(?:[^"\\]|\\.)*")(\s*:)?|\b(true|false|null)\b|-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?/g;

/** @param {unknown} value @returns {(Node|string)[]} */
export function coloured(value) {
  const text = JSON.stringify(value, null, 2) ?? "";
  /** @type {(Node|string)[]} */ const out = [];
  let at = 0;
  for (const found of text.matchAll(PART)) {
    out.push(text.slice(at, found.index));
    const [whole, string, colon] = found;
    if (string !== undefined) out.push(part(colon === undefined ? "json-string" : "json-key", string), colon ?? "");
    else out.push(part("json-plain", whole));
    at = found.index + whole.length;
  }
  out.push(text.slice(at));
  return out;
}

/** @param {string} className @param {string} text */
function part(className, text) {
  const element = document.createElement("span");
  element.className = className;
  element.textContent = text;
  return element;
}
