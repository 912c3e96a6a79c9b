// @ts-check
/**
 * The person's side of the page: the call at hand, what was said in it, whose turn it is, and what there is to tell. It
 * holds the page's whole state; main.js draws it. Not here: the DOM, words, how a call is made (realtime-call.js).
 *
 * @typedef {import("./page.js").Phase} Phase
 * @typedef {import("./entries.js").ChatMessage} ChatMessage
 * @typedef {import("./settings.js").Settings} Settings
 * @typedef {{key: string, detail?: string, isBad?: boolean, action?: {key: string, run: () => void}}} Notice
 * @typedef {object} CallerObserver
 * @property {() => void} onChange  draw again, soon
 * @property {() => void} onOver  the call has ended
 * @property {(session: any, notFollowed: (keyof Settings)[]) => void} onSession
 */
import { problemOf } from "./problems.js";
import { MOST_SAMPLES } from "./quality.js";
import { RealtimeCall } from "./realtime-call.js";
import { Turns } from "./turns.js";
import { UsageMeter } from "./usage.js";
import { changeOf, notFollowed, sessionOf } from "./settings.js";

const ASKING_MS = 800;
const SILENT_MIC_MS = 5_000;
const EXACT_SILENCE = 1e-5;
/** Errors that are an ordinary part of taking turns (the outbox deals with them), or of a call's end. */
const EXPECTED_ERRORS = new Set(["response_cancel_not_active", "conversation_already_has_active_response", "session_expired"]);
const MOST_EARLIER = 1_000;
const PASSING = new Set(["shaky", "reconnecting", "allow_microphone", "expiring"]);

export class Caller {
  /** @type {RealtimeCall|null} */ call = null;
  /** @type {Notice|null} */ notice = null;
  /** @type {readonly ChatMessage[]} what was said in the calls before */ #earlier = [];
  #newCall = NEW_CALL;
  #turns = new Turns();
  #usage = new UsageMeter();
  #calls = 0;
  /** unix milliseconds, of the first call on this page; 0: there was none yet */ startedAt = 0;
  /** unix milliseconds, of the call at hand */ #callStartedAt = 0;
  /** @type {"idle"|"ended"|"failed"} */ #rest = "idle"; // what to show while there is no call
  /** @type {import("./page.js").Mic} */ #mic = "off";
  #isAsking = false; // the browser asks for the microphone
  #isUnsteady = false;
  #isHolding = false;
  #heardSinceStart = false;
  #micSoundedAt = 0;
  #original = /** @type {any} */ (null); // the session as it began, to return to

  /** @param {{base: string, sound: HTMLMediaElement, settings: () => Settings}} page @param {CallerObserver} observer */
  constructor(page, observer) {
    this.page = page;
    this.observer = observer;
  }

  /** @returns {Phase} */
  get phase() {
    const state = this.call?.state;
    if (!state) return this.#rest;
    if (state === "connecting" || state === "idle") return "connecting";
    if (state === "reconnecting") return "reconnecting";
    const { phase } = this.call?.activity ?? { phase: "listening" };
    return phase === "hearing" ? "heard" : phase;
  }

