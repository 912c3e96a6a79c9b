// @ts-check
/**
 * How long each turn took, step by step, from the user's last word to the answer. Pure; the time is an argument.
 *
 * A turn begins when the user stops speaking or sends something typed, and lasts until the next one begins: with tools in
 * between, several responses belong to it. What sounds of an earlier answer is not an answer to it.
 *
 * @typedef {object} Turn  all times are milliseconds, null for what did not happen (yet)
 * @property {"spoken"|"typed"|"unasked"} kind  unasked: the assistant began, as with a greeting
 * @property {number} started_at  the user's last word (what the server said, minus the silence that it waits for), or when
 *   a typed message was sent
 * @property {string|null} item_id
 * @property {string[]} response_ids
 * @property {number|null} recognized_at
 * @property {number|null} response_at
 * @property {number|null} first_delta_at
 * @property {number|null} first_audio_at  its first sound was sent or came
 * @property {number|null} heard_at  its first sound was played here
 * @property {number|null} done_at
 * @property {{call_id: string, name: string, started_at: number, ended_at: number|null}[]} tools  started_at: when its
 *   arguments were complete
 * @property {boolean} is_interrupted
 */

const MOST_TURNS = 200;
const MOST_TOOLS = 50; // of one turn

export class Turns {
  /** @type {Turn[]} the newest at the end */ all = [];
  /** @type {Map<string, Turn>} */ #ofResponse = new Map();
  #silenceMs = 0;

  get last() { return this.all.at(-1) ?? null; }

  /** @param {any} event  a friendly one @param {number} nowMs */
  receive(event, nowMs) {
    switch (event.type) {
      case "assistant.delta":
        this.#mark(event.response_id, "first_delta_at", nowMs);
        break;
      case "tool.call_started": {
        this.#mark(event.response_id, "first_delta_at", nowMs);
        const turn = this.#ofResponse.get(event.response_id);
        if (turn && turn.tools.length < MOST_TOOLS) this.#change(turn, { tools: [...turn.tools, { call_id: event.call_id, name: event.name, started_at: nowMs, ended_at: null }] });
        break;
      }
      case "assistant.audio_received":
      case "assistant.audio_started":
        this.#mark(event.response_id, "first_audio_at", nowMs);
        break;
      case "user.speech_stopped":
        this.#begin("spoken", nowMs - this.#silenceMs, event.item_id);
        break;
      case "user.item_started": // push-to-talk: nobody says when speech stopped
        if (this.last?.item_id !== event.item_id) this.#begin("spoken", nowMs, event.item_id);
        break;
      case "user.message":
        this.#begin("typed", nowMs, event.item_id);
        break;
      case "user.completed": {
        const turn = this.all.slice(-8).findLast((one) => one.item_id === event.item_id && one.recognized_at === null);
        if (turn) this.#change(turn, { recognized_at: nowMs });
        break;
      }
      case "assistant.response_started":
        if (!event.aside) this.#respond(event.response_id, nowMs);
        break;
      case "assistant.completed": {
        const turn = this.#ofResponse.get(event.response_id);
        if (turn) this.#change(turn, { done_at: nowMs });
        break;
      }
      case "assistant.interrupted": {
        const turn = this.#ofResponse.get(event.response_id);
        if (turn) this.#change(turn, { is_interrupted: true });
        break;
      }
      case "tool.output":
        this.#changeTool(event.call_id, { ended_at: nowMs });
        break;
      case "tool.call_done":
        this.#changeTool(event.call_id, { started_at: nowMs });
        break;
      case "session.created":
      case "session.updated": {
        const detection = event.session.audio?.input?.turn_detection;
        this.#silenceMs = detection?.type === "server_vad" ? Number(detection.silence_duration_ms ?? 0) : 0;
        break;
      }
    }
  }

  /** @param {string} callId @param {{started_at?: number, ended_at?: number}} news */
  #changeTool(callId, news) {
    if (!this.last?.tools.length) return;
    this.#change(this.last, { tools: this.last.tools.map((tool) => (tool.call_id === callId && tool.ended_at === null ? { ...tool, ...news } : tool)) });
  }

  /** The first sound of a response was played, as whoever plays it says. @param {string} responseId @param {number} nowMs */
  heard(responseId, nowMs) {
    this.#mark(responseId, "heard_at", nowMs);
  }

  /** @param {Turn["kind"]} kind @param {number} startedAt @param {string|null} [itemId] */
  #begin(kind, startedAt, itemId = null) {
    this.all.push({
      kind, started_at: startedAt, item_id: itemId, response_ids: [], recognized_at: null, response_at: null, first_delta_at: null,
      first_audio_at: null, heard_at: null, done_at: null, tools: [], is_interrupted: false,
    });
    if (this.all.length <= MOST_TURNS) return;
    const gone = this.all.shift();
    for (const [id, turn] of this.#ofResponse) if (turn === gone) this.#ofResponse.delete(id);
  }

  /** @param {string} id @param {number} nowMs */
  #respond(id, nowMs) {
    // Another response belongs to the turn when the tools that it called have answered.
    if (!this.last || (this.last.done_at !== null && this.last.tools.length === 0)) this.#begin("unasked", nowMs);
    const turn = /** @type {Turn} */ (this.last);
    this.#ofResponse.set(id, turn);
    this.#change(turn, { response_ids: [...turn.response_ids, id].slice(-MOST_TOOLS), response_at: turn.response_at ?? nowMs, done_at: null });
  }

  /** @param {string|null} responseId @param {"first_delta_at"|"first_audio_at"|"heard_at"} mark @param {number} nowMs */
  #mark(responseId, mark, nowMs) {
    const turn = this.#ofResponse.get(responseId ?? "");
    if (turn && turn[mark] === null) this.#change(turn, { [mark]: nowMs });
  }

  /** Another value in its place: whoever holds the old one sees it unchanged. @param {Turn} turn @param {Partial<Turn>} news */
  #change(turn, news) {
    const place = this.all.indexOf(turn);
    if (place < 0) return;
    const changed = (this.all[place] = { ...turn, ...news });
    for (const [id, one] of this.#ofResponse) if (one === turn) this.#ofResponse.set(id, changed);
  }
}

/** What the user waited for: until the answer was heard, else until its first sound, else its first word. @param {Turn} turn @returns {number|null} */
export function answerMs({ heard_at, first_audio_at, first_delta_at, started_at }) {
  const at = heard_at ?? first_audio_at ?? first_delta_at;
  return at === null ? null : Math.max(0, at - started_at);
}
