// @ts-check
/**
 * What was said in a session, kept so that a new session can go on from it. Pure: events in, items out.
 *
 * Speech is kept as its transcript, for no service takes an assistant's sound back; what a caller said and nobody
 * transcribed is lost to the new session, and so is an interrupted answer unless somebody says what was heard of it.
 * Bounded: the oldest items give way.
 */

import { Order } from "./item-order.js";
import { mended } from "./mending.js";

const MOST_KEPT_ITEMS = 200;
const MOST_KEPT_BYTES = 512 * 1024; // of JSON, pictures included
const KEPT = new Set(["message", "function_call", "function_call_output"]);

export class ItemRecord {
  #order = new Order();
  /** @type {Map<string, any>} */ #items = new Map();
  /** @type {Map<string, number>} */ #sizes = new Map();
  #bytes = 0;
  /** @type {Map<string, Map<number, string>>} */ #transcripts = new Map();
  /** @type {Set<string>} */ #before = new Set(); // items of earlier sessions

  /**
   * The items as a new session can be given them, in order, each with the id that it had.
   * @param {Set<string>} [running]  call ids of tools that run now: their calls are kept, the output is still to come
   * @returns {any[]}
   */
  items(running = new Set()) {
    const found = this.#order.ids.map((id) => this.#told(id));
    const of = (/** @type {string} */ type) => new Set(found.filter((item) => item.type === type).map((item) => item.call_id));
    const calls = of("function_call");
    const outputs = of("function_call_output");
    return found.filter((item) => {
      if (item.type === "message") return item.content.length > 0;
      // One without the other would be refused, or be asked for again.
      return item.type === "function_call" ? outputs.has(item.call_id) || running.has(item.call_id) : calls.has(item.call_id);
    });
  }

  /** @param {any} given  of the server */
  receive(given) {
    const event = mended(given, "");
    switch (event?.type) {
      case "session.created":
        this.#order.beginSession();
        this.#before = new Set(this.#items.keys());
        break;
      case "conversation.item.added":
      case "conversation.item.done":
        this.#keep(event.item, event.previous_item_id);
        break;
      case "input_audio_buffer.committed":
        this.#keepSpoken(event.item_id, event.previous_item_id);
        break;
      case "conversation.item.input_audio_transcription.completed":
        if (!this.#items.has(event.item_id)) this.#keepSpoken(event.item_id, undefined);
        this.#transcripts.set(event.item_id, (this.#transcripts.get(event.item_id) ?? new Map()).set(event.content_index, event.transcript));
        break;
      case "conversation.item.deleted":
        this.forget(event.item_id);
        break;
      case "conversation.item.truncated":
        this.heard(event.item_id, "");
        break;
      case "response.output_item.done":
        this.#keepFinished(event.item);
        break;
      case "response.done":
        if (event.response.conversation_id === null) break; // beside the conversation
        for (const item of event.response.output ?? []) this.#keepFinished(item);
        break;
    }
  }

  /** What the app has just sent: kept for servers that do not say that they took it. @param {any} event */
  sent(event) {
    if (event.type !== "conversation.item.create" || this.#items.has(event.item?.id)) return;
    const { item } = /** @type {any} */ (mended({ type: "conversation.item.added", item: event.item }, ""));
    this.#keep(item, event.previous_item_id === "root" ? null : event.previous_item_id);
  }

  /** @param {string} id */
  has(id) { return this.#items.has(id); }

  /** An answer that its server never described as an item. @param {string} id @param {string} text */
  said(id, text) {
    if (text) this.#keep({ id, type: "message", role: "assistant", content: [{ type: "output_text", text }] }, undefined);
  }

  /** An answer was interrupted. @param {string} id @param {string} text  what was heard of it, "" for nothing or when that is not known */
  heard(id, text) {
    const said = this.#items.get(id);
    if (said?.type === "message" && said.role === "assistant") this.#store(id, { ...said, content: text ? [{ type: "output_text", text }] : [] });
  }

  /** An item is not of the conversation (any more). @param {string} id */
  forget(id) {
    if (!this.#items.delete(id)) return;
    this.#bytes -= this.#sizes.get(id) ?? 0;
    this.#sizes.delete(id);
    this.#order.remove(id);
    this.#transcripts.delete(id);
    this.#before.delete(id);
  }

  clear() {
    for (const id of [...this.#order.ids]) this.forget(id);
  }

  /** @param {string} id @param {import("./items.js").Previous} previous */
  #keepSpoken(id, previous) {
    this.#keep({ id, type: "message", role: "user", content: [{ type: "input_audio" }] }, previous, false);
  }

  /** An item as its response tells it: only what the conversation has, or will never say that it has. @param {any} item */
  #keepFinished(item) {
    this.#keep(item, undefined, this.#isUnfinished(item.id));
  }

  /** @param {string} id */
  #isUnfinished(id) {
    const known = this.#items.get(id);
    return known?.type === "message" && known.content.length === 0 && known.status === "in_progress";
  }

  /** @param {any} item @param {import("./items.js").Previous} previous @param {boolean} [isBetter] */
  #keep(item, previous, isBetter = true) {
    if (!KEPT.has(item.type) || typeof item.id !== "string") return;
    // Told to a new session: what is known of it from the old one is at least as good.
    if (this.#before.has(item.id) && !this.#isUnfinished(item.id)) return;
    const isNew = !this.#items.has(item.id);
    // "None" is said of the first item, and by some servers of every one: where items come in order, both mean the next place.
    this.#order.place(item.id, previous ?? undefined);
    if (isNew || isBetter) this.#store(item.id, item);
    while (this.#items.size > 1 && (this.#items.size > MOST_KEPT_ITEMS || this.#bytes > MOST_KEPT_BYTES)) this.forget(this.#order.ids[0]);
  }

  /** @param {string} id @param {any} item */
  #store(id, item) {
    const content = item.content?.map((/** @type {any} */ { audio: _audio, ...part }) => part);
    const kept = content ? { ...item, content } : item;
    const size = JSON.stringify(kept).length;
    this.#items.set(id, kept);
    this.#bytes += size - (this.#sizes.get(id) ?? 0);
    this.#sizes.set(id, size);
  }

  /** @param {string} id */
  #told(id) {
    const { object: _object, status: _status, ...item } = this.#items.get(id);
    if (item.type !== "message") return item;
    const said = this.#transcripts.get(id);
    const content = item.content.flatMap((/** @type {any} */ part, /** @type {number} */ index) => {
      if (part.type === "input_audio") return wordsAs("input_text", said?.get(index) || part.transcript);
      return part.type === "output_audio" ? wordsAs("output_text", part.transcript) : [part];
    });
    return { ...item, content };
  }
}

/** @param {string} type @param {unknown} text */
function wordsAs(type, text) {
  return typeof text === "string" && text !== "" ? [{ type, text }] : [];
}
