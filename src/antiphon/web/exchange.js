// @ts-check
/**
 * What a call says and hears: which events go out and when, what waits until it can, and what is made of those that come in.
 * One for a call, over all its lines. Not here: the lines and when they change (connection.js), devices, what the caller
 * asks for and in which words (realtime-call.js).
 *
 * @typedef {object} Middleware  each gets an event and returns it, another one, or null to drop it; undefined: unchanged
 * @property {(event: any) => any} [incoming]
 * @property {(event: any) => any} [outgoing]
 *
 * @typedef {object} Way  how it reaches the rest of the call
 * @property {() => boolean} isOpen  events can be sent
 * @property {(event: any) => boolean} send  false: it did not go out
 * @property {(isHushed: boolean) => void} hush  the other voice
 * @property {(responseId: string) => void} onSound  the server begins to send an answer's sound
 */

import { AskedSession } from "./asked-session.js";
import { newId } from "./connection.js";
import { Outbox } from "./outbox.js";
import { outputText, PageTools } from "./page-tools.js";
import { CallError } from "./problems.js";
import { UnsentMessages } from "./unsent.js";

export class Exchange {
  tools = new PageTools({
    onOutput: (callId, output) => this.#sendOutput(callId, output),
    onAllDone: () => this.send(this.#outbox.respond()),
  });
  /** @type {AskedSession} */ session;
  #conversation;
  #trace;
  /** @type {Way} */ #way;
  /** @type {Middleware[]} */ #middleware = [];
  #outbox = new Outbox();
  #unsent = new UnsentMessages();
  /** @type {import("./speech-activity.js").Phase} */ #phase = "listening";
  #isSpeaking = false;
  #isAnswerCutOff = false; // the line went while an answer was expected, made or heard
  /** @type {string|null} */ #response = null; // the newest one
  /** @type {string|null} */ #interrupted = null;
  #lastWanted = performance.now();

  /**
   * @param {Way} way
   * @param {import("./conversation.js").Conversation} conversation
   * @param {import("./trace.js").Trace} trace
   * @param {any} session  what the session is to be; null: what the server makes it
   * @param {number} confirmMs  how long the server may take to confirm a change of it
   */
  constructor(way, conversation, trace, session, confirmMs) {
    this.#way = way;
    this.#conversation = conversation;
    this.#trace = trace;
    this.session = new AskedSession(session, this.tools, (changes) => {
      const event = { type: "session.update", event_id: newId("event"), session: changes };
      return this.send([event]) ? event.event_id : null;
    }, confirmMs);
  }

  /** Nobody speaks, nothing is made, no tool runs. */
  get isQuiet() { return this.#outbox.isIdle && !this.#isSpeaking && this.tools.running.size === 0; }
  /** When the caller last did something, on the clock of `performance.now()`. */
  get lastWanted() { return this.#lastWanted; }

  /** The caller is there. */
  wanted() {
    this.#lastWanted = performance.now();
  }

  /** @param {Middleware} middleware @returns {() => void} */
  use(middleware) {
    this.#middleware = [...this.#middleware, middleware];
    return () => {
      this.#middleware = this.#middleware.filter((other) => other !== middleware);
    };
  }

  // ── saying ────────────────────────────────────────────────────────────────────────────────────────────────────

  /** @param {any} item  a message; without a line it waits for the next @param {boolean} respond @param {boolean} interrupt */
  say(item, respond, interrupt) {
    const entry = this.#unsent.add(item, respond);
    if (!entry) throw new CallError({ kind: "queue_full" });
    if (this.#way.isOpen()) {
      if (interrupt) this.#hushNow();
      this.#sendUnsent(entry, interrupt);
    } else this.#showSent({ type: "conversation.item.create", item });
  }

  /** @param {object} params  of `response.create` */
  respond(params) {
    // One that is not of the conversation stands in nobody's way.
    const isAside = /** @type {any} */ (params).conversation === "none";
    this.send(isAside ? [{ type: "response.create", event_id: newId("event"), response: params }] : this.#outbox.respond(params));
  }

  /** @returns {boolean} whether there was an answer to stop */
  interrupt() {
    if (!this.#outbox.canInterrupt) return false;
    this.#hushNow();
    this.send(this.#outbox.interrupt());
    return true;
  }

  /** @param {string} callId @param {unknown} output */
  giveOutput(callId, output) {
    if (this.tools.output(callId, output)) return;
    this.#sendOutput(callId, outputText(output));
    this.send(this.#outbox.respond());
  }

  /** @param {any[]} events @returns {boolean} false: not all of them went out */
  send(events) {
    return events.map((event) => this.#pass(event)).every((sent) => sent !== false);
  }

  /** @param {any} event @returns {any} the event that went out; null: a middleware dropped it; false: the line did not take it */
  #pass(event) {
    for (const { outgoing } of this.#middleware) {
      const next = outgoing?.(event);
      if (next === null) return null;
      event = next ?? event;
    }
    if (!this.#way.send(event)) return false;
    this.#trace.add("out", event);
    this.#showSent(event);
    return event;
  }

  /** What the connection and its lines send by themselves. @param {any} event */
  ownSent(event) {
    this.#trace.add("out", event);
    this.#conversation.sent(event, now());
  }

  /** @param {any} event */
  #showSent(event) {
    const at = now();
    const { handlers } = this.#conversation;
    if (handlers.wants(`client.${event.type}`)) handlers.tell({ type: `client.${event.type}`, event, at });
    this.#conversation.sent(event, at);
    this.#lookAtActivity();
  }

  /** @param {import("./unsent.js").Unsent} entry @param {boolean} interrupts */
  #sendUnsent(entry, interrupts) {
    if (interrupts) this.send(this.#outbox.interrupt());
    this.#sendItem(entry);
    if (entry.respond) this.send(this.#outbox.respond());
  }

  /** @param {import("./unsent.js").Unsent} entry */
  #sendItem(entry) {
    const [given] = /** @type {any[]} */ (this.#outbox.tell(entry.item));
    const sent = this.#pass(given);
    if (sent === null) this.#unsent.forget(entry); // it is not to be said
    else if (sent) entry.eventId = sent.event_id ?? given.event_id;
  }

  /** @param {string} callId @param {string} output */
  #sendOutput(callId, output) {
    const item = { id: newId("item"), type: "function_call_output", call_id: callId, output };
    const entry = this.#unsent.add(item, false);
    if (!entry) this.#tellUnsent({ item }, { kind: "queue_full" });
    else if (this.#way.isOpen()) this.#sendItem(entry);
  }

  #hushNow() {
    if (!this.#outbox.canInterrupt) return;
    this.#interrupted = this.#response;
    this.#way.hush(true); // at once; the server's word takes a moment
  }

  // ── hearing ───────────────────────────────────────────────────────────────────────────────────────────────────

  /** An event of the server. @param {any} given */
  hear(given) {
    this.#trace.add("in", given);
    /** @type {any} */ let event = given;
    for (const { incoming } of this.#middleware) {
      const next = incoming?.(event);
      if (next === null) return;
      event = next ?? event;
    }
    const at = now();
    switch (event.type) {
      case "session.created": // what comes from here on says nothing of what another line was told
        this.#unsent.lineGone();
        break;
      case "input_audio_buffer.speech_started":
        this.#isSpeaking = true;
        this.wanted();
        break;
      case "input_audio_buffer.speech_stopped":
      case "input_audio_buffer.cleared":
        this.#isSpeaking = false;
        break;
      case "response.created":
        this.#response = event.response?.id ?? null;
        this.#unsent.confirmSent(); // not every server says which items it took
        this.#way.hush(false);
        break;
      case "output_audio_buffer.started":
        // That of the interrupted one may come late.
        if (event.response_id !== this.#interrupted) this.#way.hush(false);
        break;
      case "conversation.item.added":
      case "conversation.item.created":
        this.#unsent.confirm(event.item?.id);
        break;
      case "error":
        this.#refused(event.error ?? {});
        break;
    }
    this.session.hear(event);
    this.tools.hear(event);
    const { handlers } = this.#conversation;
    if (handlers.wants(`server.${event.type}`)) handlers.tell({ type: `server.${event.type}`, event, at });
    for (const { type, response_id: id } of this.#conversation.receive(event, at)) {
      if (type === "assistant.audio_started") this.#way.onSound(id);
    }
    this.send(this.#outbox.hear(event));
    this.#lookAtActivity();
  }

  /** @param {{event_id?: string, message?: string}} error */
  #refused(error) {
    const entry = this.#unsent.refuse(error.event_id);
    if (entry) this.#tellUnsent(entry, { kind: "refused", detail: error.message });
  }

  /** @param {{item: any}} entry @param {import("./problems.js").Problem} problem */
  #tellUnsent({ item }, problem) {
    this.#conversation.handlers.tell({ type: "message.unsent", item_id: item.id, problem });
  }

  /** Time passed: by that alone it may be somebody else's turn. */
  tick() {
    if (this.#conversation.tick(now())) this.#lookAtActivity();
  }

  #lookAtActivity() {
    const { activity, handlers } = this.#conversation;
    if (activity.phase === this.#phase) return;
    this.#phase = activity.phase;
    handlers.tell({ type: "activity.changed", ...activity.now });
  }

  // ── from line to line ─────────────────────────────────────────────────────────────────────────────────────────

  /** What a new session is told: without what is still to be said in it. */
  past() {
    return this.#conversation.record.items(this.tools.running).filter((item) => !this.#unsent.has(item.id));
  }

  /** There is no line that carries words. @param {import("./connection.js").ConnectionState} state */
  lineGone(state) {
    this.#isAnswerCutOff = state === "reconnecting" && (!this.#outbox.isIdle || this.#conversation.activity.phase === "thinking");
    this.session.lineGone();
    this.#unsent.lineGone();
    this.#isSpeaking = false;
    if (state !== "connecting") this.#trace.note("session_gone");
    this.#conversation.disconnected(now());
    this.#lookAtActivity();
  }

  /** A new line carries the call. @param {import("./connection.js").Reason} reason */
  goOn(reason) {
    this.#outbox = new Outbox();
    this.tools.renew();
    this.#isSpeaking = false;
    const waiting = this.#unsent.all;
    // Exactly once: what was confirmed came with the history, what was not is said now, in its order.
    for (const entry of waiting) this.#sendItem(entry);
    const isOwed = reason === "lost" && this.#isAnswerCutOff;
    this.#isAnswerCutOff = false;
    if (isOwed || waiting.some(({ respond, item }) => respond || item.type === "function_call_output")) this.send(this.#outbox.respond());
  }

  /** Another call begins: who answers does not know the one before. */
  begin() {
    this.wanted();
    this.#conversation.record.clear();
    this.#unsent.giveUp();
  }

  /** The call is over: what waits is said to nobody. @param {import("./problems.js").Problem|null} problem */
  end(problem) {
    this.tools.stop();
    for (const entry of this.#unsent.giveUp()) {
      this.#conversation.notSent({ type: "conversation.item.create", item: entry.item }, "", now());
      this.#tellUnsent(entry, problem ?? { kind: "aborted" });
    }
  }
}

/** Milliseconds since 1970 that never go back. */
export function now() {
  return performance.timeOrigin + performance.now();
}
