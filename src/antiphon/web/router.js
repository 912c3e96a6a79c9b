// @ts-check
/**
 * From the wire to friendly events, the same as Python's `antiphon.conversation` tells (tests/vectors hold both to it).
 * Pure: server events in (and what the app sends), friendly events out.
 *
 * Each fact is told once, in whatever order and however often the wire tells it: an item starts once, its words are final
 * once (and again only if they change), and a response is completed exactly once, by `response.done`. Here: the dispatch,
 * responses and errors. Items are in items.js, what is heard in playout.js, poor servers in mending.js.
 *
 * @typedef {{type: string, [field: string]: any}} Friendly
 */

import { firstOf, Items } from "./items.js";
import { HEARD, mended } from "./mending.js";
import { Playout } from "./playout.js";

const MOST_RESPONSES = 4096; // of which it is known that they ended
const MOST_SENT = 512; // client events that are remembered; an error about an older one is about nothing known
const MOST_ARGUMENTS = 256 * 1024;
/** Errors that are part of taking turns. */
const ORDINARY_ERRORS = new Set(["response_cancel_not_active", "conversation_already_has_active_response"]);
const SCOPES = [
  ["session.", "session"], ["conversation.item.", "item"], ["response.", "response"],
  ["input_audio_buffer.", "input_audio"], ["output_audio_buffer.", "output_audio"],
];

export class Router {
  items = new Items();
  playout = new Playout();
  /** @type {Map<string, {isDone: boolean}>} */ #responses = new Map();
  /** @type {string[]} */ #active = [];
  /** @type {Map<string, {scope: string, type: string, created: string|null}>} */ #sent = new Map();

