// @ts-check
/**
 * Who is told of which event: `on("user.completed", …)`, `on("user.*", …)`, `on("*", …)`. Pure.
 * Not here: what the events are, and what becomes of one that nobody consumed.
 *
 * @typedef {{type: string, [field: string]: any}} Told
 * @typedef {(event: any) => unknown} Handler  returns `CONSUME` to keep the event from whoever comes later
 */

/** What a handler returns so that the event goes no further: not to later handlers, not into the chat. */
export const CONSUME = "consume";

export class Handlers {
  /** @type {{pattern: string, handler: Handler}[]} */ #list = [];

  /**
   * @param {string} pattern  a name, a family ("user.*"), or "*"
   * @param {Handler} handler
   * @returns {() => void} forgets the handler; may be called twice
   */
  on(pattern, handler) {
    const entry = { pattern, handler };
    this.#list = [...this.#list, entry]; // a new list each time: whoever is being told now is told from the old one
    return () => {
      this.#list = this.#list.filter((other) => other !== entry);
    };
  }

  /** @param {Told} event @returns {boolean} whether a handler consumed it */
  tell(event) {
    for (const { pattern, handler } of this.#list) {
      if (!matches(pattern, event.type)) continue;
      try {
        if (handler(event) === CONSUME) return true;
      } catch (error) {
        reportError(error); // one handler's mistake is shown in the console and keeps nobody else from hearing
      }
    }
    return false;
  }

  /** Whether anybody would hear of it. @param {string} type */
  wants(type) {
    return this.#list.some(({ pattern }) => matches(pattern, type));
  }
}

/** @param {string} pattern @param {string} type */
function matches(pattern, type) {
  if (pattern === "*") return !type.startsWith("server.") && !type.startsWith("client.");
  return pattern.endsWith(".*") ? type.startsWith(pattern.slice(0, -1)) : pattern === type;
}
