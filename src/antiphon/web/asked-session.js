// @ts-check
/**
 * What a call's session is asked to be, now and in every session that the call goes on in, and what is in effect. Not here:
 * sockets (events are handed to `send`), what sessions hold.
 *
 * @typedef {{session: any, differences: {path: string, asked: any, applied: any}[]}} Applied
 * @typedef {{eventId: string, asked: any, settle: (session: any) => void, refuse: (error: CallError) => void}} Update
 */

import { CallError } from "./problems.js";
import { differences, merged } from "./session.js";

export class AskedSession {
  /** As the server last told it. @type {any} */ effective = null;
  /** @type {any} */ #asked;
  #tools;
  #send;
  #confirmMs;
  /** @type {any[]} */ #othersTools = [];
  /** @type {Update[]} */ #updates = [];

  /**
   * @param {any} asked  null: nothing
   * @param {import("./page-tools.js").PageTools} tools
   * @param {(session: any) => string|null} send  sends a `session.update` and returns its event's id; null: it did not go out
   * @param {number} confirmMs  how long the server may take to confirm
   */
  constructor(asked, tools, send, confirmMs) {
    this.#asked = asked;
    this.#tools = tools;
    this.#send = send;
    this.#confirmMs = confirmMs;
  }

  /** What a new session is asked to be; null: nothing. @param {any} [created]  the session as the server began it */
  wanted(created) {
    if (this.#asked === null && this.#tools.isEmpty) return null;
    const tools = this.#tools.isEmpty ? {} : { tools: this.#tools.among(this.#asked?.tools ?? created?.tools ?? this.#othersTools) };
    return { type: "realtime", ...this.#asked, ...tools };
  }

  /** @param {any} changes @param {boolean} isConnected @returns {Promise<Applied>} */
  change(changes, isConnected) {
    const asked = { type: "realtime", ...changes };
    const before = this.#asked;
    const wanted = (this.#asked = merged(before ?? {}, asked));
    return this.#update(asked, isConnected).catch((error) => {
      if (this.#asked === wanted) this.#asked = before; // the next session would refuse it, too
      throw error;
    });
  }

  /** The page's tools are others now. @param {boolean} isConnected */
  toolsChanged(isConnected) {
    if (isConnected) void this.#update({ type: "realtime", tools: this.#tools.among(this.#othersTools) }, true).catch(() => {}); // the server's "error" event tells
  }

  /** @param {any} event  of the server */
  hear(event) {
    if (event.type === "session.created") this.#othersTools = event.session?.tools ?? [];
    if (event.type === "session.created" || event.type === "session.updated") this.effective = event.session ?? null;
    if (event.type === "session.updated") this.#updates.shift()?.settle(event.session);
    else if (event.type === "error") this.#forget(event.error?.event_id)?.refuse(new CallError({ kind: "refused", detail: event.error?.message }));
  }

  /** There is no line now: the next session is asked for all of it. */
  lineGone() {
    for (const update of this.#updates.splice(0)) update.settle(update.asked);
  }

  /** @param {any} asked @param {boolean} isConnected @returns {Promise<Applied>} */
  #update(asked, isConnected) {
    return new Promise((resolve, reject) => {
      const settle = (/** @type {any} */ session) => resolve({ session, differences: differences(asked, session) });
      if (!isConnected) {
        settle(asked); // it is what the next session is asked to be
        return;
      }
      const eventId = this.#send(asked);
      if (eventId === null) {
        reject(new CallError({ kind: "message_too_large" }));
        return;
      }
      this.#updates.push({ eventId, asked, settle, refuse: reject });
      // Some services fix the session when its key is made, and confirm nothing.
      setTimeout(() => this.#forget(eventId)?.settle(this.effective), this.#confirmMs);
    });
  }

  /** @param {string|undefined} eventId */
  #forget(eventId) {
    const found = this.#updates.find((update) => update.eventId === eventId);
    this.#updates = this.#updates.filter((update) => update !== found);
    return found;
  }
}
