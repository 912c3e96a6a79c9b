// @ts-check
/**
 * Tools that run in the page: what the model may call, and one request for an answer after all calls of a response have
 * their outputs. Calls of tools that were not added here belong to somebody else (an agent beside the call).
 *
 * @typedef {{call_id: string, name: string, signal: AbortSignal}} ToolContext  signal: the call ended
 * @typedef {object} PageTool
 * @property {string} name
 * @property {string} description
 * @property {object} [parameters]  JSON schema of the arguments
 * @property {(args: any, context: ToolContext) => unknown} [run]  its result, or a promise of it, is the output; without it
 *   the app answers `tool.call_done` by `sendToolOutput`
 *
 * @typedef {object} ToolsObserver
 * @property {(callId: string, output: string) => void} onOutput
 * @property {() => void} onAllDone  the model is to go on
 */

export class PageTools {
  /** @type {Map<string, PageTool>} */ #tools = new Map();
  /** @type {Map<string, {responseId: string, abort: AbortController}>} */ #running = new Map(); // by call id
  /** @type {Set<string>} */ #answered = new Set(); // responses whose calls got an output and that wait for the rest
  /** @type {Set<string>} */ #open = new Set(); // responses that are still being made
  /** @type {ToolsObserver} */ #observer;

  /** @param {ToolsObserver} observer */
  constructor(observer) {
    this.#observer = observer;
  }

  /** @param {PageTool} tool */
  add(tool) {
    if (!/^[\w-]{1,64}$/.test(tool.name)) throw new TypeError(`A tool's name has letters, digits, "_" and "-" only: ${tool.name}`);
    this.#tools.set(tool.name, tool);
  }

  /** @param {string} name */
  remove(name) {
    return this.#tools.delete(name);
  }

  get isEmpty() { return this.#tools.size === 0; }
  /** Call ids of what has no output yet. */
  get running() { return new Set(this.#running.keys()); }

  /** The session's tools with these in place. @param {any[]} others */
  among(others) {
    const own = [...this.#tools.values()].map(({ name, description, parameters }) => ({
      type: "function", name, description, parameters: parameters ?? { type: "object", properties: {} },
    }));
    return [...others.filter((tool) => !this.#tools.has(tool.name)), ...own];
  }

  /** @param {any} event  of the server */
  hear(event) {
    if (event.type === "response.created") this.#open.add(event.response?.id);
    else if (event.type === "response.output_item.done") this.#called(event);
    else if (event.type === "response.done") {
      this.#open.delete(event.response?.id);
      this.#goOn(event.response?.id);
    }
  }

  /** An output that the app gives by itself. @param {string} callId @param {unknown} output @returns {boolean} whether the call was waited for */
  output(callId, output) {
    const call = this.#running.get(callId);
    if (!call) return false;
    this.#running.delete(callId);
    this.#observer.onOutput(callId, outputText(output));
    this.#answered.add(call.responseId);
    this.#goOn(call.responseId);
    return true;
  }

  /** The line is another one: what runs goes on, and what was said about responses is void. */
  renew() {
    this.#open.clear();
    this.#answered.clear();
  }

  /** The call ended: nobody waits for what still runs. */
  stop() {
    for (const { abort } of this.#running.values()) abort.abort();
    this.#running.clear();
    this.renew();
  }

  /** @param {any} event */
  #called({ item, response_id: responseId }) {
    const tool = item?.type === "function_call" && item.status !== "incomplete" ? this.#tools.get(item.name) : undefined;
    if (!tool || this.#running.has(item.call_id)) return;
    const abort = new AbortController();
    this.#running.set(item.call_id, { responseId, abort });
    if (tool.run) void this.#run(tool, item, abort.signal);
  }

  /** @param {PageTool} tool @param {any} item @param {AbortSignal} signal */
  async #run(tool, item, signal) {
    /** @type {unknown} */ let output;
    try {
      const args = JSON.parse(item.arguments || "{}");
      output = await tool.run?.(args, { call_id: item.call_id, name: item.name, signal });
    } catch (error) {
      output = { error: error instanceof SyntaxError ? "The arguments are not valid JSON." : String(error instanceof Error ? error.message : error) };
    }
    if (!signal.aborted) this.output(item.call_id, output);
  }

  /** @param {string} responseId */
  #goOn(responseId) {
    if (!this.#answered.has(responseId) || this.#open.has(responseId)) return;
    if ([...this.#running.values()].some((call) => call.responseId === responseId)) return;
    this.#answered.delete(responseId);
    this.#observer.onAllDone();
  }
}

/** @param {unknown} output */
export function outputText(output) {
  return typeof output === "string" ? output : JSON.stringify(output ?? null);
}
