// @ts-check
/**
 * What the router knows of each item, so that every fact about one is told once. Pure; the router alone writes it.
 *
 * An item is announced when the conversation has it (`conversation.item.added`, `committed`) or, from servers that do not
 * say so, when its first content comes. What is told late (a predecessor, corrected words) is told as a change.
 *
 * @typedef {string|null|undefined} Previous  undefined: the server has not said; null: the first of its session
 * @typedef {"text"|"audio_transcript"} Channel
 * @typedef {object} KnownItem
 * @property {string} id
 * @property {"user"|"assistant"|"call"|"other"|"deleted"} kind
 * @property {number} session  in which it was first seen
 * @property {string|null} responseId
 * @property {Previous} previous
 * @property {boolean} isAnnounced
 * @property {boolean} isDone
 * @property {boolean} isSpoken
 * @property {boolean} isHeard  the server said that the user began to say it
 * @property {boolean} isOwn  this side sent it
 * @property {boolean} isConfirmed  the server has it
 * @property {Map<number, string|null>} parts  its final words by content index, null while they stream
 * @property {string} name
 * @property {string} callId
 * @property {string|null} serverLabel
 * @property {string} arguments  of a call, while they stream
 */

const MOST_ITEMS = 2048;

export class Items {
  /** @type {Map<string, KnownItem>} */ #items = new Map();
  /** @type {Set<string>} */ #outputs = new Set();
  #session = 0;
  #hasFirst = false;

