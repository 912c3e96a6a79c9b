// @ts-check
/**
 * What of an answer has been heard, when its sound comes inside events: which item is being played, how far, what an
 * interruption leaves unheard. Pure: wire events and the player's reports in, wire events out. Not here: the player.
 *
 * On WebRTC the server knows the playout and says `output_audio_buffer.*`; here the caller's side has to say it, so the
 * rest of the page need not know which way the sound came.
 *
 * @typedef {{response_id: string, item_id: string, content_index: number, received: number, played: number}} Piece
 *   received, played: samples of 24 kHz
 */

import { WIRE_RATE } from "./pcm.js";

/** Ten minutes of sound that nobody has heard yet; more is dropped, and told. */
const MOST_SAMPLES = 600 * WIRE_RATE;
const MOST_PIECES = 64;

export class Playback {
  /** @type {Map<number, Piece>} */ #pieces = new Map();
  #lastTag = 0;
  /** @type {string|null} */ #playing = null; // the response that is heard now
  /** @type {Set<string>} */ #hushed = new Set(); // responses of which nothing more is to be heard
  /** @type {Set<string>} */ #complete = new Set();
  #isEmpty = true;
  #interrupts = true;

  /**
   * A server event.
   * @param {any} event
   * @returns {number} with sound in it: the tag to play it under; 0: not at all; -1: there is no room for it
   */
  sound(event) {
    if (this.#hushed.has(event.response_id)) return 0;
    let [tag, piece] = [...this.#pieces].find(([, known]) => known.item_id === event.item_id && known.content_index === (event.content_index ?? 0)) ?? [0, null];
    if (!piece) {
      tag = ++this.#lastTag;
      piece = { response_id: event.response_id, item_id: event.item_id, content_index: event.content_index ?? 0, received: 0, played: 0 };
      this.#pieces.set(tag, piece);
      if (this.#pieces.size > MOST_PIECES) this.#pieces.delete(/** @type {number} */ (this.#pieces.keys().next().value));
    }
    const samples = Math.floor((String(event.delta).length * 3) / 8); // base64 of int16, near enough
    if (this.#waiting() + samples > MOST_SAMPLES) return -1;
    piece.received += samples;
    this.#isEmpty = false;
    return tag;
  }

  /** @param {any} event @returns {{flush: boolean, events: any[]}} flush: what is not heard yet is to be dropped at once */
  hear(event) {
    const detection = event.session?.audio?.input?.turn_detection;
    if (detection !== undefined) this.#interrupts = detection?.interrupt_response !== false;
    switch (event.type) {
      case "input_audio_buffer.speech_started":
        return { flush: this.#interrupts && (this.#playing !== null || !this.#isEmpty), events: [] };
      case "response.output_audio.done":
        this.#complete.add(event.response_id);
        return { flush: false, events: this.#isEmpty ? this.#stopped() : [] };
      case "response.done":
        if ([...this.#pieces.values()].some((piece) => piece.response_id === event.response?.id)) this.#complete.add(event.response.id);
        this.#hushed.delete(event.response?.id);
        return { flush: false, events: this.#isEmpty ? this.#stopped() : [] };
      default:
        return { flush: false, events: [] };
    }
  }

  /** The player has come so far. @param {number} tag @param {number} played  samples @returns {any[]} events for the page */
  played(tag, played) {
    const piece = this.#pieces.get(tag);
    if (!piece) return [];
    piece.played = Math.min(played, piece.received);
    if (this.#playing === piece.response_id) return [];
    const before = this.#stopped();
    this.#playing = piece.response_id;
    return [...before, { type: "output_audio_buffer.started", response_id: piece.response_id }];
  }

  /** The player has nothing left. @returns {any[]} */
  drained() {
    this.#isEmpty = true;
    return this.#playing !== null && this.#complete.has(this.#playing) ? this.#stopped() : [];
  }

  /**
   * The player dropped what was left.
   * @param {number} tag @param {number} played @param {number} latencyMs  what left the player and no ear has heard
   * @returns {{send: any[], events: any[]}} for the server: where it was cut; for the page: that it is quiet
   */
  flushed(tag, played, latencyMs) {
    const piece = this.#pieces.get(tag);
    this.#isEmpty = true;
    for (const [other, { response_id: id }] of this.#pieces) {
      if (!this.#complete.has(id)) this.#hushed.add(id);
      if (other !== tag) this.#pieces.delete(other);
    }
    const responseId = this.#playing;
    this.#playing = null;
    if (!piece || responseId === null) return { send: [], events: [] };
    this.#pieces.delete(tag);
    const isReceived = this.#complete.delete(responseId);
    const heardMs = Math.max(0, Math.floor((Math.min(played, piece.received) / WIRE_RATE) * 1000 - latencyMs));
    const isWhole = played >= piece.received && isReceived;
    // At 0, and after its end, there is nothing to cut: servers refuse both.
    const send = heardMs > 0 && !isWhole
      ? [{ type: "conversation.item.truncate", item_id: piece.item_id, content_index: piece.content_index, audio_end_ms: heardMs }]
      : [];
    return { send, events: [{ type: "output_audio_buffer.cleared", response_id: responseId }] };
  }

  #waiting() {
    let samples = 0;
    for (const piece of this.#pieces.values()) samples += piece.received - piece.played;
    return samples;
  }

  #stopped() {
    if (this.#playing === null) return [];
    const response_id = this.#playing;
    this.#playing = null;
    this.#complete.delete(response_id);
    for (const [tag, piece] of this.#pieces) if (piece.response_id === response_id) this.#pieces.delete(tag);
    return [{ type: "output_audio_buffer.stopped", response_id }];
  }
}
