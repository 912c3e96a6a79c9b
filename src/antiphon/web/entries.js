// @ts-check
/**
 * The entries of a chat in their places: which there are, which are shown, who is told. `Chat` decides and alone writes.
 *
 * Bounded: the oldest entries leave, and with them the app's own messages that stood after them; the oldest pictures are
 * forgotten before their messages.
 *
 * @typedef {import("./items.js").Previous} Previous
 * @typedef {"user"|"assistant"|"system"|"tool"} Role
 * @typedef {"hearing"|"streaming"|"done"|"cancelled"|"failed"} Status  hearing: the user is still saying it
 * @typedef {{index: number, text: string, heard: string|null, channel: string|null, is_final: boolean}} MessagePart
 * @typedef {object} ToolUse
 * @property {string} call_id
 * @property {string} name
 * @property {string} text  its arguments as JSON text
 * @property {object|null} arguments  the same, once complete and valid
 * @property {string|null} output  null while it runs
 * @property {boolean} is_error
 * @property {number} started_at  milliseconds, on the caller's clock
 * @property {number|null} ended_at
 * @property {string|null} server_label
 *
 * @typedef {object} ChatMessage  a later state of it is another value with the same `id`
 * @property {string} id
 * @property {"text"|"tool"|"ui"} type
 * @property {Role} role
 * @property {Status} status
 * @property {number} seq  grows with every message that is made
 * @property {number} time  when it was made, milliseconds
 * @property {string} text  of all parts
 * @property {string|null} heard  what was heard of it; null when nothing was cut off
 * @property {readonly MessagePart[]} parts
 * @property {readonly string[]} images  data URLs or addresses
 * @property {boolean} is_spoken  the words came, or will come, as sound
 * @property {boolean} is_interrupted
 * @property {string|null} problem  why it failed or stayed incomplete, in the server's words
 * @property {ToolUse|null} tool
 * @property {string|null} item_id
 * @property {string|null} response_id
 * @property {string|null} kind  of an app's own messages
 * @property {any} payload
 *
 * @typedef {object} UIMessage  an app's own message
 * @property {string} [kind]  how the app draws it; without one it is plain text
 * @property {any} [payload]
 * @property {Role} [role]
 * @property {string} [text]
 * @property {string} [id]  that of an earlier own message replaces it
 * @property {string} [after]  id of the message to stand after
 * @property {number} [time]
 *
 * @typedef {{kind: "added"|"changed"|"removed"|"reordered"|"cleared", message_id: string|null}} ChatChange
 */

import { Order } from "./item-order.js";

const MOST_CHARACTERS = 256 * 1024; // of one part, or of a call's arguments; what comes after them is dropped

/** The words of one content part, while they change. */
export class Part {
  text = "";
  /** @type {string|null} */ heard = null;
  /** @type {string|null} */ channel = null;
  isFinal = false;

  /** @param {string} delta */
  append(delta) {
    if (this.text.length < MOST_CHARACTERS) this.text += delta.slice(0, MOST_CHARACTERS - this.text.length);
  }

  /** The final words. A beginning of what had streamed is what was heard of it; the rest stays to be seen. @param {string} given @param {boolean} [mayBeShortened] */
  settle(given, mayBeShortened = false) {
    this.isFinal = true;
    const text = given.slice(0, MOST_CHARACTERS);
    if (mayBeShortened && text.length < this.text.trimEnd().length && this.text.startsWith(text)) this.heard = text;
    else this.text = text;
  }
}

/** @typedef {Omit<ToolUse, "text"> & {text: Part}} Tool */

export class Entry {
  type = /** @type {"text"|"tool"|"ui"} */ ("text");
  /** @type {Status} */ status = "streaming";
  isSpoken = false;
  isInterrupted = false;
  isHidden = false; // it keeps its place and is never shown
  isShown = false;
  isAside = false;
  /** @type {Map<number, Part>} */ parts = new Map();
  /** @type {string[]} */ images = [];
  /** @type {string|null} */ problem = null;
  /** @type {Tool|null} */ tool = null;
  /** @type {string|null} */ itemId = null;
  /** @type {string|null} */ responseId = null;
  /** @type {string|null} */ kind = null;
  /** @type {any} */ payload = null;
  /** @type {ChatMessage|null} */ value = null; // what was last looked at

  /** @param {string} id @param {string} key @param {Role} role @param {number} seq @param {number} time */
  constructor(id, key, role, seq, time) {
    this.id = id;
    this.key = key;
    this.role = role;
    this.seq = seq;
    this.time = time;
  }

  /** @param {number} index */
  part(index) {
    const part = this.parts.get(index) ?? new Part();
    this.parts.set(index, part);
    return part;
  }

  get sorted() {
    return [...this.parts].sort(([a], [b]) => a - b);
  }

