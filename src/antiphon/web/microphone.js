// @ts-check
/**
 * The microphone of a call: asked for, switched, muted, lost. And which devices there are. Not here: where its sound goes.
 *
 * @typedef {{device_id: string, label: string}} Device  label: "" until the browser has been allowed a microphone once
 * @typedef {import("./problems.js").Problem} Problem
 */

import { CallError } from "./problems.js";

/** @type {MediaTrackConstraints} */
const USUAL_MICROPHONE = { echoCancellation: true, noiseSuppression: true, autoGainControl: true };

export class Microphone {
  /** @type {MediaStream|null} */ #stream = null;
  /** @type {MediaTrackConstraints} */ #wishes;
  /** @type {string|null} */ #chosen = null; // of the devices; "": the browser's choice; null: what the wishes say
  /** @type {MediaStream|null} */ #given;
  /** @type {(problem: Problem|null) => void} */ #onChange;
  #isMuted = false;
  #asked = 0; // who asked last gets it: an older answer of the browser is put back

  /**
   * @param {MediaTrackConstraints|MediaStream|null} wishes  a stream of the app's own is used as it is, and not stopped
   * @param {(problem: Problem|null) => void} onChange  there is another stream, or none any more
   */
  constructor(wishes, onChange) {
    this.#given = wishes instanceof MediaStream ? wishes : null;
    this.#wishes = wishes instanceof MediaStream || wishes === null ? USUAL_MICROPHONE : { ...USUAL_MICROPHONE, ...wishes };
    this.#onChange = onChange;
  }

  get stream() { return this.#stream; }
  get track() { return this.#stream?.getAudioTracks()[0] ?? null; }
  get isMuted() { return this.#isMuted; }
  get deviceId() { return this.track?.getSettings().deviceId ?? null; }

  /**
   * Asks for it, or for another one. Rejects with CallError and leaves what there is as it is.
   * @param {string} [deviceId]  of `listDevices`, "" for the browser's choice; without: what was chosen last, if it is still there
   */
  async open(deviceId) {
    const mine = ++this.#asked;
    let chosen = deviceId ?? this.#chosen;
    const ask = () => navigator.mediaDevices.getUserMedia({
      audio: chosen === null ? this.#wishes : { ...this.#wishes, deviceId: chosen ? { exact: chosen } : undefined },
    });
    let stream = this.#given;
    if (!stream) {
      try {
        if (!navigator.mediaDevices?.getUserMedia) throw new DOMException("", "SecurityError");
        stream = await ask().catch((error) => {
          if (deviceId !== undefined || !chosen || microphoneProblem(error) !== "microphone_missing") throw error;
          chosen = null; // it was unplugged
          return ask();
        });
      } catch (error) {
        throw new CallError({ kind: microphoneProblem(error) });
      }
    }
    if (mine !== this.#asked) {
      if (stream !== this.#given) for (const track of stream.getTracks()) track.stop();
      throw new CallError({ kind: "aborted" });
    }
    const before = this.#stream;
    this.#stream = stream;
    this.#chosen = chosen;
    if (before && before !== this.#given) for (const track of before.getTracks()) track.stop();
    const track = this.track;
    if (track) track.enabled = !this.#isMuted;
    track?.addEventListener("ended", () => {
      if (this.#stream !== stream) return;
      this.#stream = null;
      this.#onChange({ kind: "microphone_gone" });
    });
    this.#onChange(null);
  }

  /** @param {boolean} isMuted */
  setMuted(isMuted) {
    this.#isMuted = isMuted;
    if (this.track) this.track.enabled = !isMuted;
  }

  /** Gives it back. Quiet: nobody is told. */
  close() {
    this.#asked += 1;
    const stream = this.#stream;
    this.#stream = null;
    if (stream && stream !== this.#given) for (const track of stream.getTracks()) track.stop();
  }
}

/** @returns {Promise<{microphones: Device[], speakers: Device[]}>} none where the browser does not tell */
export async function listDevices() {
  const all = (await navigator.mediaDevices?.enumerateDevices?.().catch(() => [])) ?? [];
  const of = (/** @type {string} */ kind) =>
    all.filter((device) => device.kind === kind).map(({ deviceId, label }) => ({ device_id: deviceId, label }));
  return { microphones: of("audioinput"), speakers: of("audiooutput") };
}

/** @param {unknown} error */
function microphoneProblem(error) {
  if (!isSecureContext) return "microphone_insecure";
  const { name } = /** @type {any} */ (error); // an OverconstrainedError is no DOMException everywhere
  if (name === "NotAllowedError") return "microphone_refused";
  if (name === "NotFoundError" || name === "OverconstrainedError") return "microphone_missing";
  return "microphone_busy";
}
