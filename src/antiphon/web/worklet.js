// @ts-check
/// <reference path="./worklet-scope.d.ts" />
/**
 * Runs on the audio thread: `antiphon-capture` cuts what it hears into blocks of 40 ms on the wire's terms, and
 * `antiphon-playback` plays what it is given and tells how far it has come. Both change between the context's rate and
 * 24 kHz in straight lines; the band was limited before (line-websocket.js). Not here: events, base64, what is sent.
 */

const WIRE_RATE = 24_000;
const BLOCK = 960; // samples, 40 ms
const TELL_EVERY = 1_200; // samples, 50 ms

class Capture extends AudioWorkletProcessor {
  #block = new Int16Array(BLOCK);
  #filled = 0;
  #step = sampleRate / WIRE_RATE;
  #place = 0; // of the next sample wanted, in the input's samples, from the beginning of the quantum
  #last = 0; // the sample before this quantum

  /** @param {Float32Array[][]} inputs */
  process([[samples]]) {
    if (!samples) return true;
    while (this.#place < samples.length) {
      const whole = Math.floor(this.#place);
      const before = whole === 0 ? this.#last : samples[whole - 1];
      const value = before + (samples[whole] - before) * (this.#place - whole);
      this.#block[this.#filled++] = Math.max(-1, Math.min(1, value)) * 32767;
      if (this.#filled === BLOCK) {
        this.port.postMessage(this.#block.buffer, [this.#block.buffer]);
        this.#block = new Int16Array(BLOCK);
        this.#filled = 0;
      }
      this.#place += this.#step;
    }
    this.#place -= samples.length;
    this.#last = samples[samples.length - 1];
    return true;
  }
}

/** Messages in: `{tag, samples: ArrayBuffer}` and `{flush: true}`. Out: `{tag, played}`, `{drained: true}`, `{flushed: true, tag, played}`. */
class Playback extends AudioWorkletProcessor {
  /** @type {{tag: number, samples: Int16Array}[]} */ #queue = [];
  #step = WIRE_RATE / sampleRate;
  #place = 0; // in the first block of the queue
  #tag = 0;
  #played = 0; // samples of the present tag
  #told = 0;
  #last = 0;

  constructor() {
    super();
    this.port.onmessage = ({ data }) => {
      if (data.flush) {
        this.#queue.length = 0;
        this.#place = 0;
        this.port.postMessage({ flushed: true, tag: this.#tag, played: this.#played });
      } else this.#queue.push({ tag: data.tag, samples: new Int16Array(data.samples) });
    };
  }

  /** @param {Float32Array[][]} _inputs @param {Float32Array[][]} outputs */
  process(_inputs, [[out]]) {
    if (!out) return true;
    let at = 0;
    for (; at < out.length && this.#queue.length > 0; at++) {
      const { tag, samples } = this.#queue[0];
      if (tag !== this.#tag) {
        this.#tag = tag;
        this.#played = this.#told = 0;
      }
      const whole = Math.floor(this.#place);
      const before = whole === 0 ? this.#last : samples[whole - 1] / 32768;
      out[at] = before + (samples[whole] / 32768 - before) * (this.#place - whole);
      this.#place += this.#step;
      this.#played += this.#step;
      while (this.#queue.length > 0 && this.#place >= this.#queue[0].samples.length) {
        const done = /** @type {{samples: Int16Array}} */ (this.#queue.shift()).samples;
        this.#place -= done.length;
        this.#last = done.length > 0 ? done[done.length - 1] / 32768 : this.#last;
      }
    }
    if (at === 0) {
      this.#last = 0;
      return true;
    }
    const isDrained = this.#queue.length === 0;
    if (isDrained) this.#place = 0;
    if (isDrained || this.#told === 0 || this.#played - this.#told >= TELL_EVERY) {
      this.#told = this.#played;
      this.port.postMessage({ tag: this.#tag, played: Math.round(this.#played) });
    }
    if (isDrained) this.port.postMessage({ drained: true });
    return true;
  }
}

registerProcessor("antiphon-capture", Capture);
registerProcessor("antiphon-playback", Playback);
