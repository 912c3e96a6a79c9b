// @ts-check
/** Everything that is known of a conversation, fed with the wire's events: the bundle of the pure parts. */
import { ItemRecord } from "./record.js";

export class Conversation {
  record = new ItemRecord();

  /** @param {any} event @param {number} at @returns {any[]} */
  receive(event, at) {
    void at;
    this.record.receive(event);
    return [];
  }

  /** @param {any} event @param {number} at @returns {any[]} */
  sent(event, at) {
    void [event, at];
    return [];
  }

  /** @param {number} at @returns {any[]} */
  disconnected(at) {
    void at;
    return [];
  }
}