  get text() {
    return joined(this.sorted.map(([, part]) => part.text));
  }

  get heard() {
    const parts = this.sorted.map(([, part]) => part);
    return parts.every((part) => part.heard === null) ? null : joined(parts.map((part) => part.heard ?? part.text));
  }

  /** @returns {ChatMessage} as it is now */
  look() {
    this.value ??= {
      id: this.id, type: this.type, role: this.role, status: this.status, seq: this.seq, time: this.time,
      text: this.text, heard: this.heard,
      parts: this.sorted.map(([index, { text, heard, channel, isFinal }]) => ({ index, text, heard, channel, is_final: isFinal })),
      images: [...this.images], is_spoken: this.isSpoken, is_interrupted: this.isInterrupted, problem: this.problem,
      tool: this.tool && { ...this.tool, text: this.tool.text.text },
      item_id: this.itemId, response_id: this.responseId, kind: this.kind, payload: this.payload,
    };
    return this.value;
  }
}

/** @param {string[]} texts */
function joined(texts) {
  return texts.map((text) => text.trim()).filter((text) => text !== "").join(" ");
}

export class Entries {
  order = new Order();
  nowMs = 0;
  nextSeq = 1;
  /** @type {Map<string, Entry>} */ #entries = new Map(); // by item id, or a response's until its first item is known
  /** @type {Map<string, string>} */ #ofCall = new Map();
  /** @type {Map<string, {entry: Entry, after: string|null}>} */ #added = new Map();
  /** @type {((change: ChatChange) => unknown)[]} */ #listeners = [];
  /** @type {readonly ChatMessage[]|null} */ #shown = null;
  #shows;
  #bounds;

  /** @param {(entry: Entry) => boolean} shows @param {{most: number, mostAdded: number, mostImageCharacters: number}} bounds */
  constructor(shows, bounds) {
    this.#shows = shows;
    this.#bounds = bounds;
  }

