// @ts-check
/**
 * One WebRTC call, from the tap on Start to the last released device. A `Call` is used once.
 *
 * Lives here: microphone, peer connection, data channel, the offer and the hang-up, and telling why a call could not be or
 * is no more. Not here: what the events mean, what is drawn, what is said about it in words (`problem.kind` is a key there).
 *
 * Phases: "new" → "connecting" → "live" ⇄ "shaky" → "over". "over" is final and reached once; everything is released then.
 *
 * @typedef {"new"|"connecting"|"live"|"shaky"|"over"} CallPhase
 * @typedef {{kind: string, status?: number, detail?: string}} Problem
 * @typedef {object} CallObserver
 * @property {(phase: CallPhase, problem: Problem|null) => void} onPhase  problem: only with "over", null when hung up here
 * @property {(event: any) => void} onEvent  a server event, parsed
 * @property {(stream: MediaStream|null, problem: Problem|null) => void} onMicrophone
 * @property {(stream: MediaStream) => void} onVoice  the other side's sound
 */

const ANSWER_TIMEOUT_MS = 20_000;
const OPEN_TIMEOUT_MS = 15_000;
const UPDATED_TIMEOUT_MS = 5_000;
const GATHERING_MS = 150; // host candidates take a few milliseconds; an answerer also learns the rest by itself
const RELAY_GATHERING_MS = 2_000; // with STUN or TURN servers: without their candidates there may be no way at all
const ICE_SERVERS_TIMEOUT_MS = 3_000;
const GRACE_MS = 5_000;
const MOST_QUEUED = 32;
const USUAL_MESSAGE_LIMIT = 65_536;

const SESSION = {
  type: "realtime",
  audio: { input: { transcription: { model: "gpt-4o-mini-transcribe" } } },
};

const MICROPHONE = { audio: { echoCancellation: true, noiseSuppression: true, autoGainControl: true } };

export class Call {
  /** @type {CallPhase} */ #phase = "new";
  /** @type {CallObserver} */ #observer;
  /** @type {string} */ #base;
  /** @type {RTCPeerConnection|null} */ #peer = null;
  /** @type {RTCDataChannel|null} */ #channel = null;
  /** @type {MediaStream|null} */ #microphone = null;
  #isMuted = false;
  /** @type {string|null} */ #id = null;
  /** @type {object[]} */ #queue = [];
  /** @type {ReturnType<typeof setTimeout>|undefined} */ #grace;
  #abort = new AbortController();
  /** @type {() => void} */ #onUpdated = () => {};

  /**
   * @param {CallObserver} observer
   * @param {string} base  URL of the server's root, with a slash at its end
   */
  constructor(observer, base) {
    this.#observer = observer;
    this.#base = base;
  }

