// @ts-check
/**
 * Push-to-talk: a turn is what is said between key down and key up, whatever the server hears besides. Not here: the key.
 *
 * @typedef {object} Talker  what it does with a call
 * @property {(event: any) => boolean} send  false: it did not go out
 * @property {() => void} interrupt
 * @property {() => void} respond
 * @property {(isMuted: boolean) => void} setMuted
 */

const TAIL_MS = 250; // sound is later than events: what was said before the key went up is still on its way
const SHORTEST_MS = 150;

export class PushToTalk {
  #talker;
  /** @type {"off"|"up"|"down"} */ #state = "off";
  #since = 0;
  #lines = 0;
  /** @type {any} how turns were found before */ #detection = undefined;

  /** @param {Talker} talker */
  constructor(talker) {
    this.#talker = talker;
  }

  get isOn() { return this.#state !== "off"; }
  get isTalking() { return this.#state === "down"; }

  /** @param {boolean} isOn @param {any} detection  how turns are found now @returns {any} how they are to be found from here on */
  set(isOn, detection) {
    this.#state = isOn ? "up" : "off";
    this.#talker.setMuted(isOn);
    if (isOn) this.#detection = detection;
    return isOn ? null : (this.#detection ?? { type: "server_vad" });
  }

  /** The server would not have it: all is as before, but nobody is heard unasked. @param {boolean} wasOn */
  refused(wasOn) {
    this.#state = wasOn ? "up" : "off";
    this.#talker.setMuted(true);
  }

  /** Sound goes to another session from here on: what was said before is nowhere. */
  renew() {
    this.#lines += 1;
    this.#since = performance.now();
  }

  /** The key goes down, the key comes up. @param {boolean} isDown */
  talk(isDown) {
    if (this.#state === "off" || isDown === this.isTalking) return;
    this.#state = isDown ? "down" : "up";
    if (isDown) {
      this.#since = performance.now();
      this.#talker.interrupt();
      this.#talker.send({ type: "input_audio_buffer.clear" });
      this.#talker.setMuted(false);
      return;
    }
    const isTurn = performance.now() - this.#since >= SHORTEST_MS;
    const lines = this.#lines;
    setTimeout(() => {
      if (this.#state === "down") return; // again already: the turn goes on
      this.#talker.setMuted(this.isOn);
      if (isTurn && lines === this.#lines && this.#talker.send({ type: "input_audio_buffer.commit" })) this.#talker.respond();
    }, TAIL_MS);
  }
}
