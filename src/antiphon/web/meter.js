// @ts-check
/**
 * How loud a stream is. One AudioContext for the page (made in the tap on Start, so that browsers let it run), one `Meter`
 * for each voice. Not here: what is drawn from it.
 */

/** @type {AudioContext|null} */
let context = null;

/** To be called in a click or key handler. */
export function wakeAudio() {
  context ??= new AudioContext({ latencyHint: "interactive" });
  if (context.state !== "running") void context.resume(); // "suspended", and "interrupted" on a phone after another call
}

export class Meter {
  /** @type {MediaStreamAudioSourceNode|null} */ #source = null;
  /** @type {AnalyserNode|null} */ #analyser = null;
  #samples = new Float32Array(1024);

  /** @param {MediaStream|null} stream  null: silence */
  listenTo(stream) {
    this.#source?.disconnect();
    this.#source = null;
    if (!stream || !context || stream.getAudioTracks().length === 0) return;
    this.#analyser ??= new AnalyserNode(context, { fftSize: 1024, smoothingTimeConstant: 0 });
    this.#source = context.createMediaStreamSource(stream);
    this.#source.connect(this.#analyser);
  }

  /** Root mean square of the last 20 ms or so, 0 to 1. */
  get level() {
    if (!this.#source || !this.#analyser) return 0;
    this.#analyser.getFloatTimeDomainData(this.#samples);
    let sum = 0;
    for (const sample of this.#samples) sum += sample * sample;
    return Math.sqrt(sum / this.#samples.length);
  }
}

/** Loudness as an ear would put it: 0 at -54 dBFS and below, 1 at -12 dBFS and above. @param {number} level */
export function loudness(level) {
  if (level <= 0) return 0;
  const decibels = 20 * Math.log10(level);
  return Math.min(1, Math.max(0, (decibels + 54) / 42));
}
