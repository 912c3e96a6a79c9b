// @ts-check
/**
 * The caller's connection over its whole life: one line after another, as networks change, servers restart and sessions
 * reach their cap. A new line is a new session at the server (the protocol has no resuming), so it is set up as the one
 * before and told what was said there.
 *
 * Lives here: the one state of a call, when a line is opened, when it takes over from the last. Not here: what a line is
 * (line-*.js), what events mean, devices, the chat.
 *
 *   idle → connecting → connected ⇄ reconnecting → disconnected | error, from both of which `open` begins anew
 *
 * @typedef {"idle"|"connecting"|"connected"|"reconnecting"|"disconnected"|"error"} ConnectionState
 * @typedef {import("./line-webrtc.js").Line} Line
 * @typedef {import("./problems.js").Problem} Problem
 * @typedef {"first"|"lost"|"rollover"} Reason  why a line takes over
 *
 * @typedef {object} ConnectionObserver
 * @property {(state: ConnectionState, problem: Problem|null) => void} onState
 * @property {(isSteady: boolean) => void} onSteady
 * @property {(problem: Problem) => void} onFallback  WebRTC finds no way; sound goes over the WebSocket from here on
 * @property {(event: any) => void} onEvent  of the line that carries the call
 * @property {(event: any) => void} onSent  what this object sends by itself
 * @property {(dir: "in"|"out", event: any) => void} onSetUp  a past told to a new session, and its echo: of no interest to the call
 * @property {(stream: MediaStream) => void} onVoice
 * @property {(reason: Reason, replayed: number) => void} onTakeover  events can be sent; told before `onState`
 * @property {(expiresAt: number) => void} onExpiring  unix milliseconds; nobody has used the call for long, so no session follows
 *
 * @typedef {object} Past  what a new session is told
 * @property {object|null} session  for `session.update`, null for none
 * @property {any[]} items
 *
 * @typedef {object} ConnectionSettings
 * @property {"auto"|"webrtc"|"websocket"} transport
 * @property {import("./line-webrtc.js").LineSettings & {worklet: string}} line
 * @property {(created?: any) => Past} past  created: the session as the server began it
 * @property {() => boolean} isQuiet  nobody speaks, nothing is made, no tool runs
 * @property {() => boolean} isWanted  somebody spoke or typed not long ago: a page left open is not worth a new session
 */

import { isWorthRetrying, retryPause, rolloverWindow } from "./continuity.js";
import { WebRtcLine } from "./line-webrtc.js";
import { CallError, problemOf } from "./problems.js";

const GREETING_MS = 2_000;
const QUIET_EVERY_MS = 250;
const PROBE_MS = [300, 1_500]; // a server that is stopping may answer once more
const PROBE_TIMEOUT_MS = 2_000;
const REANCHOR =
  "The connection was interrupted and is back. The messages above are this same conversation, partly written down from speech. " +
  "Go on with it as before, in the same language, voice and role, and do not mention the interruption.";

let lastId = 0;

/** An id for an event or item of ours. @param {string} kind */
export function newId(kind) {
  return `${kind}_${crypto.getRandomValues(new Uint32Array(3)).join("").slice(0, 20)}${(lastId++ % 1296).toString(36)}`;
}

/** A line with what came over it before it carried the call. */
class Bringing {
  /** @type {any[]} */ events = [];
  /** @type {MediaStream|null} */ voice = null;
  /** @type {(event: any) => void} null: it ended */ onAnswer = () => {};
  /** @type {Problem|null} */ ended = null;
  /** @type {Line} */ line;

  /** @param {Line} line */
  constructor(line) {
    this.line = line;
  }
}

export class Connection {
  /** @type {ConnectionState} */ #state = "idle";
  /** @type {ConnectionSettings} */ #settings;
  /** @type {ConnectionObserver} */ #observer;
  /** @type {Line|null} */ #line = null;
  /** @type {Bringing|null} */ #bringing = null;
  /** @type {MediaStreamTrack|null} */ #track = null;
  /** @type {AbortController} */ #life = new AbortController();
  /** @type {() => void} */ #hurry = () => {};
  /** @type {ReturnType<typeof setTimeout>|undefined} */ #rollover;
  /** @type {Set<string>} */ #told = new Set(); // ids of items and events that the line was told again; their echoes end here
  #isFallenBack = false;
  /** @type {Problem|null} the session's cap, when it is reached */ #expired = null;