  /** @param {string} id */
  get(id) { return this.#items.get(id); }

  beginSession() {
    this.#session += 1;
    this.#hasFirst = false;
    // What was said while there was no session was said for this one.
    for (const item of this.#items.values()) if (item.isOwn && !item.isConfirmed) item.session = this.#session;
  }

  /**
   * The item, made when it is new. What it was before stays, whatever `kind` says now.
   * @param {string} id @param {KnownItem["kind"]} kind @param {string|null} [responseId] @returns {KnownItem}
   */
  know(id, kind, responseId = null) {
    let item = this.#items.get(id);
    if (!item) {
      item = {
        id, kind, session: this.#session, responseId, previous: undefined, isAnnounced: false, isDone: false, isSpoken: false,
        isHeard: false, isOwn: false, isConfirmed: false, parts: new Map(), name: "", callId: "", serverLabel: null, arguments: "",
      };
      this.#items.set(id, item);
      if (this.#items.size > MOST_ITEMS) this.#items.delete(firstOf(this.#items.keys()));
    } else if (item.responseId === null && !item.isOwn) item.responseId = responseId;
    return item;
  }

  /** @param {string} responseId */
  ofResponse(responseId) {
    return [...this.#items.values()].filter((item) => item.responseId === responseId);
  }

  /** Tells that an item is there, or that it stands elsewhere than was said. @param {KnownItem} item @param {Previous} [previous] @returns {any[]} */
  announce(item, previous) {
    if (item.kind === "deleted") return [];
    const named = this.#named(item, previous);
    if (item.isAnnounced) return this.#move(item, named);
    item.isAnnounced = true;
    item.previous = named;
    const { id: item_id, responseId: response_id } = item;
    if (item.kind === "assistant") return [{ type: "assistant.item_started", item_id, response_id, previous_item_id: named }];
    if (item.kind !== "call") return [{ type: "user.item_started", item_id, images: [], previous_item_id: named }];
    return [{ type: "tool.call_started", call_id: item.callId, item_id, name: item.name, response_id, server_label: item.serverLabel, previous_item_id: named }];
  }

  /**
   * What to believe of a predecessor. One item of a session is the first. Servers exist that say "none" of every item:
   * after the first one, that means "not said", unless we asked to have the item there.
   * @param {KnownItem} item @param {Previous} previous @returns {Previous}
   */
  #named(item, previous) {
    if (previous === null) {
      if (this.#hasFirst && item.previous !== null) return undefined;
      this.#hasFirst = true;
    }
    return previous === item.id ? undefined : previous;
  }

  /** @param {KnownItem} item @param {Previous} named */
  #move(item, named) {
    // An item of an earlier session that is told to a new one keeps the place that it had.
    if (named === undefined || named === item.previous || item.session !== this.#session) return [];
    item.previous = named;
    return [{ type: "item.moved", item_id: item.id, previous_item_id: named }];
  }

  /**
   * Takes in an item.
   * @param {any} wire @param {Previous} previous @param {string|null} responseId
   * @param {boolean} isAnnounced  the conversation has it @param {boolean} isFinal  its content is complete @returns {any[]}
   */
  place(wire, previous, responseId, isAnnounced, isFinal) {
    if (typeof wire?.id !== "string") return [];
    switch (wire.type) {
      case "message":
        if (wire.role === "user") return this.#placeUser(wire, previous, isFinal);
        if (wire.role === "assistant") {
          const item = this.know(wire.id, "assistant", responseId);
          const events = isAnnounced || isFinal ? this.announce(item, previous) : [];
          return isFinal ? [...events, ...this.#finishAssistant(item, wire)] : events;
        }
        return this.placeOther(wire.id, String(wire.role), previous, textsOf(wire).join("\n"));
      case "function_call":
      case "mcp_call":
        return this.#placeCall(wire, previous, responseId, isAnnounced, isFinal);
      case "function_call_output":
        return this.#placeOutput(wire, previous);
      case "mcp_approval_request": {
        const item = this.know(wire.id, "other", responseId);
        if (item.isAnnounced) return this.#moved(item, previous);
        item.isAnnounced = true;
        item.previous = this.#named(item, previous);
        return [{ type: "tool.approval_requested", item_id: wire.id, server_label: wire.server_label, name: wire.name, text: wire.arguments, previous_item_id: item.previous }];
      }
      case "mcp_list_tools":
        return isAnnounced || isFinal ? this.placeOther(wire.id, wire.type, previous) : [];
      default:
        return this.placeOther(wire.id, String(wire.type ?? ""), previous);
    }
  }

  /** An item that is nobody's words. @param {string} id @param {string} kind @param {Previous} previous @param {string} [text] @returns {any[]} */
  placeOther(id, kind, previous, text = "") {
    const item = this.know(id, "other");
    if (item.isAnnounced) return this.#moved(item, previous);
    item.isAnnounced = true;
    item.previous = this.#named(item, previous);
    return [{ type: "item.added", item_id: id, kind, text, previous_item_id: item.previous }];
  }

  /** @param {KnownItem} item @param {Previous} previous */
  #moved(item, previous) {
    return item.kind === "deleted" ? [] : this.#move(item, this.#named(item, previous));
  }

  /** An item that this side has just sent: told at once if this side gave it an id. @param {any} wire @param {Previous} previous @returns {any[]} */
  placeOwn(wire, previous) {
    if (typeof wire?.id !== "string" || this.#items.has(wire.id)) return [];
    const wish = previous === "root" ? null : (previous ?? undefined);
    const events = this.place(wire, undefined, null, true, true);
    const item = this.#items.get(wire.id);
    if (!item) return events;
    Object.assign(item, { isOwn: true, isConfirmed: false, previous: wish });
    return events.map((event) => ("previous_item_id" in event ? { ...event, previous_item_id: wish } : event));
  }

  // ── the user ──────────────────────────────────────────────────────────────────────────────────────────────────

  /** @param {any} wire @param {Previous} previous @param {boolean} isFinal @returns {any[]} */
  #placeUser(wire, previous, isFinal) {
    const item = this.know(wire.id, "user");
    item.isConfirmed = true;
    if (item.kind !== "user") return [];
    if (item.isOwn) return this.announce(item, previous); // this side knows its content better than an echo of it
    const images = wire.content.filter((/** @type {any} */ part) => part.type === "input_image").map((/** @type {any} */ part) => part.image_url);
    if (!item.isSpoken && !wire.content.some((/** @type {any} */ part) => part.type === "input_audio")) {
      if (item.isAnnounced) return this.announce(item, previous);
      item.isAnnounced = true;
      item.previous = this.#named(item, previous);
      return [{ type: "user.message", item_id: wire.id, text: textsOf(wire).join(" "), images, previous_item_id: item.previous }];
    }
    item.isSpoken = true;
    const events = this.announce(item, previous);
    if (images.length > 0 && events[0]?.type === "user.item_started") events[0].images = images;
    for (const [index, part] of wire.content.entries()) {
      if (part.type === "input_audio" && isFinal && part.transcript) events.push(...this.recognise(item, index, part.transcript));
      else if (part.type === "input_text") events.push(...this.recognise(item, index, part.text));
    }
    return events;
  }

  /** The final words of one part of a user's item; nothing when they are known. @param {KnownItem} item @param {number} index @param {string} transcript @returns {any[]} */
  recognise(item, index, transcript) {
    if (item.kind !== "user" || item.parts.get(index) === transcript) return [];
    item.parts.set(index, transcript);
    return [{ type: "user.completed", item_id: item.id, content_index: index, transcript, usage: null }];
  }

  // ── the assistant ─────────────────────────────────────────────────────────────────────────────────────────────

  /**
   * The final words of one part of an answer; nothing when they are known, or when there never were any.
   * @param {KnownItem} item @param {number} index @param {string} text @param {Channel} channel @returns {any[]}
   */
  settle(item, index, text, channel) {
    const known = item.parts.has(index) ? item.parts.get(index) : "";
    if (item.kind !== "assistant" || known === text) return [];
    item.parts.set(index, text);
    return [{ type: "assistant.text_done", response_id: item.responseId, item_id: item.id, content_index: index, text, channel }];
  }

  /** @param {KnownItem} item @param {any} wire */
  #finishAssistant(item, wire) {
    const events = [];
    for (const [index, part] of wire.content.entries()) {
      if (part.type === "output_text" && typeof part.text === "string") events.push(...this.settle(item, index, part.text, "text"));
      else if (part.type === "output_audio" && typeof part.transcript === "string") events.push(...this.settle(item, index, part.transcript, "audio_transcript"));
    }
    return [...events, ...this.close(item, wire.status !== "incomplete")];
  }

  /** No more words will come for an item. @param {KnownItem} item @param {boolean} isComplete @returns {any[]} */
  close(item, isComplete) {
    if (item.isDone || !item.isAnnounced || item.kind === "deleted") return [];
    item.isDone = true;
    if (item.kind !== "assistant") return [];
    return [{ type: "assistant.item_done", item_id: item.id, response_id: item.responseId, status: isComplete ? "completed" : "incomplete" }];
  }

  // ── tools ─────────────────────────────────────────────────────────────────────────────────────────────────────

  /** @param {any} wire @param {Previous} previous @param {string|null} responseId @param {boolean} isAnnounced @param {boolean} isFinal */
  #placeCall(wire, previous, responseId, isAnnounced, isFinal) {
    const item = this.know(wire.id, "call", responseId);
    if (item.kind !== "call") return [];
    const isMcp = wire.type === "mcp_call";
    item.name ||= wire.name ?? "";
    if (isMcp) Object.assign(item, { callId: wire.id, serverLabel: wire.server_label });
    else item.callId ||= typeof wire.call_id === "string" ? wire.call_id : wire.id;
    const events = isAnnounced || isFinal || item.isAnnounced ? this.announce(item, previous) : [];
    if (isFinal && wire.status !== "incomplete") events.push(...this.callDone(item, wire.arguments ?? ""));
    if (isFinal && isMcp) {
      const { error } = wire;
      if (error) events.push(...this.output(item.callId, null, error.type === "protocol_error" ? `${error.code}: ${error.message}` : error.message, true));
      else if (typeof wire.output === "string") events.push(...this.output(item.callId, null, wire.output));
    }
    return events;
  }

  /** The arguments of a call are complete: told once. @param {KnownItem} item @param {string} given @returns {any[]} */
  callDone(item, given) {
    if (item.kind !== "call" || item.isDone) return [];
    const text = given || item.arguments;
    item.isDone = true;
    item.arguments = "";
    return [{ type: "tool.call_done", call_id: item.callId, item_id: item.id, name: item.name, arguments: objectOf(text), text, response_id: item.responseId }];
  }

  /** @param {any} wire @param {Previous} previous */
  #placeOutput(wire, previous) {
    const item = this.know(wire.id, "other");
    if (item.isAnnounced) return this.#moved(item, previous);
    item.isAnnounced = true;
    item.previous = this.#named(item, previous);
    const told = this.output(wire.call_id, wire.id, wire.output, false, item.previous);
    return told.length > 0 ? told : [{ type: "item.added", item_id: wire.id, kind: wire.type, text: "", previous_item_id: item.previous }];
  }

  /** What a call gave back: told once. @param {string} callId @param {string|null} itemId @param {string} output @param {boolean} [isError] @param {Previous} [previous] @returns {any[]} */
  output(callId, itemId, output, isError = false, previous = undefined) {
    if (this.#outputs.has(callId)) return [];
    this.#outputs.add(callId);
    if (this.#outputs.size > MOST_ITEMS) this.#outputs.delete(firstOf(this.#outputs));
    return [{ type: "tool.output", call_id: callId, item_id: itemId, output, error: isError, previous_item_id: previous }];
  }
}

/** @param {Iterable<string>} ids @returns {string} */
export function firstOf(ids) {
  for (const id of ids) return id;
  return "";
}

/** @param {any} wire @returns {string[]} */
function textsOf(wire) {
  return wire.content.filter((/** @type {any} */ part) => part.type === "input_text").map((/** @type {any} */ part) => part.text);
}

/** @param {string} text @returns {object|null} */
function objectOf(text) {
  if (text.trim() === "") return {};
  try {
    const value = JSON.parse(text);
    return typeof value === "object" && value !== null && !Array.isArray(value) ? value : null;
  } catch {
    return null;
  }
}
