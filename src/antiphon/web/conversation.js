// @ts-check
/**
 * One conversation, whole: what came over the wire and what was sent goes in, all that an app wants to know comes out. The
 * twin of Python's `antiphon.conversation.Conversation`; tests/vectors hold both to the same. Pure: no clock, no socket.
 * `nowMs` is milliseconds on a clock that never goes back.
 */

import { Chat } from "./chat.js";
import { Handlers } from "./handlers.js";
import { ItemRecord } from "./record.js";
import { Router } from "./router.js";
import { SpeechActivity } from "./speech-activity.js";
import { Turns } from "./turns.js";
import { UsageMeter } from "./usage.js";

export class Conversation {
  router = new Router();
  handlers = new Handlers();
  activity = new SpeechActivity();
  turns = new Turns();
  /** @type {Chat} */ chat;
  /** @type {UsageMeter} */ usage;
  record = new ItemRecord();

  /** @param {{chat?: Partial<import("./chat.js").ChatSettings>, prices?: Record<string, import("./usage.js").Price>}} [settings] */
  constructor({ chat, prices } = {}) {
    this.chat = new Chat(chat);
    this.usage = new UsageMeter(prices);
  }

  /** Takes in a server event. @param {any} event @param {number} nowMs @returns {any[]} what it told, after handlers and chat were told */
  receive(event, nowMs) {
    this.record.receive(event);
    return this.tell(this.router.receive(event), nowMs);
  }

  /** What was just sent. A typed message that has an id is in the chat from here on. @param {any} event @param {number} nowMs @returns {any[]} */
  sent(event, nowMs) {
    this.record.sent(event);
    return this.tell(this.router.sent(event), nowMs);
  }

  /** What was told as sent never went out. @param {any} event @param {string} why  for the user to read @param {number} nowMs @returns {any[]} */
  notSent(event, why, nowMs) {
    return this.tell(this.router.notSent(event, why), nowMs);
  }

  /** How much of an item's sound has been heard so far, where a player tells. @param {string} itemId @param {number} playedMs @param {number} nowMs @returns {any[]} */
  played(itemId, playedMs, nowMs) {
    const events = this.router.playout.played(itemId, playedMs);
    this.sounded(nowMs);
    return this.tell(events, nowMs);
  }

  /** The other voice became audible here. @param {number} nowMs */
  sounded(nowMs) {
    const { playing } = this.router.playout;
    if (playing !== null) this.turns.heard(playing, nowMs);
  }

  /** The player threw away what it had not played. @param {number} nowMs @param {string|null} [itemId]  of what, when not of what sounds now @returns {any[]} */
  flushed(nowMs, itemId = null) {
    return this.tell(this.router.playout.flushed(itemId), nowMs);
  }

  /** Time passed; ten times a second is plenty. @param {number} nowMs @returns {boolean} whether the activity changed by that alone */
  tick(nowMs) {
    return this.activity.tick(nowMs);
  }

  /** The connection is gone. A later `session.created` goes on with the same conversation. @param {number} nowMs @returns {any[]} */
  disconnected(nowMs) {
    const cut = this.chat.cutOff(nowMs);
    const events = this.tell(this.router.disconnected(), nowMs);
    for (const message of cut) if (message.item_id !== null) this.record.heard(message.item_id, message.heard ?? message.text);
    this.chat.disconnected(nowMs);
    this.activity.disconnected();
    return events;
  }

  /** Tells everybody of friendly events, also of such as a driver makes itself. @param {any[]} events @param {number} nowMs @returns {any[]} */
  tell(events, nowMs) {
    for (const event of events) {
      this.activity.receive(event, nowMs);
      this.turns.receive(event, nowMs);
      this.usage.receive(event);
      if (!this.handlers.tell(event)) this.chat.receive(event, nowMs);
      if (event.type === "assistant.truncated") this.record.heard(event.item_id, this.chat.heardOf(event.item_id) ?? "");
      // A server that never says what its items are.
      else if (event.type === "assistant.item_done" && !this.record.has(event.item_id)) this.record.said(event.item_id, this.chat.textOf(event.item_id));
      else if (event.type === "user.failed" && this.router.wasRefused(event.item_id)) this.record.forget(event.item_id);
    }
    return events;
  }
}
