// @ts-check
/** What the server tells of its calls, as it happens. Comes back by itself when the connection is lost. */

const AGAIN_MS = [500, 1000, 2000, 4000];

/**
 * @typedef {object} Told
 * @property {any[]} [calls]
 * @property {string} [call]  whose lines these are
 * @property {number} [dropped]
 * @property {[number, number, any][]} [lines]
 */

export class Feed {
  /** @type {WebSocket|null} */ #socket = null;
  /** @type {(told: Told) => void} */ #onTold;
  /** @type {(state: "live"|"lost") => void} */ #onState;
  #attempt = 0;
  /** @type {{call: string|null, after: number}} */ #wish = { call: null, after: 0 };

  /** @param {(told: Told) => void} onTold @param {(state: "live"|"lost") => void} onState */
  constructor(onTold, onState) {
    this.#onTold = onTold;
    this.#onState = onState;
    this.#open();
  }

  /** @param {string|null} call @param {number} after  the last line that is known */
  lookAt(call, after) {
    this.#wish = { call, after };
    if (this.#socket?.readyState === WebSocket.OPEN) this.#socket.send(JSON.stringify(this.#wish));
  }

  #open() {
    const url = new URL("live", document.baseURI);
    url.protocol = url.protocol.replace("http", "ws");
    const socket = (this.#socket = new WebSocket(url));
    socket.addEventListener("open", () => {
      this.#attempt = 0;
      this.#onState("live");
      socket.send(JSON.stringify(this.#wish));
    });
    socket.addEventListener("message", (message) => {
      /** @type {Told} */ const told = JSON.parse(message.data);
      // Of another call than the one that is wanted by now: the server had not heard yet.
      if (told.lines && told.call !== this.#wish.call) delete told.lines;
      if (told.lines?.length) this.#wish.after = told.lines[told.lines.length - 1][0];
      this.#onTold(told);
    });
    socket.addEventListener("close", () => {
      this.#onState("lost");
      setTimeout(() => this.#open(), AGAIN_MS[Math.min(this.#attempt++, AGAIN_MS.length - 1)]);
    });
  }
}
