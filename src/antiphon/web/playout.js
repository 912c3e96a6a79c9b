// @ts-check
/**
 * Which response is being heard, from the server (WebRTC) or from whoever plays it. Pure. Held here: how much audio came
 * for each item, how much was played, which response sounds now, which were interrupted.
 *
 * @typedef {{received: Map<string, {itemId: string, size: number}>, played: Map<string, number>, isComplete: boolean, isInterrupted: boolean, wasHeard: boolean}} Sound
 */

import { firstOf } from "./items.js";

const MOST_SOUNDS = 64;
const PLAYED_TO_THE_END_MS = 25; // players count in blocks
const PCM_BYTES_PER_MS = 48;
const G711_BYTES_PER_MS = 8;

export class Playout {
  /** @type {string|null} */ playing = null;
  /** @type {Map<string, Sound>} */ #sounds = new Map();
  /** @type {Map<string, string>} */ #responseOf = new Map();
  #bytesPerMs = PCM_BYTES_PER_MS;
  #isToldByServer = false;

  /** @param {boolean} isG711 */
  beginSession(isG711) {
    this.#bytesPerMs = isG711 ? G711_BYTES_PER_MS : PCM_BYTES_PER_MS;
  }

  /** How much audio came for a part; null when its audio does not come as events. @param {string} itemId @param {number} index */
  receivedMs(itemId, index) {
    const part = this.#sounds.get(this.#responseOf.get(itemId) ?? "")?.received.get(`${index} ${itemId}`);
    return part ? Math.floor(part.size / this.#bytesPerMs) : null;
  }

  /** @param {string} responseId @param {string} itemId @param {number} index @param {number} size  bytes @returns {any[]} */
  receive(responseId, itemId, index, size) {
    const sound = this.#sound(responseId);
    const isFirst = sound.received.size === 0;
    const key = `${index} ${itemId}`;
    sound.received.set(key, { itemId, size: (sound.received.get(key)?.size ?? 0) + size });
    this.#responseOf.set(itemId, responseId);
    return isFirst ? [{ type: "assistant.audio_received", response_id: responseId, item_id: itemId }] : [];
  }

  /** No more audio will come for a response. @param {string} responseId @returns {any[]} */
  complete(responseId) {
    const sound = this.#sounds.get(responseId);
    if (!sound) return [];
    sound.isComplete = true;
    return this.#settle(responseId, sound);
  }

  /** @param {string} responseId @returns {any[]} */
  serverStarted(responseId) {
    this.#isToldByServer = true;
    return this.#start(responseId);
  }

  /** @param {string} responseId @returns {any[]} */
  serverStopped(responseId) {
    this.#isToldByServer = true;
    return this.playing === responseId ? this.#stop() : [];
  }

  /** @param {string} responseId @param {boolean} isActive @returns {any[]} */
  serverCleared(responseId, isActive) {
    this.#isToldByServer = true;
    // Clearing an empty buffer interrupts nobody.
    return this.playing === responseId || isActive ? this.interrupt(responseId) : [];
  }

  /** @param {string} itemId @param {number} playedMs  how much of the item has been heard so far @returns {any[]} */
  played(itemId, playedMs) {
    const responseId = this.#responseOf.get(itemId);
    const sound = responseId === undefined ? undefined : this.#sounds.get(responseId);
    if (responseId === undefined || !sound || this.#isToldByServer) return [];
    if (sound.isInterrupted || playedMs <= (sound.played.get(itemId) ?? 0)) return [];
    sound.played.set(itemId, playedMs);
    const begun = this.playing === responseId || sound.wasHeard ? [] : this.#start(responseId);
    return [...begun, ...this.#settle(responseId, sound)];
  }

  /** The player threw away what it had not played. @param {string|null} [itemId]  of what, when not of what sounds now @returns {any[]} */
  flushed(itemId = null) {
    const responseId = itemId === null ? this.playing : this.#responseOf.get(itemId);
    return responseId ? this.interrupt(responseId) : [];
  }

  /** A response was stopped: told once. @param {string} responseId @returns {any[]} */
  interrupt(responseId) {
    const sound = this.#sound(responseId);
    const told = sound.isInterrupted ? [] : [{ type: "assistant.interrupted", response_id: responseId }];
    sound.isInterrupted = true;
    return this.playing === responseId ? [...told, ...this.#stop()] : told;
  }

  /** The connection is gone, and its audio with it. @returns {any[]} */
  endSession() {
    this.#isToldByServer = false;
    return this.#stop();
  }

  /** @param {string} responseId @returns {any[]} */
  #start(responseId) {
    if (this.playing === responseId) return [];
    const before = this.#stop();
    this.playing = responseId;
    this.#sound(responseId).wasHeard = true;
    return [...before, { type: "assistant.audio_started", response_id: responseId }];
  }

  /** @returns {any[]} */
  #stop() {
    if (this.playing === null) return [];
    const response_id = this.playing;
    this.playing = null;
    return [{ type: "assistant.audio_stopped", response_id }];
  }

  /** Stops what was played to its end. @param {string} responseId @param {Sound} sound @returns {any[]} */
  #settle(responseId, sound) {
    if (this.playing !== responseId || !sound.isComplete || this.#isToldByServer) return [];
    /** @type {Map<string, number>} */
    const received = new Map();
    for (const { itemId, size } of sound.received.values()) received.set(itemId, (received.get(itemId) ?? 0) + size);
    for (const [itemId, size] of received) {
      if ((sound.played.get(itemId) ?? 0) < size / this.#bytesPerMs - PLAYED_TO_THE_END_MS) return [];
    }
    return this.#stop();
  }

  /** @param {string} responseId @returns {Sound} */
  #sound(responseId) {
    let sound = this.#sounds.get(responseId);
    if (!sound) {
      sound = { received: new Map(), played: new Map(), isComplete: false, isInterrupted: false, wasHeard: false };
      this.#sounds.set(responseId, sound);
      if (this.#sounds.size > MOST_SOUNDS) {
        const oldest = firstOf(this.#sounds.keys());
        for (const { itemId } of this.#sounds.get(oldest)?.received.values() ?? []) this.#responseOf.delete(itemId);
        this.#sounds.delete(oldest);
      }
    }
    return sound;
  }
}
