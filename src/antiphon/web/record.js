// @ts-check
/**
 * What was said in a session, kept so that a new session can go on from it. Pure: server events in, items out.
 *
 * Speech is kept as its transcript, for no service takes an assistant's sound back; what a caller said and nobody
 * transcribed is lost to the new session. Bounded: the oldest items give way.
 */

const MOST_ITEMS = 200;
const MOST_BYTES = 512 * 1024; // of JSON, pictures included

export class ItemRecord {
  /** @type {string[]} */ #order = [];
  /** @type {Map<string, any>} */ #items = new Map();
  /** @type {Map<string, number>} */ #sizes = new Map();
  /** @type {Map<string, Record<number, string>>} */ #transcripts = new Map();

  /** @param {any} event  of the server, under GA names */
  receive(event) {
    switch (event.type) {
      case "conversation.item.added":
      case "conversation.item.created":
      case "conversation.item.done":
        if (event.item?.id && ["message", "function_call", "function_call_output"].includes(event.item.type)) this.#keep(event.item, event.previous_item_id);
        break;
      case "conversation.item.input_audio_transcription.completed":
        if (this.#items.has(event.item_id)) {
          this.#transcripts.set(event.item_id, { ...this.#transcripts.get(event.item_id), [event.content_index ?? 0]: String(event.transcript ?? "") });
        }
        break;
      case "conversation.item.deleted":
        this.#forget(event.item_id);
        break;
      case "conversation.item.truncated":
        // The server has deleted the transcript, too: how much of it was heard is not known here.
        if (this.#items.has(event.item_id)) this.#items.set(event.item_id, { ...this.#items.get(event.item_id), content: [] });
        break;
    }
  }

  /**
   * The items as a new session can be given them, in order, each with the id that it had.
   * @param {Set<string>} [running]  call ids of tools that run now: their calls are kept, the output is still to come
   * @returns {any[]}
   */
  items(running = new Set()) {
    const found = this.#order.map((id) => this.#told(id));
    const calls = new Set(found.filter((item) => item.type === "function_call").map((item) => item.call_id));
    const outputs = new Set(found.filter((item) => item.type === "function_call_output").map((item) => item.call_id));
    return found.filter((item) => {
      if (item.type === "message") return item.content.length > 0;
      // One without the other would be refused, or be asked for again.
      return item.type === "function_call" ? outputs.has(item.call_id) || running.has(item.call_id) : calls.has(item.call_id);
    });
  }

  /** Whether the caller said or a tool found something that has no answer yet. */
  get isAnswerOwed() {
    const last = this.items().at(-1);
    return last !== undefined && (last.type === "function_call_output" || last.role === "user");
  }

  clear() {
    for (const id of [...this.#order]) this.#forget(id);
  }

  /** @param {any} item @param {string|null|undefined} previous */
  #keep(item, previous) {
    if (!this.#items.has(item.id)) {
      const after = typeof previous === "string" ? this.#order.indexOf(previous) : -1;
      this.#order.splice(after < 0 ? this.#order.length : after + 1, 0, item.id);
    }
    this.#items.set(item.id, item);
    this.#sizes.set(item.id, JSON.stringify(item).length);
    const size = () => [...this.#sizes.values()].reduce((sum, bytes) => sum + bytes, 0);
    while (this.#order.length > 1 && (this.#order.length > MOST_ITEMS || size() > MOST_BYTES)) this.#forget(this.#order[0]);
  }

  /** @param {string} id */
  #forget(id) {
    this.#order = this.#order.filter((other) => other !== id);
    for (const kept of [this.#items, this.#sizes, this.#transcripts]) kept.delete(id);
  }

  /** @param {string} id */
  #told(id) {
    const { object: _object, status: _status, ...item } = this.#items.get(id);
    if (item.type !== "message") return item;
    const said = this.#transcripts.get(id) ?? {};
    const content = (item.content ?? []).flatMap((/** @type {any} */ part, /** @type {number} */ index) => {
      if (part.type === "input_audio") return wordsAs("input_text", said[index] || part.transcript);
      if (part.type === "output_audio" || part.type === "audio") return wordsAs("output_text", part.transcript);
      if (part.type === "text") return wordsAs("output_text", part.text);
      return [part];
    });
    return { ...item, content };
  }
}

/** @param {string} type @param {unknown} text */
function wordsAs(type, text) {
  return typeof text === "string" && text !== "" ? [{ type, text }] : [];
}
