// @ts-check
/**
 * The messages of a conversation, made from friendly events, as Python's chat makes them. Pure: events and the time in,
 * messages out.
 *
 * Messages are keyed by item and content part and stand where the conversation has them, however late their words come.
 * An app's own messages stand among them and are known to nobody else. Bounded: the oldest messages leave the chat.
 *
 * @typedef {import("./entries.js").Entry} Entry
 * @typedef {import("./entries.js").ChatMessage} ChatMessage
 * @typedef {import("./entries.js").UIMessage} UIMessage
 * @typedef {import("./entries.js").Status} Status
 *
 * @typedef {object} ChatSettings
 * @property {boolean} user_placeholder_on_start  a message before its first word
 * @property {boolean} user_add_on_delta  while words stream; else when they are final
 * @property {boolean} assistant_placeholder_on_start
 * @property {boolean} assistant_add_on_delta
 * @property {(text: string) => boolean} is_meaningful  which text is worth a message
 * @property {boolean} show_tools
 * @property {boolean} show_aside  answers beside the conversation (`conversation: "none"`)
 * @property {boolean} show_system  instructions put into it
 * @property {boolean} keep_on_disconnect
 * @property {number} most_messages
 * @property {number} most_added
 * @property {number} most_image_characters  of all data URLs
 */

import { Entries, Part } from "./entries.js";

/** @type {ChatSettings} */
const USUAL_CHAT = {
  user_placeholder_on_start: false, user_add_on_delta: true, assistant_placeholder_on_start: false, assistant_add_on_delta: true,
  is_meaningful: (text) => text.trim() !== "", show_tools: true, show_aside: false, show_system: false, keep_on_disconnect: true,
  most_messages: 1_000, most_added: 500, most_image_characters: 32 * 1024 * 1024,
};
const USUAL_PACE = 15; // characters a second, before anything was learned

export class Chat {
  /** @type {ChatSettings} */ settings;
  #entries;
  /** @type {Set<string>} */ #aside = new Set();
  /** @type {{responseId: string, at: number}|null} */ #playing = null;
  #pace = USUAL_PACE;
  #transcribes = true;

