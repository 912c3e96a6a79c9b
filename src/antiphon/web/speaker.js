// @ts-check
/**
 * Where the other voice is heard: one media element, its volume, its device, and browsers that keep it silent until the
 * next tap. Not here: where the stream comes from.
 */

import { CallError } from "./problems.js";

export class Speaker {
  /** @type {HTMLMediaElement} */ #element;
  /** @type {(isBlocked: boolean) => void} */ #onBlocked;
  #isMuted = false;
  #isHushed = false;
  #isBlocked = false;
  #resume = () => void this.#play();

  /** @param {HTMLMediaElement|null} element @param {(isBlocked: boolean) => void} onBlocked */
  constructor(element, onBlocked) {
    this.#element = element ?? new Audio();
    this.#element.autoplay = true;
    this.#onBlocked = onBlocked;
  }

  get element() { return this.#element; }
  get isBlocked() { return this.#isBlocked; }
  get isMuted() { return this.#isMuted; }
  get volume() { return this.#element.volume; }
  set volume(volume) { this.#element.volume = Math.min(1, Math.max(0, volume)); }
  /** @returns {string} "" for the browser's choice */
  get deviceId() { return /** @type {any} */ (this.#element).sinkId ?? ""; }

  /** @param {boolean} isMuted */
  setMuted(isMuted) {
    this.#isMuted = isMuted;
    this.#element.muted = isMuted || this.#isHushed;
  }

  /** Silent at once, until the next answer: the server's word that it stopped takes a moment. @param {boolean} isHushed */
  hush(isHushed) {
    this.#isHushed = isHushed;
    this.#element.muted = isHushed || this.#isMuted;
  }

  /** In the tap itself: later, browsers may keep the sound off. */
  unlock() {
    this.hush(false);
    if (!this.#element.srcObject) this.#element.srcObject = new MediaStream();
    this.#element.play().catch(() => {}); // an empty stream need not start; the tap is remembered all the same
  }

  /** @param {MediaStream|null} stream */
  setStream(stream) {
    if (this.#element.srcObject !== stream) this.#element.srcObject = stream;
    if (stream) void this.#play();
    else this.#block(false);
  }

  /** @param {string} deviceId  of `listDevices`, "" for the browser's choice */
  async choose(deviceId) {
    const element = /** @type {any} */ (this.#element);
    if (typeof element.setSinkId !== "function") throw new CallError({ kind: "speaker_unknown", detail: "This browser does not let pages choose." });
    try {
      await element.setSinkId(deviceId);
    } catch (error) {
      throw new CallError({ kind: "speaker_unknown", detail: String(error) });
    }
  }

  async #play() {
    try {
      await this.#element.play();
      this.#block(false);
    } catch (error) {
      // Another stream taking its place also breaks off a `play`; only a refusal is one.
      if (error instanceof DOMException && error.name === "NotAllowedError" && this.#element.srcObject) this.#block(true);
    }
  }

  /** @param {boolean} isBlocked */
  #block(isBlocked) {
    if (this.#isBlocked === isBlocked) return;
    this.#isBlocked = isBlocked;
    for (const tap of ["pointerdown", "keydown"]) {
      if (isBlocked) document.addEventListener(tap, this.#resume);
      else document.removeEventListener(tap, this.#resume);
    }
    this.#onBlocked(isBlocked);
  }
}
