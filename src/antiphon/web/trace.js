// @ts-check
/**
 * The raw events of a call, both directions, for looking at and for taking away. Bounded: the oldest give way; sound is
 * told by its length. Not here: what the events mean.
 *
 * @typedef {{at_ms: number, dir: "in"|"out", bytes: number, event: any}} Traced  at_ms: since the trace began
 */

const MOST_EVENTS = 5_000;
const MOST_BYTES = 8 * 1024 * 1024;
const SHORT = 200; // characters of a base64 value that stay readable

export class Trace {
  /** @type {Traced[]} */ #events = [];
  #bytes = 0;
  #dropped = 0;
  #began = performance.now();
  #beganAt = new Date();

  /** @param {"in"|"out"} dir @param {any} event */
  add(dir, event) {
    const kept = elided(event);
    const bytes = JSON.stringify(kept).length;
    this.#events.push({ at_ms: Math.round((performance.now() - this.#began) * 10) / 10, dir, bytes, event: kept });
    this.#bytes += bytes;
    while (this.#events.length > MOST_EVENTS || (this.#bytes > MOST_BYTES && this.#events.length > 1)) {
      this.#bytes -= this.#events[0].bytes;
      this.#events.shift();
      this.#dropped += 1;
    }
  }

  /** @returns {readonly Traced[]} */
  get events() { return this.#events; }

  /** One line of JSON for each event, after one about the trace itself. */
  toString() {
    const head = { trace: "antiphon", version: 1, began: this.#beganAt.toISOString(), dropped: this.#dropped };
    return [head, ...this.#events].map((line) => JSON.stringify(line)).join("\n") + "\n";
  }
}

/** @param {any} value @returns {any} */
function elided(value) {
  if (typeof value === "string" && value.length > SHORT && !value.includes(" ")) return `${value.slice(0, 40)}… (${value.length} characters)`;
  if (Array.isArray(value)) return value.map(elided);
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, key === "client_secret" ? "(left out)" : elided(inner)]));
}
