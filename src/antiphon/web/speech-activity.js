// @ts-check
/**
 * Who is speaking, and whose turn it is: two small machines, driven by friendly events. Pure; the time is an argument.
 *
 *   user       quiet → speaking → stopped → awaiting → quiet     as the server hears the caller
 *   output     silent → buffered → playing → silent              as the answer is really heard
 *
 * @typedef {"listening"|"hearing"|"thinking"|"speaking"} Phase  hearing: the user speaks. speaking: the answer is heard
 * @typedef {object} Activity
 * @property {Phase} phase
 * @property {boolean} is_user_speaking
 * @property {boolean} is_assistant_speaking
 * @property {boolean} input_buffered  the server holds speech that is not yet an item
 * @property {boolean} output_buffered  there is sound that was not yet heard to its end
 * @property {number|null} last_user_event_at  milliseconds
 * @property {number|null} last_assistant_event_at
 */

/** A turn that brings no response (a cough, an empty transcript) is not waited for longer. */
const PATIENCE_MS = 6_000;

export class SpeechActivity {
  /** @type {"quiet"|"speaking"|"stopped"|"awaiting"} */ #user = "quiet";
  /** @type {"silent"|"buffered"|"playing"} */ #output = "silent";
  /** @type {Set<string>} */ #responses = new Set();
  #awaitingSince = 0;
  #isPlayerHeard = false;
  /** @type {number|null} */ #lastUser = null;
  /** @type {number|null} */ #lastAssistant = null;

  get is_user_speaking() { return this.#user === "speaking"; }
  get is_assistant_speaking() { return this.#output === "playing"; }
  get input_buffered() { return this.#user === "speaking" || this.#user === "stopped"; }
  get output_buffered() { return this.#output !== "silent"; }

  /** @returns {Phase} */
  get phase() {
    if (this.#user === "speaking") return "hearing";
    if (this.#output === "playing") return "speaking";
    return this.#responses.size > 0 || this.#user !== "quiet" ? "thinking" : "listening";
  }

  /** @returns {Activity} all of it, as a value */
  get now() {
    return {
      phase: this.phase, is_user_speaking: this.is_user_speaking, is_assistant_speaking: this.is_assistant_speaking,
      input_buffered: this.input_buffered, output_buffered: this.output_buffered,
      last_user_event_at: this.#lastUser, last_assistant_event_at: this.#lastAssistant,
    };
  }

  /** @param {import("./router.js").Friendly} event @param {number} nowMs */
  receive(event, nowMs) {
    if (event.type.startsWith("user.")) {
      this.#lastUser = nowMs;
      this.#hearUser(event, nowMs);
    } else if (event.type === "assistant.response_requested") {
      if (this.#user === "quiet") this.#await("awaiting", nowMs);
    } else if (event.type === "error") {
      // What was asked for will not come.
      if (event.event_type === "response.create" && !event.ordinary && this.#user === "awaiting") this.#user = "quiet";
    } else if (event.type.startsWith("assistant.")) {
      this.#lastAssistant = nowMs;
      this.#hearAssistant(event);
    }
  }

  /** Gives up waiting for an answer that does not come. @param {number} nowMs @returns {boolean} whether that changed anything */
  tick(nowMs) {
    if (this.#user !== "awaiting" || nowMs - this.#awaitingSince <= PATIENCE_MS) return false;
    this.#user = "quiet";
    return true;
  }

  /** Nobody is heard any more. */
  disconnected() {
    this.#user = "quiet";
    this.#output = "silent";
    this.#responses.clear();
    this.#isPlayerHeard = false;
  }

  /** @param {any} event @param {number} nowMs */
  #hearUser(event, nowMs) {
    switch (event.type) {
      case "user.speech_started":
        this.#user = "speaking";
        break;
      case "user.speech_stopped":
        this.#await("stopped", nowMs);
        break;
      case "user.item_started":
        if (this.input_buffered) this.#await("awaiting", nowMs);
        break;
      case "user.audio_cleared":
        this.#user = "quiet";
        break;
      case "user.completed": // a cough: nobody will answer it
        if (event.transcript.trim() === "" && this.#responses.size === 0 && this.#user === "awaiting") this.#user = "quiet";
        break;
      case "user.failed":
        if (this.#responses.size === 0 && this.#user === "awaiting") this.#user = "quiet";
        break;
    }
  }

  /** @param {"stopped"|"awaiting"} state @param {number} nowMs */
  #await(state, nowMs) {
    this.#user = state;
    this.#awaitingSince = nowMs;
  }

  /** @param {any} event */
  #hearAssistant(event) {
    switch (event.type) {
      case "assistant.response_started":
        if (event.aside) break;
        this.#responses.add(event.response_id);
        if (this.#user === "awaiting") this.#user = "quiet";
        break;
      case "assistant.completed":
        this.#responses.delete(event.response_id);
        if (this.#output === "buffered" && !this.#isPlayerHeard) this.#output = "silent"; // nobody tells whether it is played
        break;
      case "assistant.audio_received":
        if (this.#output === "silent") this.#output = "buffered";
        break;
      case "assistant.audio_started":
        this.#output = "playing";
        this.#isPlayerHeard = true;
        break;
      case "assistant.audio_stopped":
        this.#output = "silent";
        break;
      case "assistant.interrupted":
        if (this.#output === "buffered") this.#output = "silent";
        break;
    }
  }
}
