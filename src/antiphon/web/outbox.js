// @ts-check
/**
 * What the page sends, and when: one `response.create` at a time, never while a response is active. Pure: every method
 * returns the client events to send now.
 *
 * The rule exists because a server with voice detection starts responses of its own: a typed line that asks for one in
 * that moment is refused with `conversation_already_has_active_response`, and would stay without an answer.
 */

export class Outbox {
  /** @type {"idle"|"asked"|"active"} */
  #response = "idle";
  /** @type {string|null} */ #responseId = null;
  /** @type {string|null} */ #askedAs = null;
  /** @type {object|null} */ #wanted = null; // what the response is to be asked for with
  /** @type {object} */ #askedWith = {};
  #isPlaying = false;
  #nextEvent = 1;

  /**
   * An item, which by itself interrupts nothing and asks for nothing: a message, a tool's output.
   * @param {object} item
   * @returns {object[]}
   */
  tell(item) {
    return [{ type: "conversation.item.create", event_id: this.#eventId(), item }];
  }

  /**
   * Asks for a response, now or when the present one is done.
   * @param {object} [params]  of `response.create`
   * @returns {object[]}
   */
  respond(params = {}) {
    this.#wanted = params;
    return this.#ask();
  }

  /** Stops the answer that is being written or played. @returns {object[]} */
  interrupt() {
    const out = [];
    this.#wanted = null;
    // "asked" counts: the server reads in order, so the cancel finds the response that was asked for.
    if (this.#response !== "idle") out.push({ type: "response.cancel", event_id: this.#eventId() });
    if (this.#isPlaying || this.#response !== "idle") out.push({ type: "output_audio_buffer.clear", event_id: this.#eventId() });
    return out;
  }

  /** Nothing is being made, asked for or played. */
  get isIdle() {
    return this.#response === "idle" && !this.#isPlaying && this.#wanted === null;
  }

  /** True when Esc has something to stop. */
  get canInterrupt() {
    return this.#response !== "idle" || this.#isPlaying;
  }

  /**
   * Takes note of a server event.
   * @param {any} event
   * @returns {object[]}
   */
  hear(event) {
    switch (event.type) {
      case "response.created":
        if (event.response?.conversation_id === null) return []; // beside the conversation
        this.#response = "active";
        this.#responseId = event.response?.id ?? null;
        return []; // #askedAs stays: this one may be the server's own, and ours about to be refused
      case "response.done":
        if (this.#responseId !== null && event.response?.id !== this.#responseId) return [];
        this.#response = "idle";
        this.#responseId = null;
        return this.#ask();
      case "output_audio_buffer.started":
        this.#isPlaying = true;
        return [];
      case "output_audio_buffer.stopped":
      case "output_audio_buffer.cleared":
        this.#isPlaying = false;
        return [];
      case "error":
        return this.#heardError(event.error ?? {});
      default:
        return [];
    }
  }

  /** @param {{code?: string, event_id?: string}} error */
  #heardError(error) {
    if (error.code === "response_cancel_not_active") {
      // There is none, whatever was believed here.
      this.#response = "idle";
      this.#responseId = null;
      return this.#ask();
    }
    if (this.#askedAs === null || error.event_id !== this.#askedAs) return [];
    this.#askedAs = null;
    if (error.code === "conversation_already_has_active_response") {
      this.#wanted = this.#askedWith; // the server was first; ask again when that one is done
      if (this.#response === "asked") this.#response = "active";
    } else if (this.#response === "asked") {
      this.#response = "idle";
    }
    return this.#ask();
  }

  #ask() {
    if (this.#wanted === null || this.#response !== "idle") return [];
    this.#askedWith = this.#wanted;
    this.#wanted = null;
    this.#response = "asked";
    this.#askedAs = this.#eventId();
    const params = Object.keys(this.#askedWith).length > 0 ? { response: this.#askedWith } : {};
    return [{ type: "response.create", event_id: this.#askedAs, ...params }];
  }

  #eventId() {
    return `page_${this.#nextEvent++}`;
  }
}