  /** The responses that are being made, oldest first. */
  get activeResponses() { return [...this.#active]; }

  /** @param {any} event @returns {Friendly[]} what a server event tells; often nothing new */
  receive(event) {
    const whole = mended(event, this.#active.at(-1) ?? "");
    return whole === null ? [] : (ROUTES[whole.type]?.(this, whole) ?? []);
  }

  /** What the app has just sent. A typed message with an id of its own is told at once, its echo is not. @param {any} event @returns {Friendly[]} */
  sent(event) {
    if (event.type === "input_audio_buffer.append") return [];
    if (typeof event.event_id === "string") {
      const scope = SCOPES.find(([prefix]) => event.type.startsWith(prefix));
      const created = event.type === "conversation.item.create" && typeof event.item?.id === "string" ? event.item.id : null;
      if (scope) this.#sent.set(event.event_id, { scope: scope[1], type: event.type, created });
      if (this.#sent.size > MOST_SENT) this.#sent.delete(firstOf(this.#sent.keys()));
    }
    if (event.type === "conversation.item.create") return this.items.placeOwn(mended({ ...event, type: "conversation.item.added" }, "")?.item, event.previous_item_id);
    if (event.type === "response.create") return event.response?.conversation === "none" ? [] : [{ type: "assistant.response_requested" }];
    return event.type === "conversation.item.truncate" ? this.playout.flushed(event.item_id) : [];
  }

  /** What the app asked to send and could not be sent after all. @param {any} event @param {string} why  for the user to read @returns {Friendly[]} */
  notSent(event, why) {
    if (event.type !== "conversation.item.create" || typeof event.item?.id !== "string") return [];
    return this.#refused(event.item.id, { type: "client_error", message: why });
  }

  /** Whether an item of ours is not in the conversation: the server refused it, or it never went out. @param {string} itemId */
  wasRefused(itemId) {
    const item = this.items.get(itemId);
    return item !== undefined && item.isOwn && !item.isConfirmed;
  }

  /** The connection is gone: what was being made or played ends here. @returns {Friendly[]} */
  disconnected() {
    const events = this.playout.endSession();
    for (const id of [...this.#active]) events.push(...this.#end(id, "cancelled", { reason: "disconnected" }));
    return events;
  }

  // ── session and errors ────────────────────────────────────────────────────────────────────────────────────────

  /** @param {any} event @returns {Friendly[]} */
  session(event) {
    const events = event.type === "session.created" ? this.disconnected() : [];
    if (event.type === "session.created") this.items.beginSession();
    this.playout.beginSession(/^audio\/pcm[ua]$/.test(event.session.audio?.output?.format?.type ?? ""));
    return [...events, { type: event.type, session: event.session }];
  }

  /** @param {any} event @returns {Friendly[]} */
  error({ error }) {
    const about = this.#sent.get(error.event_id);
    this.#sent.delete(error.event_id);
    const told = { type: "error", scope: about?.scope ?? "server", error, event_type: about?.type ?? null, ordinary: ORDINARY_ERRORS.has(error.code) };
    return about?.created ? [told, ...this.#refused(about.created, error)] : [told];
  }

  /** @param {string} itemId @param {any} error @returns {Friendly[]} */
  #refused(itemId, { type, code, message }) {
    const item = this.items.get(itemId);
    if (!item || item.kind !== "user" || !item.isOwn || item.isConfirmed) return [];
    return [{ type: "user.failed", item_id: itemId, error: { type, code, message } }];
  }

  // ── the user ──────────────────────────────────────────────────────────────────────────────────────────────────

  /** @param {any} event @returns {Friendly[]} */
  speechStarted({ item_id, audio_start_ms: audio_ms = 0 }) {
    this.#spoken(item_id).isHeard = true;
    return [{ type: "user.speech_started", item_id, audio_ms }];
  }

  /** @param {any} event @returns {Friendly[]} */
  committed(event) {
    const item = this.#spoken(event.item_id);
    return item.kind === "user" ? this.items.announce(item, event.previous_item_id) : [];
  }

  /** Words of the user, or why there are none. @param {any} event @returns {Friendly[]} */
  recognised(event) {
    const item = this.#spoken(event.item_id);
    const index = event.content_index;
    if (item.kind !== "user") return [];
    const kind = event.type.slice(event.type.lastIndexOf(".") + 1);
    if (kind === "delta" && typeof item.parts.get(index) === "string") return [];
    // Words may come while the user still speaks, before there is an item.
    const begun = item.isAnnounced || (kind === "delta" && item.isHeard) ? [] : this.items.announce(item);
    if (kind === "failed") return [...begun, { type: "user.failed", item_id: item.id, error: event.error ?? {} }];
    item.parts.set(index, kind === "delta" ? null : event.transcript);
    if (kind === "delta") return [...begun, { type: "user.delta", item_id: item.id, content_index: index, delta: event.delta }];
    const isTold = event.usage && !(event.usage.type === "duration" && event.usage.seconds === 0);
    return [...begun, { type: "user.completed", item_id: item.id, content_index: index, transcript: event.transcript, usage: isTold ? event.usage : null }];
  }

  /** @param {string} id */
  #spoken(id) {
    const item = this.items.know(id, "user");
    item.isSpoken = true;
    return item;
  }

  // ── items ─────────────────────────────────────────────────────────────────────────────────────────────────────

  /** @param {any} event @param {boolean} isFinal @returns {Friendly[]} */
  item({ item, previous_item_id: previous }, isFinal) {
    const isBegun = item.status === "in_progress" && item.type === "message" && item.role === "assistant";
    return this.items.place(item, previous, isBegun && this.#active.length === 1 ? this.#active[0] : null, true, isFinal);
  }

  /** @param {any} event @returns {Friendly[]} */
  retrieved({ item }) {
    return this.items.get(item.id) ? this.items.place(item, undefined, null, false, true) : [];
  }

  /** @param {any} event @returns {Friendly[]} */
  deleted({ item_id }) {
    this.items.know(item_id, "deleted").kind = "deleted";
    return [{ type: "item.deleted", item_id }];
  }

  /** @param {any} event @returns {Friendly[]} */
  truncated({ item_id, content_index, audio_end_ms }) {
    const audio_ms = this.playout.receivedMs(item_id, content_index);
    return [...this.playout.flushed(item_id), { type: "assistant.truncated", item_id, content_index, audio_end_ms: audio_end_ms ?? 0, audio_ms }];
  }

  // ── responses ─────────────────────────────────────────────────────────────────────────────────────────────────

  /** @param {string} id @param {boolean} [aside] @returns {Friendly[]} */
  #begin(id, aside = false) {
    if (this.#responses.has(id)) return [];
    this.#responses.set(id, { isDone: false });
    this.#active.push(id);
    /** @type {Friendly[]} */ const events = [{ type: "assistant.response_started", response_id: id, aside }];
    if (this.#responses.size > MOST_RESPONSES) {
      const oldest = firstOf(this.#responses.keys());
      events.push(...this.#end(oldest, "cancelled", { reason: "forgotten" }));
      this.#responses.delete(oldest);
    }
    return events;
  }

  /** @param {string} id @param {string} status @param {{reason?: string|null, error?: string|null, usage?: any}} more @returns {Friendly[]} */
  #end(id, status, { reason = null, error = null, usage = null }) {
    const response = this.#responses.get(id);
    if (!response || response.isDone) return [];
    response.isDone = true;
    this.#active = this.#active.filter((other) => other !== id);
    /** @type {Friendly[]} */ const events = [];
    for (const item of this.items.ofResponse(id)) {
      if (item.kind === "call" && status === "completed" && item.isAnnounced) events.push(...this.items.callDone(item, ""));
      events.push(...this.items.close(item, status === "completed"));
    }
    if (status === "cancelled" && reason !== "disconnected") events.push(...this.playout.interrupt(id));
    events.push({ type: "assistant.completed", response_id: id, status, reason, error, usage });
    return [...events, ...this.playout.complete(id)];
  }

  /** @param {any} event @returns {Friendly[]} */
  responseCreated({ response }) {
    return typeof response.id === "string" ? this.#begin(response.id, response.conversation_id === null) : [];
  }

  /** @param {any} event @returns {Friendly[]} */
  responseDone({ response }) {
    if (typeof response.id !== "string") return [];
    const events = this.#begin(response.id, response.conversation_id === null);
    if (this.#responses.get(response.id)?.isDone) return events;
    for (const item of response.output ?? []) events.push(...this.items.place(item, undefined, response.id, true, true));
    const { status, status_details: details } = response;
    const isKnown = ["completed", "cancelled", "failed", "incomplete"].includes(status);
    return [...events, ...this.#end(response.id, isKnown ? status : "completed", {
      reason: details?.reason ?? null, error: details?.error?.message ?? null, usage: response.usage ?? null,
    })];
  }

  /** @param {any} event @param {boolean} isFinal @returns {Friendly[]} */
  outputItem(event, isFinal) {
    return [...this.#begin(event.response_id), ...this.items.place(event.item, undefined, event.response_id, false, isFinal)];
  }

  // ── the assistant's words ─────────────────────────────────────────────────────────────────────────────────────

  /** The item that content came for, and what is new by that. @param {any} event @returns {[import("./items.js").KnownItem, Friendly[]]} */
  #assistant(event) {
    const known = this.items.get(event.item_id);
    if (known?.isAnnounced) return [known, []];
    const begun = this.#begin(event.response_id);
    const item = this.items.know(event.item_id, "assistant", event.response_id);
    return [item, [...begun, ...(item.kind === "assistant" ? this.items.announce(item) : [])]];
  }

  /** @param {any} event @returns {Friendly[]} */
  contentBegun(event) {
    return this.#assistant(event)[1];
  }

  /** @param {any} event @param {import("./items.js").Channel} channel @returns {Friendly[]} */
  delta(event, channel) {
    const [item, events] = this.#assistant(event);
    const { response_id, item_id, content_index, delta } = event;
    if (item.isDone || item.kind !== "assistant" || typeof item.parts.get(content_index) === "string") return events; // a straggler after the final words
    item.parts.set(content_index, null);
    return [...events, { type: "assistant.delta", response_id, item_id, content_index, delta, channel }];
  }

  /** @param {any} event @param {unknown} text @param {import("./items.js").Channel} channel @returns {Friendly[]} */
  textDone(event, text, channel) {
    if (typeof text !== "string") return [];
    const [item, events] = this.#assistant(event);
    return [...events, ...this.items.settle(item, event.content_index, text, channel)];
  }

  /** @param {any} event @returns {Friendly[]} */
  audioDelta(event) {
    const { response_id, item_id, content_index, delta } = event;
    const size = Math.floor((delta.length * 3) / 4) - (delta.endsWith("==") ? 2 : delta.endsWith("=") ? 1 : 0);
    return [...this.#assistant(event)[1], ...this.playout.receive(response_id, item_id, content_index, size)];
  }

  // ── tools ─────────────────────────────────────────────────────────────────────────────────────────────────────

  /** @param {any} event @param {string} callId @returns {Friendly[]} */
  argumentsDelta(event, callId) {
    const [item, events] = this.#call(event, callId, "");
    if (item.kind !== "call" || item.isDone) return events;
    if (item.arguments.length < MOST_ARGUMENTS) item.arguments += event.delta;
    // A call whose name is not known yet: the whole arguments will come with it.
    return item.isAnnounced ? [...events, { type: "tool.call_delta", call_id: callId, item_id: item.id, name: item.name, delta: event.delta }] : events;
  }

  /** @param {any} event @param {string} callId @param {string} name @returns {Friendly[]} */
  argumentsDone(event, callId, name) {
    const [item, events] = this.#call(event, callId, name);
    if (item.kind === "call" && !item.isAnnounced) events.push(...this.items.announce(item));
    return [...events, ...this.items.callDone(item, event.arguments)];
  }

  /** @param {any} event @param {string} callId @param {string} name @returns {[import("./items.js").KnownItem, Friendly[]]} */
  #call(event, callId, name) {
    const begun = this.#begin(event.response_id);
    const item = this.items.know(event.item_id, "call", event.response_id);
    item.callId ||= callId;
    item.name ||= name;
    if (item.kind === "call" && item.name && !item.isAnnounced) begun.push(...this.items.announce(item));
    return [item, begun];
  }
}

/** @type {Record<string, (router: Router, event: any) => Friendly[]>} */
const ROUTES = {
  "session.created": (router, event) => router.session(event),
  "session.updated": (router, event) => router.session(event),
  "rate_limits.updated": (_, event) => [{ type: "session.rate_limits", rate_limits: event.rate_limits }],
  error: (router, event) => router.error(event),
  "input_audio_buffer.speech_started": (router, event) => router.speechStarted(event),
  "input_audio_buffer.speech_stopped": (_, event) => [{ type: "user.speech_stopped", item_id: event.item_id, audio_ms: event.audio_end_ms ?? 0 }],
  "input_audio_buffer.cleared": () => [{ type: "user.audio_cleared" }],
  "input_audio_buffer.timeout_triggered": (_, event) => [{ type: "user.timeout", item_id: event.item_id }],
  "input_audio_buffer.dtmf_event_received": (_, event) => [{ type: "user.dtmf", key: event.event, received_at: event.received_at }],
  "input_audio_buffer.committed": (router, event) => router.committed(event),
  [`${HEARD}delta`]: (router, event) => router.recognised(event),
  [`${HEARD}completed`]: (router, event) => router.recognised(event),
  [`${HEARD}failed`]: (router, event) => router.recognised(event),
  "conversation.item.added": (router, event) => router.item(event, false),
  "conversation.item.done": (router, event) => router.item(event, true),
  "conversation.item.retrieved": (router, event) => router.retrieved(event),
  "conversation.item.deleted": (router, event) => router.deleted(event),
  "conversation.item.truncated": (router, event) => router.truncated(event),
  "response.created": (router, event) => router.responseCreated(event),
  "response.done": (router, event) => router.responseDone(event),
  "response.output_item.added": (router, event) => router.outputItem(event, false),
  "response.output_item.done": (router, event) => router.outputItem(event, true),
  "response.content_part.added": (router, event) => router.contentBegun(event),
  "response.content_part.done": (router, event) =>
    event.part.type === "text" ? router.textDone(event, event.part.text, "text") : router.textDone(event, event.part.transcript, "audio_transcript"),
  "response.output_text.delta": (router, event) => router.delta(event, "text"),
  "response.output_text.done": (router, event) => router.textDone(event, event.text, "text"),
  "response.output_audio_transcript.delta": (router, event) => router.delta(event, "audio_transcript"),
  "response.output_audio_transcript.done": (router, event) => router.textDone(event, event.transcript, "audio_transcript"),
  "response.output_audio.delta": (router, event) => router.audioDelta(event),
  "response.function_call_arguments.delta": (router, event) => router.argumentsDelta(event, event.call_id),
  "response.function_call_arguments.done": (router, event) => router.argumentsDone(event, event.call_id, event.name ?? ""),
  "response.mcp_call_arguments.delta": (router, event) => router.argumentsDelta(event, event.item_id),
  "response.mcp_call_arguments.done": (router, event) => router.argumentsDone(event, event.item_id, ""),
  "output_audio_buffer.started": (router, event) => router.playout.serverStarted(event.response_id),
  "output_audio_buffer.stopped": (router, event) => router.playout.serverStopped(event.response_id),
  "output_audio_buffer.cleared": (router, event) =>
    router.playout.serverCleared(event.response_id, router.activeResponses.includes(event.response_id)),
};