  /** @param {ConnectionSettings} settings @param {ConnectionObserver} observer */
  constructor(settings, observer) {
    this.#settings = settings;
    this.#observer = observer;
  }

  get state() { return this.#state; }
  get line() { return this.#line; }

  /** Connects. Resolves when events can be sent; rejects with CallError, also when `close` comes first. */
  async open() {
    if (this.#state === "connecting" || this.#state === "connected" || this.#state === "reconnecting") throw new CallError({ kind: "unexpected", detail: "The call is open already." });
    const life = (this.#life = new AbortController());
    this.#isFallenBack = false;
    this.#enter("connecting", null);
    try {
      this.#takeOver(await this.#bringUp(life.signal), "first");
    } catch (error) {
      if (!life.signal.aborted) this.#enter("error", problemOf(error));
      throw error;
    }
  }

  /** Ends the call. Calling it twice is calling it once. */
  close() {
    this.#end("disconnected", null);
  }

  /** @param {any} event @returns {boolean} false: there is no line now, or the event is too large for it */
  send(event) {
    return this.#state === "connected" && (this.#line?.send(event) ?? false);
  }

  /** @param {MediaStreamTrack|null} track */
  async setMicrophone(track) {
    this.#track = track;
    await this.#line?.setMicrophone(track);
  }

  /** Something changed that may let a waiting attempt succeed: the network is back, the page is seen again. */
  hurry() {
    this.#hurry();
  }

  // ── bringing a line up ────────────────────────────────────────────────────────────────────────────────────────

  /** @param {AbortSignal} signal @returns {Promise<Bringing>} */
  async #bringUp(signal) {
    const { transport } = this.#settings;
    if (transport !== "auto" || this.#isFallenBack) return this.#bringUpOne(transport === "webrtc" ? "webrtc" : "websocket", signal);
    try {
      return await this.#bringUpOne("webrtc", signal);
    } catch (error) {
      const problem = problemOf(error);
      if (signal.aborted || problem.kind !== "no_path") throw error;
      const brought = await this.#bringUpOne("websocket", signal);
      this.#isFallenBack = true;
      this.#observer.onFallback(problem);
      return brought;
    }
  }

  /** @param {"webrtc"|"websocket"} kind @param {AbortSignal} signal @returns {Promise<Bringing>} */
  async #bringUpOne(kind, signal) {
    if (signal.aborted) throw new CallError({ kind: "aborted" });
    /** @type {Bringing} */ let bringing;
    const observer = {
      onEvent: (/** @type {any} */ event) => this.#hear(bringing, event),
      onSent: (/** @type {any} */ event) => this.#observer.onSent(event),
      onVoice: (/** @type {MediaStream} */ stream) => {
        if (this.#line === bringing.line) this.#observer.onVoice(stream);
        else bringing.voice = stream;
      },
      onSteady: (/** @type {boolean} */ isSteady) => this.#line === bringing.line && this.#observer.onSteady(isSteady),
      onEnd: (/** @type {Problem} */ problem) => {
        bringing.ended = problem;
        bringing.onAnswer(null);
        if (this.#line === bringing.line) void this.#lost(problem);
      },
    };
    const { line: settings } = this.#settings;
    bringing = new Bringing(kind === "webrtc" ? new WebRtcLine(settings, observer) : await socketLine(settings, observer));
    if (signal.aborted) throw new CallError({ kind: "aborted" });
    this.#bringing = bringing;
    const abort = () => bringing.line.close();
    signal.addEventListener("abort", abort);
    try {
      await bringing.line.open();
      await this.#configure(bringing, signal);
      if (bringing.ended) throw new CallError(bringing.ended);
      if (signal.aborted) throw new CallError({ kind: "aborted" });
      return bringing;
    } catch (error) {
      bringing.line.close();
      throw error;
    } finally {
      signal.removeEventListener("abort", abort);
      this.#bringing = null;
    }
  }

  /** Tells the session what the app needs. A server that never confirms must not hold the call up. @param {Bringing} bringing @param {AbortSignal} signal */
  async #configure(bringing, signal) {
    // What the server set up is only known from its greeting: tools, say, that are not to be lost by adding more.
    const { confirm_ms } = this.#settings.line.timing;
    await this.#comes(bringing, signal, Math.min(confirm_ms, GREETING_MS), (event) => event.type === "session.created");
    const { session } = this.#settings.past(bringing.events.find((event) => event.type === "session.created")?.session);
    if (session === null) return;
    const update = { type: "session.update", event_id: newId("event"), session };
    this.#observer.onSent(update);
    bringing.line.send(update);
    await this.#comes(bringing, signal, confirm_ms, (event) =>
      event.type === "session.updated" || (event.type === "error" && event.error?.event_id === update.event_id));
  }

  /** Waits for an event of a line that is being brought up. @param {Bringing} bringing @param {AbortSignal} signal @param {number} ms @param {(event: any) => boolean} isIt @returns {Promise<void>} */
  #comes(bringing, signal, ms, isIt) {
    if (signal.aborted || bringing.ended || bringing.events.some(isIt)) return Promise.resolve();
    return new Promise((resolve) => {
      const done = () => {
        clearTimeout(timer);
        bringing.onAnswer = () => {};
        signal.removeEventListener("abort", done);
        resolve();
      };
      const timer = setTimeout(done, ms);
      signal.addEventListener("abort", done);
      bringing.onAnswer = (event) => (event === null || isIt(event)) && done();
    });
  }

  /** @param {Bringing} bringing @param {Reason} reason */
  #takeOver(bringing, reason) {
    const before = this.#line;
    this.#line = bringing.line;
    this.#told.clear();
    this.#expired = null;
    clearTimeout(this.#rollover);
    const { items } = reason === "first" ? { items: [] } : this.#settings.past();
    let replayed = 0;
    for (const item of items.length > 0 ? [...items, ...reanchored(items)] : []) {
      const event = { type: "conversation.item.create", event_id: newId("event"), item };
      this.#told.add(item.id).add(event.event_id);
      this.#observer.onSetUp("out", event);
      if (bringing.line.send(event)) replayed += 1;
    }
    void before?.setMicrophone(null);
    void bringing.line.setMicrophone(this.#track);
    if (bringing.voice) this.#observer.onVoice(bringing.voice);
    before?.close();
    this.#state = "connected"; // so that what is sent in answer to what follows goes out
    for (const event of bringing.events.splice(0)) this.#hear(bringing, event);
    this.#observer.onTakeover(reason, replayed);
    this.#observer.onState("connected", null);
  }

  /** @param {Bringing} bringing @param {any} event */
  #hear(bringing, event) {
    if (this.#line !== bringing.line) {
      bringing.events.push(event);
      bringing.onAnswer(event);
      return;
    }
    if (event.type.startsWith("session.") && event.session?.expires_at) this.#planRollover(event.session.expires_at * 1000);
    if (event.type === "error" && event.error?.code === "session_expired") this.#expired = { kind: "session_expired", detail: event.error.message };
    if (this.#told.size > 0 && this.#isEcho(event)) this.#observer.onSetUp("in", event);
    else this.#observer.onEvent(event);
  }

  /** @param {any} event */
  #isEcho(event) {
    if (event.type === "error") return this.#told.has(event.error?.event_id);
    return /^conversation\.item\.(added|done|created)$/.test(event.type) && this.#told.has(event.item?.id);
  }

  // ── when it is lost ───────────────────────────────────────────────────────────────────────────────────────────

  /** The line that carried the call is gone. @param {Problem} why */
  async #lost(why) {
    if (this.#state !== "connected") return;
    clearTimeout(this.#rollover);
    this.#line = null;
    const { signal } = this.#life;
    const problem = this.#expired ?? why;
    this.#enter("reconnecting", problem);
    // Who hung up is not called again; a server that went away is.
    const isOver = this.#expired ? !this.#settings.isWanted() : problem.kind === "other_side_ended" && (await this.#isServerThere(signal));
    if (isOver) {
      if (!signal.aborted) this.#end("disconnected", problem);
      return;
    }
    const { timing } = this.#settings.line;
    const since = performance.now();
    let last = problem;
    for (let attempt = 0; !signal.aborted; attempt++) {
      await this.#pause(Math.max(retryPause(attempt, timing, Math.random()), last.retry_after_ms ?? 0), signal);
      if (signal.aborted) return;
      try {
        this.#takeOver(await this.#bringUp(signal), "lost");
        return;
      } catch (error) {
        last = problemOf(error);
        if (signal.aborted) return;
        if (!isWorthRetrying(last) || performance.now() - since > timing.give_up_ms) this.#end("error", last);
      }
    }
  }

  /** @param {AbortSignal} signal */
  async #isServerThere(signal) {
    const { health } = this.#settings.line.addresses;
    if (health === null) return true; // a hosted service: it is there, and the call was ended
    for (const pause of PROBE_MS) {
      await this.#pause(pause, signal);
      try {
        const answer = await fetch(health, { cache: "no-store", signal: AbortSignal.timeout(PROBE_TIMEOUT_MS) });
        if (!answer.ok) return false;
      } catch {
        return false;
      }
    }
    return true;
  }

  /** @param {number} ms @param {AbortSignal} signal @returns {Promise<void>} */
  #pause(ms, signal) {
    return new Promise((resolve) => {
      const done = () => {
        clearTimeout(timer);
        this.#hurry = () => {};
        signal.removeEventListener("abort", done);
        resolve();
      };
      const timer = setTimeout(done, ms);
      this.#hurry = done;
      signal.addEventListener("abort", done);
    });
  }

  // ── before the session's cap ──────────────────────────────────────────────────────────────────────────────────

  /** @param {number} expiresAt  unix milliseconds */
  #planRollover(expiresAt) {
    clearTimeout(this.#rollover);
    const window = rolloverWindow(expiresAt - Date.now(), this.#settings.line.timing);
    // The longest that a browser's timer can wait is 24 days; a window is two at most.
    if (window) this.#rollover = setTimeout(() => {
      if (!this.#settings.isWanted()) this.#observer.onExpiring(expiresAt);
      void this.#rollOver(performance.now() + window.force - window.seek);
    }, window.seek);
  }

  /** @param {number} forceAt  when a quiet moment is not waited for any longer */
  async #rollOver(forceAt) {
    const { signal } = this.#life;
    const old = this.#line;
    await this.#quietOr(forceAt, signal, () => this.#settings.isWanted());
    if (signal.aborted || this.#line !== old || this.#state !== "connected" || !this.#settings.isWanted()) return;
    try {
      const brought = await this.#bringUp(signal);
      await this.#quietOr(forceAt, signal); // somebody may have begun to speak meanwhile
      if (signal.aborted || this.#line !== old || brought.ended) brought.line.close();
      else this.#takeOver(brought, "rollover");
    } catch {
      // The old session still stands, and when it ends the call is called again.
      if (this.#line === old && performance.now() < forceAt) this.#rollover = setTimeout(() => void this.#rollOver(forceAt), 5_000);
    }
  }

  /** @param {number} forceAt @param {AbortSignal} signal @param {() => boolean} [isDue] */
  async #quietOr(forceAt, signal, isDue = () => true) {
    while (!signal.aborted && !(isDue() && this.#settings.isQuiet()) && performance.now() < forceAt) {
      await new Promise((resolve) => setTimeout(resolve, QUIET_EVERY_MS));
    }
  }

  // ── the end ───────────────────────────────────────────────────────────────────────────────────────────────────

  /** @param {"disconnected"|"error"} state @param {Problem|null} problem */
  #end(state, problem) {
    if (this.#state === "disconnected" || this.#state === "error" || this.#state === "idle") return;
    clearTimeout(this.#rollover);
    this.#life.abort();
    this.#bringing?.line.close();
    const line = this.#line;
    this.#line = null;
    line?.close();
    this.#enter(state, problem);
  }

  /** @param {ConnectionState} state @param {Problem|null} problem */
  #enter(state, problem) {
    this.#state = state;
    this.#observer.onState(state, problem);
  }
}

/** Loaded when it is needed: most networks let WebRTC through. @param {import("./line-webrtc.js").LineSettings & {worklet: string}} settings @param {import("./line-webrtc.js").LineObserver} observer @returns {Promise<Line>} */
async function socketLine(settings, observer) {
  try {
    const { WebSocketLine } = await import("./line-websocket.js");
    return new WebSocketLine(settings, observer);
  } catch {
    throw new CallError({ kind: "server_gone" }); // its file could not be fetched
  }
}

/** A note for a model that spoke before and is told in writing what it said. @param {any[]} items */
function reanchored(items) {
  const spoke = items.some((item) => item.role === "assistant");
  return spoke ? [{ id: newId("item"), type: "message", role: "system", content: [{ type: "input_text", text: REANCHOR }] }] : [];
}
