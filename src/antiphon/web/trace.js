// @ts-check
/**
 * The trace of a call: what went over the wire, when, in the format of Python's `antiphon.client.trace`, so that
 * `antiphon replay` reads it, too. The first line is the header; each other line has `t` (milliseconds since the trace
 * began) and `dir`: "in" and "out" carry an `event`, "note" a `decision`. Sound and pictures are left out and counted, keys
 * are left out. Bounded: the oldest lines give way. Not here: what the events mean.
 *
 * @typedef {{t: number, dir: "in"|"out"|"note", event?: any, elided?: Record<string, number>, decision?: string,
 *   set_up?: boolean, hidden?: boolean}} TraceLine
 *   elided: where something was left out, and its bytes. set_up: it belongs to the set-up of a new session. hidden: the call did not see it
 */

const FORMAT = 1;
const MOST_LINES = 5_000;
const MOST_TRACE_BYTES = 8 * 1024 * 1024;
const SECRET_KEYS = new Set(["authorization", "client_secret", "api_key", "api-key", "headers", "token", "password"]);
const SECRETS = /\bbearer\s+[^\s"',)]+|\b(?:openai-insecure-api-key\.|sk-|ek_)[\w.~-]{6,}/gi;
const DATA_URL = /^data:[\w/+.-]+;base64,/;
const SHORTEST_ELIDED = 64;

export class Trace {
  /** @type {{line: TraceLine, bytes: number}[]} */ #lines = [];
  #bytes = 0;
  #began = performance.now();
  #started = new Date().toISOString();
  #target;
  #transport = "";

  /** @param {string} target  whom the call calls; its query is left out */
  constructor(target) {
    this.#target = target.replace(/\?.*$/, "");
  }

  /** @param {"in"|"out"} dir @param {any} event @param {{set_up?: boolean, hidden?: boolean}} [marks] */
  add(dir, event, marks = {}) {
    /** @type {Record<string, number>} */ const elided = {};
    const kept = scrubbed(event, "", "", elided, /\.audio\.delta$|output_audio\.delta$/.test(event.type));
    this.#keep({ t: this.#now(), dir, ...marks, event: kept, ...(Object.keys(elided).length > 0 ? { elided } : {}) });
  }

  /** Something that happened beside the wire. @param {string} decision */
  note(decision) {
    this.#keep({ t: this.#now(), dir: "note", decision });
  }

  /** How the events travel from here on. @param {string} transport */
  travelsBy(transport) {
    this.#transport ||= transport;
  }

  /** @returns {readonly TraceLine[]} */
  get events() { return this.#lines.map(({ line }) => line); }

  toString() {
    const head = { antiphon_trace: FORMAT, version: "", target: this.#target, transport: this.#transport, started: this.#started, audio: false };
    return [head, ...this.events].map((line) => JSON.stringify(line)).join("\n") + "\n";
  }

  #now() {
    return Math.round((performance.now() - this.#began) * 1_000) / 1_000;
  }

  /** @param {TraceLine} line */
  #keep(line) {
    const bytes = JSON.stringify(line).length;
    this.#lines.push({ line, bytes });
    this.#bytes += bytes;
    while (this.#lines.length > MOST_LINES || (this.#bytes > MOST_TRACE_BYTES && this.#lines.length > 1)) this.#bytes -= this.#lines.shift()?.bytes ?? 0;
  }
}

/**
 * One value without what does not belong in a trace.
 * @param {any} value @param {string} path @param {string} key @param {Record<string, number>} elided @param {boolean} isSound  its `delta` is @returns {any}
 */
function scrubbed(value, path, key, elided, isSound) {
  if (SECRET_KEYS.has(key.toLowerCase()) && value) return typeof value === "string" ? "…" : typeof value === "object" ? {} : value;
  if (Array.isArray(value)) return value.map((one, at) => scrubbed(one, `${path}.${at}`, "", elided, false));
  if (typeof value === "object" && value !== null) {
    return Object.fromEntries(Object.entries(value).map(([name, inner]) => [name, scrubbed(inner, path ? `${path}.${name}` : name, name, elided, isSound && path === "")]));
  }
  if (typeof value !== "string") return value;
  const url = DATA_URL.exec(value)?.[0] ?? "";
  const isLeftOut = key === "audio" || (isSound && path === "delta") || (url !== "" && value.length > SHORTEST_ELIDED);
  if (!isLeftOut) return value.replace(SECRETS, "…");
  elided[path] = Math.floor((value.slice(url.length).replace(/=+$/, "").length * 3) / 4);
  return url;
}
