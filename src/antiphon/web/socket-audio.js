// @ts-check
/**
 * Sound of a call that travels inside events: a microphone's track in, blocks of PCM out; PCM in, a stream to play out.
 * The work is done on the audio thread (worklet.js). Not here: events, base64, what was heard.
 */


const CAN_STAND_STILL = navigator.userAgent.includes("Firefox/");

export class SocketAudio {
  /** @type {AudioContext} */ #context;
  /** @type {AudioWorkletNode} */ #player;
  /** @type {AudioWorkletNode} */ #recorder;
  /** @type {BiquadFilterNode} */ #filter;
  /** @type {MediaStreamAudioSourceNode|null} */ #source = null;
  /** @type {MediaStream} */ stream;

  /** @param {AudioContext} context @param {(pcm: ArrayBuffer) => void} onSound @param {(report: any) => void} onReport */
  constructor(context, onSound, onReport) {
    this.#context = context;
    this.#player = new AudioWorkletNode(context, "antiphon-playback", { numberOfInputs: 0, outputChannelCount: [1] });
    this.#player.port.onmessage = ({ data }) => onReport(data);
    const out = context.createMediaStreamDestination();
    this.#player.connect(out);
    this.stream = out.stream;
    this.#recorder = new AudioWorkletNode(context, "antiphon-capture", { numberOfOutputs: 0, channelCount: 1, channelCountMode: "explicit" });
    this.#recorder.port.onmessage = ({ data }) => onSound(data);
    // What 24 kHz cannot carry is taken out before, or it would come back as another tone.
    this.#filter = new BiquadFilterNode(context, { type: "lowpass", frequency: Math.min(11_000, context.sampleRate / 2.2), Q: 0.7 });
    this.#filter.connect(this.#recorder);
  }

  /**
   * @param {string} worklet  address of worklet.js
   * @param {(pcm: ArrayBuffer) => void} onSound  40 ms of int16 at 24 kHz, again and again while there is a microphone
   * @param {(report: any) => void} onReport  see worklet.js
   */
  static async open(worklet, onSound, onReport) {
    // At the hardware's own rate: not every browser lets a microphone of another rate into a context.
    const context = new AudioContext({ latencyHint: "interactive" });
    await context.audioWorklet.addModule(worklet);
    void context.resume();
    // Far from the tap that began the call, some browsers want another one.
    const wake = () => void (context.state === "suspended" && context.resume());
    for (const tap of ["pointerdown", "keydown"]) document.addEventListener(tap, wake);
    context.addEventListener("statechange", () => {
      if (context.state === "closed") for (const tap of ["pointerdown", "keydown"]) document.removeEventListener(tap, wake);
    });
    return new SocketAudio(context, onSound, onReport);
  }

  /** How long sound is on its way to the ear after it was played, in milliseconds. */
  get latencyMs() {
    // Not asked of Firefox: it holds its audio graph while it asks the audio thread, which may be waiting for that graph,
    // and then the page stands still for good. So some 30 ms more count as heard there than were.
    const { baseLatency } = this.#context;
    return 1000 * ((CAN_STAND_STILL ? 0 : this.#context.outputLatency) || baseLatency || 0);
  }

  /** @param {MediaStreamTrack|null} track */
  setMicrophone(track) {
    this.#source?.disconnect();
    this.#source = track ? this.#context.createMediaStreamSource(new MediaStream([track])) : null;
    this.#source?.connect(this.#filter);
  }

  /** @param {number} tag @param {ArrayBuffer} samples */
  play(tag, samples) {
    if (this.#context.state !== "running") void this.#context.resume();
    this.#player.port.postMessage({ tag, samples }, [samples]);
  }

  /** What is not played yet is dropped; the report says where it was cut. */
  flush() {
    this.#player.port.postMessage({ flush: true });
  }

  close() {
    this.#source?.disconnect();
    void this.#context.close().catch(() => {});
  }
}

