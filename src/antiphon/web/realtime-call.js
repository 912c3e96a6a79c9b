// @ts-check
/**
 * A call: what a web developer holds in the hand. It owns the connection, the devices and the conversation, and wires them
 * to each other. Not here: which events go out and when, and what is made of those that come in (exchange.js).
 *
 * @typedef {import("./connection.js").ConnectionState} ConnectionState
 * @typedef {import("./exchange.js").Middleware} Middleware
 * @typedef {import("./problems.js").Problem} Problem
 * @typedef {import("./stats.js").ConnectionStats} ConnectionStats
 * @typedef {import("./call-options.js").CallOptions} CallOptions
 */

import { addressesOf } from "./addresses.js";
import { CallMeter } from "./call-meter.js";
import { freshKey, USUAL_SESSION } from "./call-options.js";
import { Connection, newId } from "./connection.js";
import { USUAL_TIMING } from "./continuity.js";
import { Conversation } from "./conversation.js";
import { Exchange, now } from "./exchange.js";
import { wakeAudio } from "./meter.js";
import { listDevices, Microphone } from "./microphone.js";
import { CallError, problemOf } from "./problems.js";
import { PushToTalk } from "./push-to-talk.js";
import { Speaker } from "./speaker.js";
import { noStats } from "./stats.js";
import { Trace } from "./trace.js";
import { watchWorld } from "./world.js";

const WANTED_MS = 15 * 60_000;