  /** @returns {import("./page.js").Line} */
  get lineState() {
    const state = this.call?.state;
    if (!state) return "off";
    if (state === "reconnecting") return "reconnecting";
    return state === "connected" ? (this.#isUnsteady ? "shaky" : "on") : "connecting";
  }

  get mic() { return this.#mic; }
  get isHolding() { return this.#isHolding; }

  /** What was said, in order: in the calls before, then in this one. @returns {readonly ChatMessage[]} */
  get entries() {
    const now = (this.call?.chat.messages ?? []).filter(isShown);
    // The line between two calls is drawn when the second one has something to show.
    if (this.#earlier.length === 0) return now;
    return now.length === 0 ? this.#earlier : [...this.#earlier, this.#newCall, ...now];
  }

  // ── the call ──────────────────────────────────────────────────────────────────────────────────────────────────

  /** To be called in a tap or key handler. @param {{withMicrophone: boolean}} options */
  start({ withMicrophone }) {
    if (this.call) return;
    const settings = this.page.settings();
    withMicrophone &&= !settings.isTextOnly; // it can be turned on at any time
    // Some servers count their items from one in every session.
    this.#earlier = this.#earlier.map((message) => (message.id.startsWith("earlier") ? message : { ...message, id: `earlier-${this.#calls}-${message.id}` }));
    this.#calls += 1;
    this.#newCall = { ...NEW_CALL, id: `earlier-line-${this.#calls}` };
    this.say(null);
    this.#callStartedAt = Date.now();
    this.startedAt ||= this.#callStartedAt;
    this.#mic = withMicrophone ? "on" : "none";
    this.#heardSinceStart = this.#isUnsteady = this.#isHolding = false;
    this.#original = null;
    this.#isAsking = withMicrophone;
    const isByHand = settings.turns === "push_to_talk";
    const mine = new RealtimeCall({
      url: this.page.base,
      session: sessionOf(settings),
      microphone: withMicrophone ? (settings.microphone ? { deviceId: { ideal: settings.microphone } } : true) : false,
      sound: this.page.sound,
      chat: { user_placeholder_on_start: true, assistant_placeholder_on_start: true, show_system: true, is_meaningful: () => true },
    });
    this.call = mine;
    this.#turns = mine.turns;
    this.#usage = mine.usage;
    this.#listenTo(mine);
    mine.volume = settings.volume;
    if (settings.speaker) void mine.chooseSpeaker(settings.speaker).catch(() => {}); // not plugged in: the usual one plays
    if (isByHand) mine.setMuted(true);
    mine.connect().then(() => void (isByHand && this.#byHand(mine)), () => {}); // why it failed is told by "connection.changed"
    // Only if the browser really asks: an answer that it remembers comes at once.
    setTimeout(() => this.call === mine && this.#isAsking && this.#asks(), ASKING_MS);
    this.observer.onChange();
  }

  /** @param {RealtimeCall} mine */
  async #byHand(mine) {
    try {
      await mine.setPushToTalk(true);
    } catch (error) {
      this.#settingFailed(error);
    }
  }

  /** The browser asks for the microphone. */
  #asks() {
    this.#mic = "asked";
    this.say({ key: "allow_microphone" });
  }

  hangUp() {
    this.call?.disconnect();
  }

  /** @param {RealtimeCall} mine */
  #listenTo(mine) {
    const on = (/** @type {string} */ pattern, /** @type {(event: any) => void} */ handler) =>
      mine.on(pattern, (event) => void (this.call === mine && handler(event)));
    on("connection.changed", ({ state, problem }) => this.#stateChanged(state, problem));
    on("connection.unsteady", () => this.#steadied(false));
    on("connection.steady", () => this.#steadied(true));
    on("connection.fallback", () => this.say({ key: "fallen_back" }));
    on("connection.renewed", () => this.#forgetPassing());
    on("connection.expiring", () => this.say({ key: "expiring" }));
    on("microphone.changed", (event) => this.#microphoneChanged(event));
    on("speaker.blocked", ({ is_blocked: isBlocked }) => this.#blocked(mine, isBlocked));
    on("message.unsent", () => this.observer.onChange());
    on("user.message", () => this.observer.onChange());
    on("error", ({ error, event_type: about }) => {
      // A message that was refused says so itself.
      if (!EXPECTED_ERRORS.has(error?.code) && about !== "conversation.item.create") this.#note("note_error", error?.message);
    });
    on("user.speech_started", () => this.#soundCame());
    on("session.created", ({ session }) => this.#sessionTold(session));
    on("session.updated", ({ session }) => this.#sessionTold(session));
    on("activity.changed", () => this.observer.onChange());
    mine.chat.onChange(() => this.observer.onChange());
  }

  /** @param {import("./connection.js").ConnectionState} state @param {import("./problems.js").Problem|null} problem */
  #stateChanged(state, problem) {
    if (state === "disconnected" || state === "error") {
      if (this.entries.length > 0) this.#note("note_ended");
      this.#earlier = this.entries;
      this.call = null;
      this.#isHolding = false;
      this.#mic = "off";
      this.#isAsking = false;
      const isFailed = state === "error" && problem !== null && problem.kind !== "other_side_ended";
      this.#rest = isFailed ? "failed" : "ended";
      this.say(problem && problem.kind !== "aborted" ? { key: problem.kind, detail: problem.detail, isBad: isFailed } : null);
      this.observer.onOver();
      this.#earlier = this.#earlier.slice(-MOST_EARLIER); // after all of it was kept
    } else if (state === "reconnecting") {
      this.hold(false);
      this.say({ key: "reconnecting" });
    } else if (state === "connected") {
      this.#isUnsteady = false;
      this.#micSoundedAt = performance.now();
      if (!this.#isAsking) this.#forgetPassing();
    }
    this.observer.onChange();
  }

  /** @param {boolean} isSteady */
  #steadied(isSteady) {
    this.#isUnsteady = !isSteady;
    if (!isSteady) this.say({ key: "shaky" });
    else this.#forgetPassing();
    this.observer.onChange();
  }

  /** @param {RealtimeCall} mine @param {boolean} isBlocked */
  #blocked(mine, isBlocked) {
    const resume = () => void mine.sound.play().catch(() => {});
    if (isBlocked) this.say({ key: "sound_blocked", action: { key: "sound_on", run: resume } });
    else if (this.notice?.key === "sound_blocked") this.say(null);
  }

  #forgetPassing() {
    if (this.notice && PASSING.has(this.notice.key)) this.say(null);
  }

  /** A line in the transcript that nobody said. @param {string} key @param {string} [detail] */
  #note(key, detail = "") {
    this.call?.chat.add({ kind: "note", role: "system", payload: { key, detail } });
    this.observer.onChange();
  }

  /** @param {Notice|null} notice */
  say(notice) {
    this.notice = notice;
    this.observer.onChange();
  }

  // ── settings ──────────────────────────────────────────────────────────────────────────────────────────────────

  /** @param {any} session */
  #sessionTold(session) {
    this.#original ??= session;
    this.observer.onSession(session, notFollowed(this.page.settings(), session));
  }

  /** What was chosen applies to the call at hand. @param {Settings} settings @param {Settings} before */
  async follow(settings, before) {
    const { call } = this;
    if (!call) return;
    call.volume = settings.volume;
    const changed = /** @type {(keyof Settings)[]} */ (Object.keys(settings)).filter((key) => settings[key] !== before[key]);
    if (changed.every((key) => key === "volume" || key === "keepsPast")) return;
    try {
      if (settings.speaker !== before.speaker) await call.chooseSpeaker(settings.speaker ?? "");
      if (settings.microphone !== before.microphone && call.hasMicrophone) await call.openMicrophone(settings.microphone ?? "");
      if (settings.isTextOnly !== before.isTextOnly) await call.setMode(settings.isTextOnly ? "text" : "voice");
      if (settings.turns !== before.turns) await call.setPushToTalk(settings.turns === "push_to_talk");
      const change = changeOf(settings, before, this.#original);
      if (settings.turns === "push_to_talk") delete change.audio.input.turn_detection; // asked for above
      await call.updateSession(change);
    } catch (error) {
      this.#settingFailed(error);
    }
    this.observer.onChange();
  }

  /** @param {unknown} error */
  #settingFailed(error) {
    const { kind, detail } = problemOf(error);
    this.say({ key: kind === "refused" ? "setting_refused" : kind, detail });
  }

  // ── the microphone ────────────────────────────────────────────────────────────────────────────────────────────

  /** @param {{is_on: boolean, is_muted: boolean, problem: import("./problems.js").Problem|null}} news */
  #microphoneChanged({ is_on: isOn, is_muted: isMuted, problem }) {
    if (isOn || problem) this.#isAsking = false;
    this.#mic = isOn ? (isMuted ? "muted" : "on") : "none";
    this.#micSoundedAt = performance.now();
    if (problem) this.say({ key: problem.kind });
    else if (isOn && (this.notice?.key.startsWith("microphone_") || this.notice?.key === "allow_microphone")) this.say(null);
    this.observer.onChange();
  }

  toggleMute() {
    if (!this.call) return;
    if (this.call.isPushToTalk && this.#mic !== "none") return; // the hand on the button decides
    if (this.#mic === "asked") return;
    if (this.#mic === "none") {
      this.#asks();
      void this.call.openMicrophone().catch(() => {}); // told by "microphone.changed"
    } else if (this.#mic !== "off") this.call.setMuted(this.#mic === "on");
  }

  /** Holds a key or a button to talk. @param {boolean} holds @returns {boolean} whether there is anything to be held for */
  hold(holds) {
    const { call } = this;
    if (!call?.hasMicrophone || (holds ? call.state !== "connected" : !this.#isHolding)) return false;
    const isByHand = call.isPushToTalk;
    if (!isByHand && holds && this.#mic !== "muted") return false;
    if (isByHand) call.talk(holds);
    else call.setMuted(!holds);
    this.#isHolding = holds;
    this.observer.onChange();
    return true;
  }

  // ── time passes ───────────────────────────────────────────────────────────────────────────────────────────────

  /** Once a frame. @param {number} at */
  beat(at) {
    const { call } = this;
    const { input, output } = call?.levels ?? { input: 0, output: 0 };
    if (input > EXACT_SILENCE || this.#mic !== "on") {
      this.#micSoundedAt = at;
      if (this.notice?.key === "microphone_silent") this.say(null);
    }
    // A headset's own switch gives exact zeros, and no browser tells.
    if (call?.state === "connected" && !this.#heardSinceStart && this.notice === null && at - this.#micSoundedAt > SILENT_MIC_MS) {
      this.#micSoundedAt = Infinity;
      this.say({ key: "microphone_silent" });
    }
    return { input: this.#mic === "on" ? input : 0, output };
  }

  #soundCame() {
    this.#heardSinceStart = true;
    if (this.notice?.key === "microphone_silent") this.say(null);
  }

  /** How long the call at hand has lasted; null: there is none. */
  get seconds() { return this.call ? (Date.now() - this.#callStartedAt) / 1000 : null; }

  /** The turns of the call at hand, or of the last one. @returns {readonly import("./turns.js").Turn[]} */
  get turns() { return this.#turns.all; }

  /** What was used so far, and its price where that is known. */
  get usage() { return this.#usage; }

  /** How the line has been: one reading every other second. @returns {import("./quality.js").LineSample[]} */
  get line() {
    return (this.call?.samples ?? []).slice(-MOST_SAMPLES).map(({ round_trip_ms, jitter_ms, loss_in, bitrate_in, bitrate_out }) => ({
      roundTripMs: round_trip_ms, jitterMs: jitter_ms, lossPercent: loss_in === null ? null : loss_in * 100,
      kbps: bitrate_in === null && bitrate_out === null ? null : ((bitrate_in ?? 0) + (bitrate_out ?? 0)) / 1000,
    }));
  }
}

/** @type {ChatMessage} */
const NEW_CALL = {
  id: "note-new-call", type: "ui", role: "system", status: "done", seq: 0, time: 0, text: "", heard: null, parts: [], images: [], is_spoken: false,
  is_interrupted: false, problem: null, tool: null, item_id: null, response_id: null, kind: "note", payload: { key: "note_new_call", detail: "" },
};

/** An answer that was stopped before its first word leaves nothing to read. @param {ChatMessage} message */
function isShown({ type, role, status, text, images, problem }) {
  return type !== "text" || role === "user" || status === "streaming" || text !== "" || images.length > 0 || problem !== null;
}
