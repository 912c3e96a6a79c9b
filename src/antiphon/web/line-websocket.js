// @ts-check
/**
 * One WebSocket connection, with its sound inside events: for networks that let no WebRTC through. The same face as
 * line-webrtc.js, and used once. The page is told `output_audio_buffer.*` as on WebRTC, made here from what is played.
 */

import { SocketAudio } from "./socket-audio.js";
import { fromBase64, toBase64 } from "./pcm.js";
import { Playback } from "./playback.js";
import { CallError } from "./problems.js";
import { noStats } from "./stats.js";

const MESSAGE_LIMIT = 4 * 1024 * 1024;
const MOST_UNSENT_BYTES = 256 * 1024; // five seconds of microphone; older sound than that answers nobody
const ENDED = 1000;
const POLICY = 1008;

/** @implements {Line} @typedef {import("./line-webrtc.js").Line} Line */
export class WebSocketLine {
  kind = /** @type {const} */ ("websocket");
  /** @type {string|null} */ id = null;
  messageLimit = MESSAGE_LIMIT;
  /** @type {import("./line-webrtc.js").LineSettings & {worklet: string}} */ #settings;
  /** @type {import("./line-webrtc.js").LineObserver} */ #observer;
  /** @type {WebSocket|null} */ #socket = null;
  /** @type {SocketAudio|null} */ #audio = null;
  /** @type {MediaStreamTrack|null} */ #track = null;
  /** @type {"opening"|"open"|"closed"} */ #state = "opening";
  #playback = new Playback();
  /** @type {(error: CallError) => void} */ #rejectOpen = () => {};
  #bytesIn = 0;
  #bytesOut = 0;
  /** @type {{at: number, in: number, out: number}|null} */ #before = null;
  #isFull = false;

  /** @param {import("./line-webrtc.js").LineSettings & {worklet: string}} settings  worklet: address of worklet.js @param {import("./line-webrtc.js").LineObserver} observer */
  constructor(settings, observer) {
    this.#settings = settings;
    this.#observer = observer;
  }

  async open() {
    const token = await this.#settings.token();
    this.#throwIfClosed();
    try {
      this.#audio = await SocketAudio.open(this.#settings.worklet, (pcm) => this.#hearMicrophone(pcm), (report) => this.#report(report));
    } catch (error) {
      throw new CallError({ kind: "unexpected", detail: `The sound could not be set up: ${error}` });
    }
    if (this.#state === "closed") this.#audio.close();
    this.#throwIfClosed();
    this.#audio.setMicrophone(this.#track);
    this.#observer.onVoice(this.#audio.stream);
    // A browser can send no header with a WebSocket: the key travels as a subprotocol, as the hosted service has it.
    const protocols = token ? ["realtime", `openai-insecure-api-key.${token}`] : ["realtime"];
    const socket = new WebSocket(this.#settings.addresses.socket, protocols);
    this.#socket = socket;
    await new Promise((resolve, reject) => {
      this.#rejectOpen = reject;
      const timer = setTimeout(() => this.#fail({ kind: "server_slow" }), this.#settings.timing.answer_ms);
      socket.addEventListener("open", () => resolve(undefined));
      socket.addEventListener("message", ({ data }) => this.#read(data));
      socket.addEventListener("close", ({ code, reason }) => {
        clearTimeout(timer);
        this.#fail(this.#state === "opening" ? { kind: "server_gone" } : ending(code, reason));
      });
      socket.addEventListener("open", () => clearTimeout(timer));
    });
    this.#state = "open";
  }

  /** @param {any} event */
  send(event) {
    if (this.#socket?.readyState !== WebSocket.OPEN) return false;
    if (event.type === "output_audio_buffer.clear") {
      this.#audio?.flush(); // the buffer is here, not on the server
      return true;
    }
    const text = JSON.stringify(event);
    if (text.length > MESSAGE_LIMIT) return false;
    this.#socket.send(text);
    this.#bytesOut += text.length;
    return true;
  }

  /** @param {MediaStreamTrack|null} track */
  async setMicrophone(track) {
    this.#track = track;
    if (this.#state !== "closed") this.#audio?.setMicrophone(track);
  }

  close() {
    if (this.#state === "closed") return;
    this.#state = "closed";
    this.#rejectOpen(new CallError({ kind: "aborted" }));
    this.#socket?.close(ENDED);
    this.#audio?.close();
  }

  /** @returns {Promise<import("./stats.js").ConnectionStats>} */
  async stats() {
    const now = { at: performance.now(), in: this.#bytesIn, out: this.#bytesOut };
    const before = this.#before ?? now;
    this.#before = now;
    const seconds = (now.at - before.at) / 1000;
    const rate = (/** @type {number} */ bytes) => (seconds > 0 ? Math.round((8 * bytes) / seconds) : null);
    return { ...noStats(), bitrate_in: rate(now.in - before.in), bitrate_out: rate(now.out - before.out) };
  }

  /** @param {ArrayBuffer} pcm */
  #hearMicrophone(pcm) {
    if (this.#state !== "open" || this.#track === null) return; // a muted one sends silence, so that turns end
    if ((this.#socket?.bufferedAmount ?? 0) > MOST_UNSENT_BYTES) return; // dropped, like a lost packet
    this.send({ type: "input_audio_buffer.append", audio: toBase64(pcm) });
  }

  /** @param {unknown} data */
  #read(data) {
    if (this.#state === "closed") return;
    const text = String(data);
    this.#bytesIn += text.length;
    let event;
    try {
      event = JSON.parse(text);
    } catch {
      event = { type: "error", error: { message: "The server sent something that is not JSON." } };
    }
    if (typeof event?.type !== "string") return;
    const { flush, events } = this.#playback.hear(event);
    if (flush) this.#audio?.flush();
    this.#observer.onEvent(event);
    if (event.type === "response.output_audio.delta") this.#play(event);
    for (const own of events) this.#observer.onEvent(own);
  }

  /** @param {any} event */
  #play(event) {
    const tag = this.#playback.sound(event);
    if (tag > 0) {
      this.#isFull = false;
      this.#audio?.play(tag, fromBase64(event.delta));
    } else if (tag < 0 && !this.#isFull) {
      this.#isFull = true;
      this.#observer.onEvent({ type: "error", error: { code: "playback_full", message: "More than ten minutes of sound are waiting to be heard; the rest is dropped." } });
    }
  }

  /** @param {any} report  see worklet.js */
  #report(report) {
    if (this.#state === "closed") return;
    /** @type {any[]} */ let told;
    if (report.flushed) {
      const { send, events } = this.#playback.flushed(report.tag, report.played, this.#audio?.latencyMs ?? 0);
      for (const event of send) {
        this.send(event);
        this.#observer.onSent(event);
      }
      told = events;
    } else told = report.drained ? this.#playback.drained() : this.#playback.played(report.tag, report.played);
    for (const event of told) this.#observer.onEvent(event);
  }

  /** @param {import("./problems.js").Problem} problem */
  #fail(problem) {
    if (this.#state === "closed") return;
    const wasOpen = this.#state === "open";
    this.#rejectOpen(new CallError(problem));
    this.close();
    if (wasOpen) this.#observer.onEnd(problem);
  }

  #throwIfClosed() {
    if (this.#state === "closed") throw new CallError({ kind: "aborted" });
  }
}

/** @param {number} code @param {string} reason @returns {import("./problems.js").Problem} */
function ending(code, reason) {
  if (code === ENDED || code === POLICY) return { kind: "other_side_ended", detail: reason };
  return { kind: "connection_lost", detail: reason }; // 1001: restarted, or the session's cap; 1006: the network
}
