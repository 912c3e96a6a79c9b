// @ts-check
/** The sound of a call: both sides as one picture and one player. The server keeps it; this asks only when it is wanted. */

import { byId } from "./elements.js";

const HEIGHT = 72;

export class SoundView {
  /** @type {string|null} */ #call = null;
  /** @type {AudioBuffer|null} */ #sound = null;
  #beganMs = 0;
  #url = "";
  /** @type {HTMLAudioElement} */ #audio = byId("sound-audio");
  /** @type {HTMLCanvasElement} */ #picture = byId("sound-picture");
  /** @type {() => void} */ #onLoaded;

  /** @param {() => void} onLoaded */
  constructor(onLoaded) {
    this.#onLoaded = onLoaded;
    byId("sound-load").addEventListener("click", () => void this.#load());
    this.#audio.addEventListener("timeupdate", () => this.#draw());
    this.#picture.addEventListener("click", (event) => {
      if (this.#sound) this.#audio.currentTime = (event.offsetX / this.#picture.clientWidth) * this.#sound.duration;
    });
    new ResizeObserver(() => this.#draw()).observe(this.#picture);
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => this.#draw());
  }

  get isLoaded() { return this.#sound !== null; }

  /** @param {any} call  its summary */
  show(call) {
    const seconds = call.caller_seconds + call.answer_seconds;
    if (call.id !== this.#call) {
      this.#call = call.id;
      this.#forget();
    }
    byId("sound").hidden = seconds === 0;
    byId("sound-load").textContent = this.#sound ? "Load again" : "Load sound";
    byId("sound-load").hidden = this.#sound !== null && call.ended_at !== null;
    if (!this.#sound) {
      byId("sound-words").textContent = `caller ${call.caller_seconds.toFixed(1)} s, answer ${call.answer_seconds.toFixed(1)} s kept`;
    }
  }

  /** @param {number} ms  since the call began */
  playFrom(ms) {
    if (!this.#sound) return;
    this.#audio.currentTime = Math.max(0, Math.min((ms - this.#beganMs) / 1000, this.#sound.duration - 0.05));
    void this.#audio.play();
  }

  redraw() { this.#draw(); }

  #forget() {
    this.#sound = null;
    this.#audio.removeAttribute("src");
    if (this.#url) URL.revokeObjectURL(this.#url);
    this.#url = "";
    byId("sound-player").hidden = true;
  }

  async #load() {
    const call = this.#call;
    byId("sound-words").textContent = "Loading…";
    try {
      const response = await fetch(`calls/${encodeURIComponent(call ?? "")}/sound.wav`);
      if (!response.ok) throw new Error(`the server said ${response.status}`);
      const blob = await response.blob();
      // Decoding only: this context plays nothing.
      const sound = await new OfflineAudioContext(1, 1, 24_000).decodeAudioData(await blob.arrayBuffer());
      if (call !== this.#call) return;
      this.#forget();
      this.#sound = sound;
      this.#beganMs = Number(response.headers.get("X-Began-Ms") ?? 0);
      this.#audio.src = this.#url = URL.createObjectURL(blob);
      byId("sound-player").hidden = false;
      byId("sound-load").textContent = "Load again";
      byId("sound-words").textContent = "Caller left, answer right.";
      this.#draw();
      this.#onLoaded();
    } catch (error) {
      byId("sound-words").textContent = `The sound could not be loaded (${error instanceof Error ? error.message : error}). Try again.`;
    }
  }

  #draw() {
    const sound = this.#sound;
    const width = this.#picture.clientWidth;
    if (!sound || width === 0) return;
    const scale = devicePixelRatio;
    this.#picture.width = width * scale;
    this.#picture.height = HEIGHT * scale;
    const pen = this.#picture.getContext("2d");
    if (!pen) return;
    pen.scale(scale, scale);
    const style = getComputedStyle(this.#picture);
    for (const [channel, colour, middle] of /** @type {[number, string, number][]} */ ([[0, "--you", HEIGHT / 4], [1, "--them", (3 * HEIGHT) / 4]])) {
      const samples = sound.getChannelData(Math.min(channel, sound.numberOfChannels - 1));
      pen.fillStyle = colourOf(style, this.#picture, colour);
      const step = samples.length / width;
      for (let x = 0; x < width; x += 1) {
        let peak = 0;
        const end = Math.min(samples.length, Math.ceil((x + 1) * step));
        for (let index = Math.floor(x * step); index < end; index += 4) peak = Math.max(peak, Math.abs(samples[index]));
        const half = Math.max(0.5, Math.sqrt(peak) * (HEIGHT / 4 - 2));
        pen.fillRect(x, middle - half, 1, 2 * half);
      }
    }
    pen.fillStyle = colourOf(style, this.#picture, "--ink");
    pen.fillRect((this.#audio.currentTime / sound.duration) * width, 0, 1.5, HEIGHT);
  }
}

/** A token as the canvas takes it: custom properties keep their light-dark(). @param {CSSStyleDeclaration} style @param {HTMLElement} element @param {string} token */
function colourOf(style, element, token) {
  element.style.color = `var(${token})`;
  const colour = style.color;
  element.style.color = "";
  return colour;
}
