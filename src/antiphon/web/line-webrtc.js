// @ts-check
/**
 * One WebRTC connection, from the offer to the hang-up: peer connection, data channel, and why it is no more.
 * Used once. Not here: what the events mean, the microphone's device, whether to call again.
 *
 * Both kinds of line (see line-websocket.js) have the same face:
 *
 * @typedef {object} LineObserver
 * @property {(event: any) => void} onEvent  a server event, parsed
 * @property {(event: any) => void} onSent  what the line sends by itself
 * @property {(stream: MediaStream) => void} onVoice  the other side's sound
 * @property {(isSteady: boolean) => void} onSteady  false: nothing arrives now, it may come back by itself
 * @property {(problem: import("./problems.js").Problem) => void} onEnd  once, and not when closed from here
 *
 * @typedef {object} LineSettings
 * @property {import("./addresses.js").Addresses} addresses
 * @property {() => Promise<string|null>} token  a fresh key for each line; null where the server asks for none
 * @property {RTCIceServer[]|null} iceServers  null: those that the server names
 * @property {import("./continuity.js").Timing} timing
 *
 * @typedef {object} Line
 * @property {"webrtc"|"websocket"} kind
 * @property {string|null} id  of the call, where the server tells it
 * @property {number} messageLimit  bytes that one event may have
 * @property {() => Promise<void>} open  resolves when events can be sent; rejects with CallError
 * @property {(event: any) => boolean} send  false: it did not go out
 * @property {(track: MediaStreamTrack|null) => Promise<void>} setMicrophone
 * @property {() => void} close  hangs up; may be called twice
 * @property {() => Promise<import("./stats.js").ConnectionStats>} stats
 */

import { CallError, refusalOf } from "./problems.js";
import { StatsReader } from "./stats.js";
import { whyGone } from "./strangers.js";

const USUAL_MESSAGE_LIMIT = 65_536;
const ICE_SERVERS_TIMEOUT_MS = 3_000;
/** A machine's own addresses come at once, one after the other; that the browser looks no further takes it a tenth of a second. */
const HOST_QUIET_MS = 15;

/** @implements {Line} */
export class WebRtcLine {
  kind = /** @type {const} */ ("webrtc");
  /** @type {string|null} */ id = null;
  /** @type {LineSettings} */ #settings;
  /** @type {LineObserver} */ #observer;
  /** @type {RTCPeerConnection|null} */ #peer = null;
  /** @type {RTCDataChannel|null} */ #channel = null;
  /** @type {RTCRtpSender|null} */ #sender = null;
  /** @type {MediaStreamTrack|null} */ #track = null;
  /** @type {"opening"|"open"|"closed"} */ #state = "opening";
  #isSteady = true;
  #stats = new StatsReader();
  #abort = new AbortController();
  /** @type {ReturnType<typeof setTimeout>|undefined} */ #grace;

  /** @param {LineSettings} settings @param {LineObserver} observer */
  constructor(settings, observer) {
    this.#settings = settings;
    this.#observer = observer;
  }

  /** The longest event, in bytes, that the channel carries. */
  get messageLimit() {
    return this.#peer?.sctp?.maxMessageSize || USUAL_MESSAGE_LIMIT;
  }