  get all() { return [...this.#entries.values()]; }
  /** @param {string} key */
  get(key) { return this.#entries.get(key); }
  /** @param {string} id  of a message or its item */
  find(id) { return this.#added.get(id)?.entry ?? this.#entries.get(id) ?? this.all.find((entry) => entry.id === id); }
  /** @param {string} callId */
  ofCall(callId) { return this.#entries.get(this.#ofCall.get(callId) ?? ""); }
  /** @param {string} id */
  ofResponse(id) { return this.all.filter((entry) => entry.responseId === id); }

  /** @returns {readonly ChatMessage[]} what is to be seen, in order */
  get shown() {
    if (!this.#shown) {
      /** @type {Map<string|null, ChatMessage[]>} */
      const own = new Map();
      for (const { entry, after } of this.#added.values()) own.set(after, [...(own.get(after) ?? []), entry.look()]);
      const shown = [...(own.get(null) ?? [])];
      for (const key of this.order.ids) {
        const entry = this.#entries.get(key);
        if (entry?.isShown) shown.push(entry.look());
        shown.push(...(own.get(key) ?? []));
      }
      this.#shown = shown;
    }
    return this.#shown;
  }

  // ── placing ───────────────────────────────────────────────────────────────────────────────────────────────────

  /** The entry of an item, made when it is new. @param {string} id @param {Role} role @param {Previous} [previous] @param {Partial<Entry>} [more] */
  entry(id, role, previous, more = {}) {
    const entry = this.#entries.get(id);
    if (!entry) return this.enter(id, role, previous, more);
    this.place(id, previous);
    entry.responseId ||= more.responseId ?? null;
    return entry;
  }

  /** @param {string} key @param {Role} role @param {Previous} [previous] @param {Partial<Entry>} [more] */
  enter(key, role, previous, more = {}) {
    this.#bound();
    const entry = Object.assign(new Entry(key, key, role, this.nextSeq++, this.nowMs), { itemId: key }, more);
    if (entry.tool) {
      entry.type = "tool";
      this.#ofCall.set(entry.tool.call_id, key);
    }
    this.#entries.set(key, entry);
    this.order.place(key, previous);
    this.change(entry);
    return entry;
  }

  /** Moves a known item to where it belongs. @param {string} id @param {Previous} previous */
  place(id, previous) {
    const entry = this.#entries.get(id);
    if (!entry || previous === undefined) return;
    if (entry.isAside) {
      entry.isAside = false; // the conversation has it after all
      this.change(entry);
    }
    if (this.order.place(id, previous)) this.tell("reordered", null);
  }

  /** An item that is not shown keeps its place. @param {string} id @param {Previous} previous */
  placeHidden(id, previous) {
    this.hide(this.entry(id, "system", previous));
  }

  /** The item that a placeholder was waiting for is known. @param {Entry} placeholder @param {string} id */
  adopt(placeholder, id) {
    const { key } = placeholder;
    this.order.rename(key, id);
    for (const own of this.#added.values()) if (own.after === key) own.after = id;
    this.#entries = new Map([...this.#entries].map(([one, entry]) => [one === key ? id : one, entry]));
    placeholder.key = placeholder.itemId = id;
  }

  #bound() {
    const { most } = this.#bounds;
    if (this.#entries.size <= most + Math.floor(most / 5)) return;
    for (const key of this.order.dropOldest(this.#entries.size - most)) {
      const entry = /** @type {Entry} */ (this.#entries.get(key));
      this.#entries.delete(key);
      if (entry.tool) this.#ofCall.delete(entry.tool.call_id);
      for (const [id, { after }] of this.#added) {
        if (after !== key) continue;
        this.#added.delete(id);
        this.tell("removed", id);
      }
      if (entry.isShown) this.tell("removed", entry.id);
    }
  }

  // ── showing ───────────────────────────────────────────────────────────────────────────────────────────────────

  /** An entry may look different now, or appear, or vanish. @param {Entry} entry @param {Status} [status] */
  change(entry, status = entry.status) {
    entry.status = status;
    entry.value = null;
    const before = entry.isShown;
    entry.isShown = this.#shows(entry);
    if (entry.isShown) this.tell(before ? "changed" : "added", entry.id);
    else if (before) this.tell("removed", entry.id);
  }

  /** An entry is emptied, and keeps its place. @param {Entry} entry */
  hide(entry) {
    empty(entry);
    this.change(entry);
  }

  /** Pictures come to an entry; the oldest of the chat go when there are too many. @param {Entry} entry @param {string[]} images */
  illustrate(entry, images) {
    if (images.length === 0) return;
    entry.images.push(...images);
    let characters = this.all.reduce((sum, one) => sum + one.images.reduce((all, image) => all + image.length, 0), 0);
    for (const old of this.all) {
      if (characters <= this.#bounds.mostImageCharacters) break;
      if (old.images.length === 0) continue;
      for (const image of old.images.splice(0)) characters -= image.length;
      this.change(old);
    }
    this.change(entry);
  }

  clear() {
    for (const entry of this.all) {
      empty(entry);
      entry.isShown = false;
    }
    this.tell("cleared", null);
  }

  // ── an app's own messages ─────────────────────────────────────────────────────────────────────────────────────

  /** @param {UIMessage} message @param {number|null} nowMs @returns {string} */
  add(message, nowMs) {
    const seq = this.nextSeq++;
    const id = message.id ?? `added_${seq}`;
    const entry = new Entry(id, "", message.role ?? "assistant", seq, message.time ?? nowMs ?? this.nowMs);
    Object.assign(entry, { type: message.kind === undefined ? "text" : "ui", status: "done", isShown: true, kind: message.kind ?? null, payload: message.payload ?? null });
    if (message.text) entry.part(0).settle(message.text);
    const old = this.#added.get(id);
    if (old) Object.assign(entry, { seq: old.entry.seq, time: old.entry.time });
    this.#added.set(id, { entry, after: old ? old.after : this.#anchor(message.after) });
    if (this.#added.size > this.#bounds.mostAdded) {
      const [oldest] = this.#added.keys();
      this.#added.delete(oldest);
      this.tell("removed", oldest);
    }
    this.tell(old ? "changed" : "added", id);
    return id;
  }

  clearAdded() {
    if (this.#added.size === 0) return;
    this.#added.clear();
    this.tell("cleared", null);
  }

  /** The key of the entry that an own message stands after. @param {string|undefined} after */
  #anchor(after) {
    const own = this.#added.get(after ?? "");
    if (own) return own.after;
    const key = after === undefined ? undefined : this.find(after)?.key;
    return key ?? this.order.ids.at(-1) ?? null;
  }

  // ── telling ───────────────────────────────────────────────────────────────────────────────────────────────────

  /** @param {(change: ChatChange) => unknown} listener @returns {() => void} */
  onChange(listener) {
    this.#listeners = [...this.#listeners, listener];
    return () => {
      this.#listeners = this.#listeners.filter((other) => other !== listener);
    };
  }

  /** @param {ChatChange["kind"]} kind @param {string|null} message_id */
  tell(kind, message_id) {
    this.#shown = null;
    for (const listener of this.#listeners) {
      try {
        listener({ kind, message_id });
      } catch (error) {
        reportError(error); // one listener's mistake keeps nobody else from hearing
      }
    }
  }
}

/** @param {Entry} entry */
function empty(entry) {
  entry.parts.clear();
  Object.assign(entry, { isHidden: true, images: [], tool: null, payload: null, problem: null, value: null });
}