  /** @param {Partial<ChatSettings>} [settings] */
  constructor(settings = {}) {
    const all = (this.settings = { ...USUAL_CHAT, ...settings });
    this.#entries = new Entries((entry) => shows(all, entry), {
      most: all.most_messages, mostAdded: all.most_added, mostImageCharacters: all.most_image_characters,
    });
  }

  /** @returns {readonly ChatMessage[]} what the chat shows, oldest first */
  get messages() { return this.#entries.shown; }
  /** The same, newest first, for lists that grow upwards. */
  get inverted() { return [...this.messages].reverse(); }
  /** The `seq` that the next message will have. */
  get nextSeq() { return this.#entries.nextSeq; }

  /** @param {string} id  of a message or its item @returns {ChatMessage|null} */
  get(id) {
    const entry = this.#entries.find(id);
    return entry?.isShown ? entry.look() : null;
  }

  /** What was heard of an interrupted answer; null when nothing was cut off, or the item is not known. @param {string} itemId */
  heardOf(itemId) { return this.#entries.get(itemId)?.heard ?? null; }

  /** All the words of an item, shown or not; "" when it is not known. @param {string} itemId */
  textOf(itemId) { return this.#entries.get(itemId)?.text ?? ""; }

  /** Calls the listener after every change, with what changed. @param {(change: import("./entries.js").ChatChange) => unknown} listener @returns {() => void} ends that */
  onChange(listener) { return this.#entries.onChange(listener); }

  /** Adds messages of the app's own. @param {UIMessage|UIMessage[]} messages @param {number|null} [nowMs] @returns {string[]} their ids */
  add(messages, nowMs = null) { return [messages].flat().map((message) => this.#entries.add(message, nowMs)); }

  /** Removes the app's own messages. */
  clearAdded() { this.#entries.clearAdded(); }
  /** Removes the conversation's messages; the app's own stay. What follows in the call is shown again. */
  clear() { this.#entries.clear(); }

  /** @param {import("./router.js").Friendly} event @param {number} nowMs */
  receive(event, nowMs) {
    this.#entries.nowMs = nowMs;
    /** @type {any} */ (this.#routes)[event.type]?.(event);
  }

  /** The connection is gone: nothing more will come for what was still open. @param {number} nowMs */
  disconnected(nowMs) {
    this.#entries.nowMs = nowMs;
    this.#playing = null;
    this.#dropHearing(null);
    for (const entry of this.#entries.all) {
      if (entry.status === "streaming" && !entry.isHidden) this.#entries.change(entry, entry.role === "user" ? "done" : "cancelled");
    }
    if (!this.settings.keep_on_disconnect) this.clear();
  }

  /** The connection goes: the answers that were not written, or not heard, to their end. @param {number} nowMs @returns {ChatMessage[]} */
  cutOff(nowMs) {
    const playing = this.#playing;
    this.#playing = null;
    for (const entry of playing ? this.#entries.ofResponse(playing.responseId) : []) {
      let heardMs = nowMs - /** @type {any} */ (playing).at;
      for (const [, part] of entry.isSpoken ? entry.sorted : []) {
        const heard = wholeWords(part.text, Math.floor((heardMs * this.#pace) / 1000));
        heardMs = Math.max(0, heardMs - (part.text.length * 1000) / this.#pace);
        if (part.heard === null && heard.length < part.text.trimEnd().length) {
          part.heard = heard;
          entry.isInterrupted = true;
        }
      }
      this.#entries.change(entry);
    }
    const isCut = (/** @type {Entry} */ entry) => entry.status === "streaming" || (playing !== null && entry.responseId === playing.responseId);
    return this.#entries.all.filter((entry) => entry.role === "assistant" && entry.type === "text" && !entry.isHidden && isCut(entry)).map((entry) => entry.look());
  }

  /** @param {any} session */
  #session(session) {
    this.#transcribes = session.audio?.input?.transcription !== null;
  }

  /** What was begun and never committed was nothing. @param {string|null} but */
  #dropHearing(but) {
    for (const entry of this.#entries.all) {
      if (entry.status !== "hearing" || entry.key === but) continue;
      entry.status = "done";
      this.#entries.hide(entry);
    }
  }

  #routes = {
    "session.created": (/** @type {any} */ { session }) => {
      this.#entries.order.beginSession();
      this.#session(session);
    },
    "session.updated": (/** @type {any} */ { session }) => this.#session(session),

    // ── the user
    "user.speech_started": (/** @type {any} */ { item_id }) => {
      this.#dropHearing(item_id);
      if (!this.#entries.get(item_id)) this.#entries.enter(item_id, "user", undefined, { status: "hearing", isSpoken: true });
    },
    "user.audio_cleared": () => this.#dropHearing(null),
    "user.item_started": (/** @type {any} */ event) => {
      const entry = this.#entries.entry(event.item_id, "user", event.previous_item_id);
      entry.isSpoken = true;
      if (entry.isHidden && entry.status === "done" && entry.parts.size === 0 && entry.role === "user") {
        entry.isHidden = false; // it was taken for a false start
        entry.status = "hearing";
      }
      if (entry.status === "hearing" || entry.status === "streaming") this.#entries.change(entry, this.#transcribes ? "streaming" : "done");
      this.#entries.illustrate(entry, event.images ?? []);
    },
    "user.delta": (/** @type {any} */ event) => {
      const entry = this.#entries.entry(event.item_id, "user");
      const part = entry.part(event.content_index);
      if (part.isFinal) return;
      part.append(event.delta);
      this.#entries.change(entry);
    },
    "user.completed": (/** @type {any} */ event) => {
      const entry = this.#entries.entry(event.item_id, "user");
      entry.part(event.content_index).settle(event.transcript);
      this.#entries.change(entry, "done");
    },
    "user.failed": (/** @type {any} */ event) => {
      const entry = this.#entries.entry(event.item_id, "user");
      entry.problem = event.error?.message ?? "";
      this.#entries.change(entry, "failed");
    },
    "user.message": (/** @type {any} */ event) => {
      const entry = this.#entries.entry(event.item_id, "user", event.previous_item_id);
      if (event.text) entry.part(0).settle(event.text);
      this.#entries.illustrate(entry, event.images);
      this.#entries.change(entry, "done");
    },

    // ── the assistant
    "assistant.response_started": (/** @type {any} */ { response_id: responseId, aside }) => {
      if (aside) this.#aside.add(responseId);
      else if (this.settings.assistant_placeholder_on_start && !this.#entries.get(responseId)) this.#entries.enter(responseId, "assistant", undefined, { responseId, itemId: null });
    },
    "assistant.item_started": (/** @type {any} */ { item_id, response_id: responseId, previous_item_id: previous }) => {
      const placeholder = this.#entries.get(responseId ?? "");
      if (placeholder && placeholder.itemId === null && !this.#entries.get(item_id)) this.#entries.adopt(placeholder, item_id);
      const isAside = this.#aside.has(responseId) && previous === undefined;
      this.#entries.change(this.#entries.entry(item_id, "assistant", previous, { responseId, isAside }));
    },
    "assistant.delta": (/** @type {any} */ event) => {
      const entry = this.#entries.get(event.item_id) ?? this.#entries.entry(event.item_id, "assistant", undefined, { responseId: event.response_id });
      const part = entry.part(event.content_index);
      if (part.isFinal || entry.isHidden) return;
      part.channel ??= event.channel;
      entry.isSpoken ||= event.channel === "audio_transcript";
      part.append(event.delta);
      this.#entries.change(entry);
    },
    "assistant.text_done": (/** @type {any} */ event) => {
      const entry = this.#entries.entry(event.item_id, "assistant", undefined, { responseId: event.response_id });
      const part = entry.part(event.content_index);
      part.channel = event.channel;
      entry.isSpoken ||= event.channel === "audio_transcript";
      part.settle(event.text, true);
      this.#entries.change(entry);
    },
    "assistant.item_done": (/** @type {any} */ event) => {
      const entry = this.#entries.entry(event.item_id, "assistant", undefined, { responseId: event.response_id });
      if (event.status === "completed" && entry.status === "streaming") this.#entries.change(entry, "done");
      else if (event.status === "incomplete" && event.response_id === null) {
        entry.isInterrupted = true; // of any other, its response will tell why
        this.#entries.change(entry, "cancelled");
      }
    },
    "assistant.completed": (/** @type {any} */ event) => {
      const status = event.status === "cancelled" || event.status === "failed" ? event.status : "done";
      const problem = event.error || (event.status === "incomplete" ? event.reason : null);
      const entries = this.#entries.ofResponse(event.response_id);
      if (status === "failed" && !entries.some((entry) => entry.type === "text")) {
        entries.push(this.#entries.enter(event.response_id, "assistant", undefined, { responseId: event.response_id, itemId: null }));
      }
      for (const entry of entries) {
        if (entry.itemId === null && status !== "failed") this.#entries.hide(entry); // a placeholder for words that never came
        else if (entry.type === "tool") {
          const isWhole = entry.tool && (entry.tool.arguments !== null || event.status === "completed");
          this.#entries.change(entry, isWhole || entry.status === "done" ? entry.status : "cancelled");
        } else if (entry.status === "streaming" || status === "failed") {
          entry.problem = problem || entry.problem;
          this.#entries.change(entry, status);
        }
      }
      this.#aside.delete(event.response_id);
    },

    // ── what was heard
    "assistant.audio_started": (/** @type {any} */ { response_id: responseId }) => {
      this.#playing = { responseId, at: this.#entries.nowMs };
    },
    "assistant.audio_stopped": (/** @type {any} */ { response_id }) => {
      const playing = this.#playing;
      this.#playing = null;
      if (!playing || playing.responseId !== response_id) return;
      const characters = this.#entries.ofResponse(response_id).reduce((sum, entry) => sum + (entry.isSpoken ? entry.text.length : 0), 0);
      const ms = this.#entries.nowMs - playing.at;
      // Shorter answers say little about the pace.
      if (characters >= 20 && ms >= 1000) this.#pace = Math.min(30, Math.max(6, (characters * 1000) / ms));
    },
    "assistant.interrupted": (/** @type {any} */ { response_id }) => {
      if (this.#playing?.responseId === response_id) this.#playing = null; // how long it sounded says nothing about its words
      for (const entry of this.#entries.ofResponse(response_id)) {
        if (entry.type !== "text") continue;
        entry.isInterrupted = true;
        this.#entries.change(entry);
      }
    },
    // The wire tells milliseconds, not words: the share of the sound is the share of the words, or the pace of the voice tells.
    "assistant.truncated": (/** @type {any} */ event) => {
      const entry = this.#entries.get(event.item_id);
      if (!entry) return;
      entry.isInterrupted = true;
      const part = entry.parts.get(event.content_index);
      if (part && part.heard === null) {
        const share = event.audio_ms ? part.text.length * Math.min(1, event.audio_end_ms / event.audio_ms) : (event.audio_end_ms * this.#pace) / 1000;
        part.heard = wholeWords(part.text, Math.floor(share));
      }
      this.#entries.change(entry);
    },

    // ── tools and the rest
    "tool.call_started": (/** @type {any} */ event) => {
      if (this.#entries.get(event.item_id)) return;
      const { call_id, name, server_label } = event;
      const tool = { call_id, name, text: new Part(), arguments: null, output: null, is_error: false, started_at: this.#entries.nowMs, ended_at: null, server_label };
      this.#entries.enter(event.item_id, "tool", event.previous_item_id, { responseId: event.response_id, tool });
    },
    "tool.call_delta": (/** @type {any} */ event) => {
      const entry = this.#entries.get(event.item_id);
      if (!entry?.tool || entry.tool.arguments !== null) return;
      entry.tool.text.append(event.delta);
      this.#entries.change(entry);
    },
    "tool.call_done": (/** @type {any} */ event) => {
      const entry = this.#entries.get(event.item_id);
      if (!entry?.tool) return;
      entry.tool.name = event.name || entry.tool.name;
      entry.tool.text.settle(event.text);
      entry.tool.arguments = event.arguments;
      this.#entries.change(entry);
    },
    "tool.approval_requested": (/** @type {any} */ event) => this.#entries.placeHidden(event.item_id, event.previous_item_id),
    "tool.output": (/** @type {any} */ event) => {
      if (event.item_id !== null) this.#entries.placeHidden(event.item_id, event.previous_item_id);
      const entry = this.#entries.ofCall(event.call_id);
      if (!entry?.tool || entry.tool.output !== null) return;
      Object.assign(entry.tool, { output: event.output, is_error: event.error, ended_at: this.#entries.nowMs });
      this.#entries.change(entry, event.error ? "failed" : "done");
    },
    "item.added": (/** @type {any} */ event) => {
      if (event.kind !== "system" || !this.settings.show_system) {
        this.#entries.placeHidden(event.item_id, event.previous_item_id);
        return;
      }
      const entry = this.#entries.entry(event.item_id, "system", event.previous_item_id);
      entry.part(0).settle(event.text);
      this.#entries.change(entry, "done");
    },
    "item.moved": (/** @type {any} */ event) => this.#entries.place(event.item_id, event.previous_item_id),
    "item.deleted": (/** @type {any} */ { item_id }) => {
      const entry = this.#entries.get(item_id);
      if (entry) this.#entries.hide(entry);
    },
  };
}

/** When an entry is in the chat. @param {ChatSettings} settings @param {Entry} entry */
function shows(settings, entry) {
  if (entry.isHidden || (entry.isAside && !settings.show_aside)) return false;
  if (entry.type !== "text") return entry.type === "ui" || settings.show_tools;
  if (entry.images.length > 0 || entry.status === "failed") return true;
  const isOpen = entry.status === "hearing" || entry.status === "streaming";
  const isUsers = entry.role === "user";
  if (isOpen && (isUsers ? settings.user_placeholder_on_start : settings.assistant_placeholder_on_start)) return true;
  if (isOpen && !(isUsers ? settings.user_add_on_delta : settings.assistant_add_on_delta)) return false;
  return entry.parts.size > 0 && settings.is_meaningful(entry.text);
}

/** The first `length` characters, and the rest of the word that they end in. @param {string} text @param {number} length */
function wholeWords(text, length) {
  if (length <= 0) return "";
  if (length >= text.length) return text;
  const end = text.slice(length).search(/\s/);
  return end < 0 ? text : text.slice(0, length + end);
}
