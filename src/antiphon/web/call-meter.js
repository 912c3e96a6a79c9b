// @ts-check
/**
 * What is measured while a call lasts: the levels of both sides, the line's figures over time, and the moment in which an
 * answer is really heard. Not here: what is made of it.
 *
 * @typedef {import("./stats.js").ConnectionStats & {at: number}} Sample  at: milliseconds of `performance.now()`
 */

import { Meter } from "./meter.js";

const SAMPLE_EVERY_MS = 2_000;
const MOST_SAMPLES = 300; // ten minutes
const AUDIBLE = 0.003; // RMS, about -50 dBFS: under speech, over the noise of a codec
const LISTEN_EVERY_MS = 30;

export class CallMeter {
  input = new Meter();
  output = new Meter();
  /** @type {readonly Sample[]} */ samples = [];
  /** @type {ReturnType<typeof setInterval>|undefined} */ #sampling;
  /** @type {ReturnType<typeof setInterval>|undefined} */ #listening;

  /** @param {() => Promise<import("./stats.js").ConnectionStats>} read @param {() => void} onSample */
  start(read, onSample) {
    this.stop();
    this.#sampling = setInterval(async () => {
      onSample();
      const sample = { at: performance.now(), ...(await read()) };
      this.samples = [...this.samples, sample].slice(-MOST_SAMPLES);
    }, SAMPLE_EVERY_MS);
  }

  stop() {
    clearInterval(this.#sampling);
    clearInterval(this.#listening);
  }

  /** There is no sound any more. */
  silence() {
    this.input.listenTo(null);
    this.output.listenTo(null);
  }

  /** The server says when it sends sound; when it is heard can only be heard. @param {() => boolean} isOver @param {() => void} onHeard */
  listenForAnswer(isOver, onHeard) {
    clearInterval(this.#listening);
    this.#listening = setInterval(() => {
      const isHeard = this.output.level > AUDIBLE;
      if (isHeard) onHeard();
      if (isHeard || isOver()) clearInterval(this.#listening);
    }, LISTEN_EVERY_MS);
  }
}
