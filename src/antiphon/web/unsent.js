// @ts-check
/**
 * What was said in this page and is not confirmed by the server: kept in its order, to be said again in a new session, so
 * that each message is in the conversation exactly once. Pure. Bounded: who is full takes nothing more.
 *
 * @typedef {{item: any, respond: boolean, eventId: string|null}} Unsent  eventId: of the event that it last went out with
 */

const MOST = 64;

export class UnsentMessages {
  /** @type {Map<string, Unsent>} */ #waiting = new Map();

  get isFull() { return this.#waiting.size >= MOST; }
  get all() { return [...this.#waiting.values()]; }
  /** @param {string} id */
  has(id) { return this.#waiting.has(id); }

  /** @param {any} item @param {boolean} respond  it asks for an answer @returns {Unsent} */
  add(item, respond) {
    const entry = { item, respond, eventId: null };
    this.#waiting.set(item.id, entry);
    return entry;
  }

  /** The server has it. @param {string|undefined} id */
  confirm(id) {
    if (id) this.#waiting.delete(id);
  }

  /** The server refuses an event. @param {string|undefined} eventId @returns {Unsent|undefined} the message that it carried */
  refuse(eventId) {
    const entry = eventId ? this.all.find((one) => one.eventId === eventId) : undefined;
    if (entry) this.#waiting.delete(entry.item.id);
    return entry;
  }

  /** @returns {Unsent[]} what nobody will take any more */
  giveUp() {
    const { all } = this;
    this.#waiting.clear();
    return all;
  }
}