  async open() {
    if (typeof RTCPeerConnection === "undefined") throw new CallError({ kind: "no_path", detail: "This browser has no WebRTC." });
    const { timing } = this.#settings;
    const [token, iceServers] = await Promise.all([this.#settings.token(), this.#iceServers()]);
    this.#throwIfClosed();
    const peer = new RTCPeerConnection({ iceServers });
    this.#peer = peer;
    peer.addEventListener("connectionstatechange", () => this.#watch(peer.connectionState));
    peer.addEventListener("track", ({ streams, track }) => this.#observer.onVoice(streams[0] ?? new MediaStream([track])));
    // Always both ways: a microphone that is allowed later takes its place without another offer.
    this.#sender = peer.addTransceiver("audio", { direction: "sendrecv" }).sender;
    if (this.#track) await this.#sender.replaceTrack(this.#track);
    const channel = peer.createDataChannel("oai-events");
    this.#channel = channel;
    const opened = this.#opens(channel);
    opened.catch(() => {}); // awaited below, but it may fail while the answer is still being fetched

    await peer.setLocalDescription();
    await (iceServers.length > 0 ? gathered(peer, timing.relay_gathering_ms) : gathered(peer, timing.gathering_ms, HOST_QUIET_MS));
    this.#throwIfClosed();
    const answer = await this.#post(peer.localDescription?.sdp ?? "", token);
    this.#throwIfClosed();
    try {
      await peer.setRemoteDescription({ type: "answer", sdp: answer });
    } catch (error) {
      this.#fail({ kind: "bad_answer", detail: String(error) });
    }
    // The channel has to open from here on; before, the server's own time limit counted.
    const timer = setTimeout(() => this.#fail({ kind: "no_path" }), timing.path_ms);
    await opened.finally(() => clearTimeout(timer));
    this.#state = "open";
  }

  /** @param {any} event */
  send(event) {
    try {
      if (this.#channel?.readyState !== "open") return false;
      const text = JSON.stringify(event);
      if (text.length > this.messageLimit) return false; // some peers close the channel without a word
      this.#channel.send(text);
      return true;
    } catch {
      return false;
    }
  }

  /** @param {MediaStreamTrack|null} track */
  async setMicrophone(track) {
    this.#track = track;
    if (this.#state !== "closed") await this.#sender?.replaceTrack(track);
  }

  close() {
    if (this.#state === "closed") return;
    this.#state = "closed";
    clearTimeout(this.#grace);
    this.#abort.abort();
    this.#channel?.close();
    this.#peer?.close();
    if (this.id !== null && this.#settings.addresses.health !== null) {
      // A beacon outlives the page, so a closed tab hangs up too. A hosted service takes this from key holders only.
      navigator.sendBeacon?.(`${this.#settings.addresses.calls.replace(/[?#].*$/, "")}/${encodeURIComponent(this.id)}/hangup`);
    }
  }

  /** @returns {Promise<import("./stats.js").ConnectionStats>} */
  async stats() {
    if (!this.#peer) throw new CallError({ kind: "not_connected" });
    return this.#stats.read(this.#peer);
  }

  /** @param {RTCDataChannel} channel @returns {Promise<void>} */
  #opens(channel) {
    channel.addEventListener("message", ({ data }) => this.#read(data));
    return new Promise((resolve, reject) => {
      channel.addEventListener("open", () => resolve());
      channel.addEventListener("close", () => this.#fail({ kind: this.#state === "opening" ? "no_path" : "other_side_ended" }));
      this.#abort.signal.addEventListener("abort", () => reject(this.#abort.signal.reason instanceof CallError ? this.#abort.signal.reason : aborted()));
    });
  }

  /** @param {unknown} data */
  #read(data) {
    if (this.#state === "closed") return;
    let event;
    try {
      event = JSON.parse(String(data));
    } catch {
      event = { type: "error", error: { message: "The server sent something that is not JSON." } };
    }
    if (typeof event?.type === "string") this.#observer.onEvent(event);
  }

  /** @returns {Promise<RTCIceServer[]>} never rejects: a server that names none is reached directly */
  async #iceServers() {
    const { iceServers, addresses } = this.#settings;
    if (iceServers !== null || addresses.iceServers === null) return iceServers ?? [];
    try {
      const signal = AbortSignal.any([this.#abort.signal, AbortSignal.timeout(ICE_SERVERS_TIMEOUT_MS)]);
      const named = (await (await fetch(addresses.iceServers, { signal })).json()).iceServers;
      return Array.isArray(named) ? named : [];
    } catch {
      return [];
    }
  }

  /** @param {string} offer @param {string|null} token @returns {Promise<string>} */
  async #post(offer, token) {
    let response;
    try {
      response = await fetch(this.#settings.addresses.calls, {
        method: "POST",
        headers: { "Content-Type": "application/sdp", ...(token ? { Authorization: `Bearer ${token}` } : {}) },
        body: offer,
        signal: AbortSignal.any([this.#abort.signal, AbortSignal.timeout(this.#settings.timing.answer_ms)]),
      });
    } catch (error) {
      this.#throwIfClosed();
      const isSlow = error instanceof DOMException && error.name === "TimeoutError";
      throw new CallError(isSlow ? { kind: "server_slow" } : await whyGone(this.#settings.addresses));
    }
    const body = await response.text().catch(() => "");
    if (!response.ok) throw new CallError(refusalOf(response, body));
    this.id = (response.headers.get("Location") ?? "").split("/").pop() || null;
    return body;
  }

  /** @param {RTCPeerConnectionState} state */
  #watch(state) {
    if (this.#state === "closed") return;
    if (state === "failed") this.#fail({ kind: this.#state === "opening" ? "no_path" : "connection_lost" });
    else if (state === "disconnected" && this.#state === "open" && this.#isSteady) {
      this.#isSteady = false;
      this.#observer.onSteady(false);
      this.#grace = setTimeout(() => this.#fail({ kind: "connection_lost" }), this.#settings.timing.grace_ms);
    } else if (state === "connected" && !this.#isSteady) {
      this.#isSteady = true;
      clearTimeout(this.#grace);
      this.#observer.onSteady(true);
    }
  }

  /** It is over, and not because of us. While it opens, `open` tells; later, the observer is told. @param {import("./problems.js").Problem} problem */
  #fail(problem) {
    if (this.#state === "closed") return;
    const wasOpen = this.#state === "open";
    this.#abort.abort(new CallError(problem));
    this.close();
    if (wasOpen) this.#observer.onEnd(problem);
  }

  #throwIfClosed() {
    if (this.#state !== "closed") return;
    const { reason } = this.#abort.signal;
    throw reason instanceof CallError ? reason : aborted();
  }
}

function aborted() {
  return new CallError({ kind: "aborted" });
}

/**
 * @param {RTCPeerConnection} peer @param {number} patience milliseconds
 * @param {number} [quiet]  enough so long after a candidate, in milliseconds; without it, only all of them are enough
 * @returns {Promise<void>}
 */
function gathered(peer, patience, quiet) {
  if (peer.iceGatheringState === "complete") return Promise.resolve();
  return new Promise((resolve) => {
    let timer = setTimeout(resolve, patience);
    peer.addEventListener("icecandidate", () => {
      if (quiet === undefined) return;
      clearTimeout(timer);
      timer = setTimeout(resolve, quiet);
    });
    peer.addEventListener("icegatheringstatechange", () => {
      if (peer.iceGatheringState !== "complete") return;
      clearTimeout(timer);
      resolve();
    });
  });
}