  get phase() { return this.#phase; }
  get id() { return this.#id; }
  get peer() { return this.#peer; }
  get isMuted() { return this.#isMuted; }
  get hasMicrophone() { return this.#microphone !== null; }

  /** The longest event, in bytes, that the channel carries. */
  get messageLimit() {
    return this.#peer?.sctp?.maxMessageSize || USUAL_MESSAGE_LIMIT;
  }

  /**
   * Connects. Never rejects: how it went is told through `onPhase`.
   * @param {{withMicrophone: boolean}} options  without: a call to type in, the microphone can be added later
   */
  async start({ withMicrophone }) {
    if (this.#phase !== "new") return;
    this.#enter("connecting", null);
    const iceServers = this.#fetchIceServers(); // while the browser asks for the microphone
    try {
      if (withMicrophone) await this.addMicrophone();
      await this.#connect(await iceServers);
    } catch (error) {
      this.#end(error instanceof CallError ? error.problem : { kind: "unexpected", detail: String(error) });
    }
  }

  /** Ends the call. Calling it twice is calling it once. */
  hangUp() {
    this.#end(null);
  }

  /**
   * Asks for the microphone and puts it on the line, also in the middle of a call. A refusal is told through
   * `onMicrophone` and leaves the call as it is.
   */
  async addMicrophone() {
    if (this.#microphone || this.#phase === "over") return;
    /** @type {MediaStream} */
    let stream;
    try {
      if (!navigator.mediaDevices?.getUserMedia) throw new DOMException("", "SecurityError");
      stream = await navigator.mediaDevices.getUserMedia(MICROPHONE);
    } catch (error) {
      if (this.phase !== "over") this.#observer.onMicrophone(null, { kind: microphoneProblem(error) });
      return;
    }
    const [track] = stream.getAudioTracks();
    if (this.phase === "over" || this.#microphone) {
      track.stop(); // hung up while the browser was still asking
      return;
    }
    this.#microphone = stream;
    track.enabled = !this.#isMuted;
    track.addEventListener("ended", () => this.#lostMicrophone(stream));
    await this.#audioSender()?.replaceTrack(track);
    this.#observer.onMicrophone(stream, null);
  }

  /** @param {boolean} isMuted */
  setMuted(isMuted) {
    this.#isMuted = isMuted;
    for (const track of this.#microphone?.getAudioTracks() ?? []) track.enabled = !isMuted;
  }

  /**
   * Sends client events; before the channel is open they wait in a queue of at most 32.
   * @param {object[]} events
   * @returns {boolean} false when one of them could not be sent or queued
   */
  send(events) {
    for (const event of events) {
      if (this.#channel?.readyState === "open" && this.#phase !== "connecting") {
        if (!this.#write(event)) return false;
      } else if (this.#phase === "over" || this.#queue.length >= MOST_QUEUED) {
        return false;
      } else {
        this.#queue.push(event);
      }
    }
    return true;
  }

  // ── connecting ────────────────────────────────────────────────────────────────────────────────────────────────

  /** @param {RTCIceServer[]} iceServers */
  async #connect(iceServers) {
    this.#throwIfOver();
    const peer = new RTCPeerConnection({ iceServers });
    this.#peer = peer;
    peer.addEventListener("connectionstatechange", () => this.#watch(peer.connectionState));
    peer.addEventListener("track", ({ streams, track }) => this.#observer.onVoice(streams[0] ?? new MediaStream([track])));
    // Always both ways: a microphone that is allowed later takes its place without another offer.
    const transceiver = peer.addTransceiver("audio", { direction: "sendrecv" });
    const [track] = this.#microphone?.getAudioTracks() ?? [];
    if (track) await transceiver.sender.replaceTrack(track);

    const channel = peer.createDataChannel("oai-events");
    this.#channel = channel;
    const opened = this.#channelOpens(channel);
    opened.catch(() => {}); // awaited below, but it may fail while the answer is still being fetched

    await peer.setLocalDescription();
    await gathered(peer, iceServers.length > 0 ? RELAY_GATHERING_MS : GATHERING_MS);
    this.#throwIfOver();
    const answer = await this.#postOffer(peer.localDescription?.sdp ?? "");
    this.#throwIfOver();
    try {
      await peer.setRemoteDescription({ type: "answer", sdp: answer });
    } catch (error) {
      throw new CallError({ kind: "bad_answer", detail: String(error) });
    }
    await opened;
    await this.#configure();
    this.#throwIfOver();
    this.#enter("live", null);
    this.send(this.#queue.splice(0));
  }

  /**
   * The STUN and TURN servers that the server names. Never rejects: a server that names none is reached directly.
   * @returns {Promise<RTCIceServer[]>}
   */
  async #fetchIceServers() {
    try {
      const signal = AbortSignal.any([this.#abort.signal, AbortSignal.timeout(ICE_SERVERS_TIMEOUT_MS)]);
      const response = await fetch(new URL("ice-servers", this.#base), { signal });
      const { iceServers } = await response.json();
      return Array.isArray(iceServers) ? iceServers : [];
    } catch {
      return [];
    }
  }

  /** @param {RTCDataChannel} channel @returns {Promise<void>} */
  #channelOpens(channel) {
    channel.addEventListener("message", ({ data }) => this.#read(data));
    return new Promise((resolve, reject) => {
      channel.addEventListener("open", () => resolve());
      channel.addEventListener("close", () => this.#end({ kind: this.#phase === "connecting" ? "no_path" : "other_side_ended" }));
      this.#abort.signal.addEventListener("abort", () => reject(new CallError({ kind: "unexpected", detail: "aborted" })));
    });
  }

  /** @param {string} offer @returns {Promise<string>} */
  async #postOffer(offer) {
    let response;
    try {
      response = await fetch(new URL("v1/realtime/calls", this.#base), {
        method: "POST",
        headers: { "Content-Type": "application/sdp" },
        body: offer,
        signal: AbortSignal.any([this.#abort.signal, AbortSignal.timeout(ANSWER_TIMEOUT_MS)]),
      });
    } catch (error) {
      const isSlow = error instanceof DOMException && error.name === "TimeoutError";
      throw new CallError({ kind: isSlow ? "server_slow" : "server_gone" });
    }
    const body = await response.text().catch(() => "");
    if (!response.ok) throw new CallError({ kind: refusal(response.status), status: response.status, detail: messageIn(body) });
    this.#id = (response.headers.get("Location") ?? "").split("/").pop() || null;
    // The channel has to open from here on; before, the server's own time limit counted.
    const timer = setTimeout(() => this.#end({ kind: "no_path" }), OPEN_TIMEOUT_MS);
    this.#channel?.addEventListener("open", () => clearTimeout(timer));
    this.#abort.signal.addEventListener("abort", () => clearTimeout(timer));
    return body;
  }

  /** Tells the session what this page needs. A server that never confirms must not hold the call up. */
  async #configure() {
    const confirmed = new Promise((resolve) => {
      this.#onUpdated = () => resolve(undefined);
      setTimeout(resolve, UPDATED_TIMEOUT_MS);
      this.#abort.signal.addEventListener("abort", resolve);
    });
    this.#write({ type: "session.update", event_id: "page_session", session: SESSION });
    await confirmed;
  }

  // ── the line ──────────────────────────────────────────────────────────────────────────────────────────────────

  /** @param {unknown} data */
  #read(data) {
    if (this.#phase === "over") return;
    let event;
    try {
      event = JSON.parse(String(data));
    } catch {
      event = { type: "error", error: { message: "The server sent something that is not JSON." } };
    }
    if (event === null || typeof event.type !== "string") return;
    if (event.type === "session.updated" || (event.type === "error" && event.error?.event_id === "page_session")) this.#onUpdated();
    this.#observer.onEvent(event);
  }

  /** @param {object} event */
  #write(event) {
    try {
      this.#channel?.send(JSON.stringify(event));
      return true;
    } catch {
      return false; // too large for the channel, or it is closing: both are told by the caller of `send`
    }
  }

  /** @param {RTCPeerConnectionState} state */
  #watch(state) {
    clearTimeout(this.#grace);
    if (state === "failed") this.#end({ kind: this.#phase === "connecting" ? "no_path" : "connection_lost" });
    else if (state === "disconnected" && this.#phase === "live") {
      this.#enter("shaky", null);
      this.#grace = setTimeout(() => this.#end({ kind: "connection_lost" }), GRACE_MS);
    } else if (state === "connected" && this.#phase === "shaky") this.#enter("live", null);
  }

  #audioSender() {
    return this.#peer?.getTransceivers().find((transceiver) => transceiver.receiver.track.kind === "audio")?.sender;
  }

  /** @param {MediaStream} stream */
  #lostMicrophone(stream) {
    if (this.#microphone !== stream || this.#phase === "over") return;
    this.#microphone = null;
    void this.#audioSender()?.replaceTrack(null);
    this.#observer.onMicrophone(null, { kind: "microphone_gone" });
  }

  // ── the end ───────────────────────────────────────────────────────────────────────────────────────────────────

  /** @param {Problem|null} problem */
  #end(problem) {
    if (this.#phase === "over") return;
    this.#phase = "over";
    clearTimeout(this.#grace);
    this.#abort.abort();
    this.#queue.length = 0;
    for (const track of this.#microphone?.getTracks() ?? []) track.stop();
    this.#microphone = null;
    this.#channel?.close();
    this.#peer?.close();
    if (this.#id !== null) {
      // A beacon outlives the page, so a closed tab hangs up too.
      navigator.sendBeacon(new URL(`v1/realtime/calls/${encodeURIComponent(this.#id)}/hangup`, this.#base));
    }
    this.#observer.onPhase("over", problem);
  }

  #throwIfOver() {
    if (this.#phase === "over") throw new CallError({ kind: "unexpected", detail: "over" });
  }

  /** @param {CallPhase} phase @param {Problem|null} problem */
  #enter(phase, problem) {
    this.#phase = phase;
    this.#observer.onPhase(phase, problem);
  }
}

class CallError extends Error {
  /** @param {Problem} problem */
  constructor(problem) {
    super(problem.kind);
    this.problem = problem;
  }
}

/** @param {unknown} error */
function microphoneProblem(error) {
  if (!window.isSecureContext) return "microphone_insecure";
  const name = error instanceof DOMException ? error.name : "";
  if (name === "NotAllowedError") return "microphone_refused";
  if (name === "NotFoundError") return "microphone_missing";
  return "microphone_busy";
}

/** @param {number} status */
function refusal(status) {
  if (status === 401 || status === 403) return "not_allowed";
  if (status === 429) return "too_many";
  if (status === 503) return "server_full";
  return status >= 500 ? "server_error" : "refused";
}

/** The message of an error in the protocol's shape, or "". @param {string} body */
function messageIn(body) {
  try {
    return String(JSON.parse(body).error?.message ?? "");
  } catch {
    return "";
  }
}

/** @param {RTCPeerConnection} peer @param {number} patience milliseconds @returns {Promise<void>} */
function gathered(peer, patience) {
  if (peer.iceGatheringState === "complete") return Promise.resolve();
  return new Promise((resolve) => {
    setTimeout(resolve, patience);
    peer.addEventListener("icegatheringstatechange", () => peer.iceGatheringState === "complete" && resolve());
  });
}
