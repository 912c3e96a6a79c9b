// @ts-check
/**
 * What was said in this page and is not confirmed by the server: kept in its order, to be said again in a new session, so
 * that each message is in the conversation exactly once. Pure. Bounded: of what went out the oldest gives way (at a server that
 * confirms nothing it has arrived), and where all of it waits for a line, nothing more is taken.
 *
 * @typedef {{item: any, respond: boolean, eventId: string|null}} Unsent  eventId: of the event that it went out with on the
 *   line that there is; null: it did not
 */

const MOST = 64;

export class UnsentMessages {
  /** @type {Map<string, Unsent>} */ #waiting = new Map();

  get all() { return [...this.#waiting.values()]; }
  /** @param {string} id */
  has(id) { return this.#waiting.has(id); }

  /** @param {any} item @param {boolean} respond  it asks for an answer @returns {Unsent|null} null: it is full */
  add(item, respond) {
    if (this.#waiting.size >= MOST) {
      const sent = this.all.find(({ eventId }) => eventId);
      if (!sent) return null;
      this.forget(sent);
    }
    const entry = { item, respond, eventId: null };
    this.#waiting.set(item.id, entry);
    return entry;
  }

  /** The server has this item, and so what went out before it: it reads in order. @param {string|undefined} id */
  confirm(id) {
    if (!id || !this.has(id)) return;
    for (const entry of this.all) {
      if (entry.eventId || entry.item.id === id) this.forget(entry);
      if (entry.item.id === id) return;
    }
  }

  /** The server has all that went out. */
  confirmSent() {
    for (const entry of this.all) if (entry.eventId) this.forget(entry);
  }

  /** What went out went to a line that is gone. */
  lineGone() {
    for (const entry of this.all) entry.eventId = null;
  }

  /** @param {Unsent} entry */
  forget({ item }) {
    this.#waiting.delete(item.id);
  }

  /** The server refuses an event. @param {string|undefined} eventId @returns {Unsent|undefined} the message that it carried */
  refuse(eventId) {
    const entry = eventId ? this.all.find((one) => one.eventId === eventId) : undefined;
    if (entry) this.forget(entry);
    return entry;
  }

  /** @returns {Unsent[]} what nobody will take any more */
  giveUp() {
    const { all } = this;
    this.#waiting.clear();
    return all;
  }
}