export class RealtimeCall {
  /** @type {CallOptions} */ #options;
  /** @type {Connection} */ #connection;
  /** @type {Microphone} */ #microphone;
  /** @type {Speaker} */ #speaker;
  /** @type {Conversation} */ #conversation;
  /** @type {Exchange} */ #exchange;
  #trace;
  #meter = new CallMeter();
  /** @type {Promise<void>|null} */ #connecting = null;
  /** @type {Problem|null} */ #problem = null;
  #pushToTalk = new PushToTalk({
    send: (event) => this.#exchange.send([{ ...event, event_id: newId("event") }]),
    interrupt: () => this.interrupt(),
    respond: () => this.respond(),
    setMuted: (isMuted) => this.setMuted(isMuted),
  });
  /** @type {"voice"|"text"} */ #mode = "voice";
  #leave = new AbortController();

  /** @param {CallOptions} [options] */
  constructor(options = {}) {
    this.#options = options;
    this.#conversation = new Conversation({ chat: options.chat, prices: options.prices });
    const timing = { ...USUAL_TIMING, ...options.timing };
    this.#microphone = new Microphone(typeof options.microphone === "object" ? options.microphone : null, (problem) => this.#microphoneChanged(problem));
    this.#speaker = new Speaker(options.sound ?? null, (isBlocked) => this.#tell({ type: "speaker.blocked", is_blocked: isBlocked }));
    const { token } = options;
    const addresses = addressesOf(options.url ?? new URL(".", import.meta.url), options.model ?? null);
    this.#trace = new Trace(addresses.calls);
    this.#exchange = new Exchange(
      {
        isOpen: () => this.state === "connected",
        send: (event) => this.#connection.send(event),
        hush: (isHushed) => this.#speaker.hush(isHushed),
        onSound: (id) => this.#meter.listenForAnswer(() => this.#conversation.router.playout.playing !== id, () => this.#conversation.sounded(now())),
      },
      this.#conversation, this.#trace, options.session === undefined ? USUAL_SESSION : options.session, timing.confirm_ms,
    );
    this.#connection = new Connection(
      {
        transport: options.transport ?? "auto",
        line: {
          addresses,
          token: () => freshKey(token),
          iceServers: options.iceServers ?? null,
          timing,
          worklet: new URL(options.worklet ?? "worklet.js", import.meta.url).href,
        },
        past: (created) => ({ session: this.#exchange.session.wanted(created), items: this.#exchange.past() }),
        isQuiet: () => this.#exchange.isQuiet && !this.#pushToTalk.isTalking,
        isWanted: () => performance.now() - this.#exchange.lastWanted < WANTED_MS,
      },
      {
        onState: (state, problem) => this.#stateChanged(state, problem),
        onSteady: (isSteady) => this.#tell({ type: isSteady ? "connection.steady" : "connection.unsteady" }),
        onFallback: (problem) => this.#tell({ type: "connection.fallback", transport: "websocket", problem }),
        onEvent: (event) => this.#exchange.hear(event),
        onSent: (event) => this.#exchange.ownSent(event),
        onSetUp: (dir, event) => this.#trace.add(dir, event, { set_up: true, hidden: true }),
        onVoice: (stream) => this.#voiceChanged(stream),
        onExpiring: (expiresAt) => this.#tell({ type: "connection.expiring", expires_at: expiresAt / 1000, in_ms: expiresAt - Date.now() }),
        onTakeover: (reason, replayed) => {
          this.#pushToTalk.renew();
          this.#exchange.goOn(reason);
          if (reason !== "first") this.#tell({ type: "connection.renewed", reason, replayed });
        },
      },
    );
  }

  // ── the call ──────────────────────────────────────────────────────────────────────────────────────────────────

  /** @returns {ConnectionState} */
  get state() { return this.#connection.state; }
  /** Why it is in trouble or over; null while all is well. */
  get problem() { return this.#problem; }
  /** The call's id, where the server tells it. */
  get id() { return this.#connection.line?.id ?? null; }
  /** @returns {"webrtc"|"websocket"|null} how sound travels now */
  get transport() { return this.#connection.line?.kind ?? null; }
  /** The session in effect, as the server last told it. */
  get session() { return this.#exchange.session.effective; }
  /** Bytes that one event may have now. */
  get messageLimit() { return this.#connection.line?.messageLimit ?? 65_536; }

  /**
   * Connects; to be called in a click or key handler, so that browsers let sound out. Resolves when the call carries
   * words both ways. A microphone that is refused or missing is told by `microphone.changed` and hinders nothing.
   * Rejects with CallError when there is no call, also when `disconnect` comes first. Called twice, it is called once.
   * @returns {Promise<void>}
   */
  connect() {
    if (this.#connecting) return this.#connecting;
    if (this.state === "connected" || this.state === "reconnecting") return Promise.resolve();
    wakeAudio();
    this.#speaker.unlock();
    this.#exchange.begin();
    this.#leave = new AbortController();
    watchWorld(this.#leave.signal, {
      onBack: () => this.#connection.hurry(),
      onLeave: () => this.disconnect(),
      onDevices: async () => this.#conversation.handlers.wants("devices.changed") && this.#tell({ type: "devices.changed", ...(await listDevices()) }),
    });
    const wantsMicrophone = this.#options.microphone !== false && this.#mode === "voice";
    const opened = this.#connection.open();
    // Beside the connecting: a question that the browser asks may stay unanswered for long.
    if (wantsMicrophone) void this.openMicrophone().catch(() => {}); // told by `microphone.changed`
    this.#connecting = opened.finally(() => {
      this.#connecting = null;
    });
    return this.#connecting;
  }

  /** Ends the call and gives the microphone back. Calling it twice is calling it once. */
  disconnect() { this.#connection.close(); }

  /**
   * Be told of events: of the conversation ("user.completed", "assistant.delta", "tool.call_done", …), of the call
   * ("connection.changed", "microphone.changed", "message.unsent", …: docs/web.md has them all), and of the wire ("server.…"
   * and "client.…" before the event's own type, the raw event in `event`). "user.*" is a family, "*" all but the wire's.
   * @param {string} pattern
   * @param {(event: any) => unknown} handler  returns `CONSUME` to keep an event from later handlers and from the chat
   * @returns {() => void} forgets the handler
   */
  on(pattern, handler) { return this.#conversation.handlers.on(pattern, handler); }

  /** Sees every event of the wire before anybody else, and may change or drop it. @param {Middleware} middleware @returns {() => void} */
  use(middleware) { return this.#exchange.use(middleware); }

  // ── saying ────────────────────────────────────────────────────────────────────────────────────────────────────

  /**
   * Says something in writing. While the call is away it waits and is said once, in the next session.
   * @param {string} text
   * @param {{image?: string|null, respond?: boolean, interrupt?: boolean}} [options]  image: data URL. respond: false adds it
   *   without asking for an answer
   * @returns {string} the item's id. Throws CallError when there is no call, or the event is too large
   */
  sendText(text, { image = null, respond = true, interrupt = respond } = {}) {
    const content = [];
    if (image) content.push({ type: "input_image", image_url: image });
    if (text) content.push({ type: "input_text", text });
    const item = { id: newId("item"), type: "message", role: "user", content };
    this.#exchange.wanted();
    if (this.state === "idle" || this.state === "disconnected" || this.state === "error") throw new CallError({ kind: "not_connected" });
    if (new Blob([JSON.stringify(item)]).size + 200 > this.messageLimit) throw new CallError({ kind: "message_too_large" });
    this.#exchange.say(item, respond, interrupt);
    return item.id;
  }

  /**
   * Shows a picture, made small enough for the way it goes.
   * @param {Blob|string} image  a file, or a data URL that is small enough already
   * @param {string} [text]  a question about it
   * @param {{respond?: boolean}} [options]
   * @returns {Promise<string>} the item's id. Rejects with CallError, or PhotoError for what is no picture
   */
  async sendImage(image, text = "", options = {}) {
    if (typeof image === "string") return this.sendText(text, { ...options, image });
    const { encodePhoto, readPhoto } = await import("./photo.js");
    const photo = await readPhoto(image);
    try {
      return this.sendText(text, { ...options, image: await encodePhoto(photo, this.messageLimit - new Blob([text]).size) });
    } finally {
      photo.close();
    }
  }

  /** Sends an event of the protocol as it is. @param {any} event @returns {boolean} false: it did not go out */
  sendRaw(event) { return this.#exchange.send([event]); }

  /** Asks for an answer, now or when the present one is done. @param {object} [params]  of `response.create` */
  respond(params = {}) { this.#exchange.respond(params); }

  /** Stops the answer that is being made or played. @returns {boolean} whether there was one */
  interrupt() { return this.#exchange.interrupt(); }

  /**
   * Changes the session, now and in every session that this call goes on in.
   * @param {object} changes  as in `session.update`
   * @returns {Promise<{session: any, differences: {path: string, asked: any, applied: any}[]}>} what is in effect, and
   *   where it is not what was asked for. Rejects with CallError when the server refuses it
   */
  updateSession(changes) {
    return this.#exchange.session.change(changes, this.state === "connected");
  }

  // ── tools in the page ─────────────────────────────────────────────────────────────────────────────────────────

  /**
   * Lets the model call a function of this page. See `PageTool`.
   * @param {import("./page-tools.js").PageTool} tool
   * @returns {() => void} takes it away again
   */
  addTool(tool) {
    const { tools, session } = this.#exchange;
    tools.add(tool);
    session.toolsChanged(this.state === "connected");
    return () => {
      if (tools.remove(tool.name)) session.toolsChanged(this.state === "connected");
    };
  }

  /** Gives a tool's result by hand. @param {string} callId @param {unknown} output  a string, or anything for JSON */
  sendToolOutput(callId, output) { this.#exchange.giveOutput(callId, output); }

  // ── voice and devices ─────────────────────────────────────────────────────────────────────────────────────────

  /** @returns {"voice"|"text"} */
  get mode() { return this.#mode; }

  /** Voice: speak and listen. Text: the microphone is given back, and answers come in writing. @param {"voice"|"text"} mode */
  async setMode(mode) {
    if (mode === this.#mode) return;
    this.#mode = mode;
    this.interrupt();
    if (mode === "text") {
      this.#microphone.close();
      this.#microphoneChanged(null);
    }
    const changed = this.updateSession({ output_modalities: [mode === "text" ? "text" : "audio"] });
    if (mode === "voice" && this.#options.microphone !== false) await this.openMicrophone().catch(() => {});
    await changed.catch((error) => {
      this.#mode = mode === "text" ? "voice" : "text";
      throw error;
    });
  }

  /** Turns the microphone on, or takes another one, also in the middle of a call. @param {string} [deviceId]  of `devices` */
  async openMicrophone(deviceId) {
    try {
      await this.#microphone.open(deviceId);
      if (this.state === "disconnected" || this.state === "error") this.#microphone.close();
    } catch (error) {
      const problem = problemOf(error);
      if (problem.kind !== "aborted") this.#microphoneChanged(problem);
      throw error;
    }
  }

  /** Gives the microphone back; the call goes on in writing. */
  closeMicrophone() {
    this.#microphone.close();
    this.#microphoneChanged(null);
  }

  get hasMicrophone() { return this.#microphone.stream !== null; }
  get microphoneId() { return this.#microphone.deviceId; }
  get isMuted() { return this.#microphone.isMuted; }

  /** @param {boolean} isMuted */
  setMuted(isMuted) {
    this.#microphone.setMuted(isMuted);
    this.#microphoneChanged(null);
  }

  /**
   * Push-to-talk: from now on a turn is what is said between `talk(true)` and `talk(false)`, whatever the server hears
   * besides. Off: the server finds the turns again. Rejects with CallError ("refused") when the server will not have it:
   * then it is as it was before, and the microphone is muted.
   * @param {boolean} isOn
   */
  async setPushToTalk(isOn) {
    if (isOn === this.#pushToTalk.isOn) return;
    const turn_detection = this.#pushToTalk.set(isOn, this.session?.audio?.input?.turn_detection);
    try {
      await this.updateSession({ audio: { input: { turn_detection } } });
    } catch (error) {
      this.#pushToTalk.refused(!isOn);
      throw error;
    }
  }

  get isPushToTalk() { return this.#pushToTalk.isOn; }

  /** The key goes down, the key comes up. @param {boolean} isDown */
  talk(isDown) {
    this.#exchange.wanted();
    this.#pushToTalk.talk(isDown);
  }

  /** Names of microphones and speakers are known once a microphone was allowed. */
  devices() { return listDevices(); }

  /** @param {string} deviceId  of `devices`, "" for the browser's choice */
  chooseSpeaker(deviceId) { return this.#speaker.choose(deviceId); }

  get speakerId() { return this.#speaker.deviceId; }
  /** 0 to 1 */
  get volume() { return this.#speaker.volume; }
  set volume(volume) { this.#speaker.volume = volume; }
  get isOutputMuted() { return this.#speaker.isMuted; }
  /** @param {boolean} isMuted */
  setOutputMuted(isMuted) { this.#speaker.setMuted(isMuted); }
  /** Whether the browser keeps the other voice silent until the next tap or key. */
  get isSpeakerBlocked() { return this.#speaker.isBlocked; }
  /** Plays the other voice. */
  get sound() { return this.#speaker.element; }

  /** How loud both sides are now: root mean square, 0 to 1. */
  get levels() {
    return { input: this.#microphone.isMuted ? 0 : this.#meter.input.level, output: this.#meter.output.level };
  }

  // ── how it is doing ───────────────────────────────────────────────────────────────────────────────────────────

  /** @returns {Promise<ConnectionStats>} */
  async stats() {
    return (await this.#connection.line?.stats().catch(() => null)) ?? noStats();
  }

  /** The last ten minutes, one reading in two seconds. at: milliseconds of `performance.now()`. */
  get samples() { return this.#meter.samples; }

  /** The raw events of both directions; `String(call.trace)` is a file of JSON lines, which `antiphon replay` reads. */
  get trace() { return this.#trace; }
  /** What was said: `messages`, `onChange`, own messages among them (`add`). */
  get chat() { return this.#conversation.chat; }
  /** Who speaks now, and whose turn it is. */
  get activity() { return this.#conversation.activity; }
  /** How long each answer took, step by step. */
  get turns() { return this.#conversation.turns; }
  /** Tokens used, and what they cost. */
  get usage() { return this.#conversation.usage; }
  /** All of what the pure parts know. */
  get conversation() { return this.#conversation; }

  // ── inside ────────────────────────────────────────────────────────────────────────────────────────────────────

  /** @param {{type: string, [field: string]: any}} event */
  #tell(event) {
    this.#conversation.handlers.tell(event);
  }

  /** @param {ConnectionState} state @param {Problem|null} problem */
  #stateChanged(state, problem) {
    this.#problem = problem;
    if (state === "connected") {
      this.#trace.travelsBy(this.transport ?? "");
      this.#meter.start(() => this.stats(), () => this.#exchange.tick());
    } else {
      this.#meter.stop();
      this.#exchange.lineGone(state);
    }
    if (state === "disconnected" || state === "error") {
      this.#leave.abort();
      this.#pushToTalk.talk(false);
      this.#microphone.close();
      this.#meter.silence();
      this.#speaker.setStream(null);
      this.#exchange.end(problem);
    }
    this.#tell({ type: "connection.changed", state, problem, transport: this.transport });
  }

  /** @param {MediaStream} stream */
  #voiceChanged(stream) {
    this.#speaker.setStream(stream);
    this.#meter.output.listenTo(stream);
  }

  /** @param {Problem|null} problem */
  #microphoneChanged(problem) {
    const { stream, track, isMuted } = this.#microphone;
    void this.#connection.setMicrophone(track);
    this.#meter.input.listenTo(stream);
    this.#tell({ type: "microphone.changed", is_on: stream !== null, is_muted: isMuted, device_id: this.#microphone.deviceId, problem });
  }
}
