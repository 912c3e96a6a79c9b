// @ts-check
/** Turns and where their time went, from the event log. Pure. @typedef {import("./log.js").Entry} Entry */

/**
 * All times in milliseconds since the call began, null where they are not known.
 * @typedef {object} Turn
 * @property {number} number  from one
 * @property {"voice"|"text"|"own"} kind  own: nobody asked (a greeting, an answer after a tool of the program's)
 * @property {string} asked  what the caller said or wrote
 * @property {string} answer
 * @property {number|null} speech  the caller began to speak
 * @property {number} asks  the caller's last word (what the server said, minus the silence that it waits for): the zero of the latencies
 * @property {number|null} recognized
 * @property {number|null} created  the response began
 * @property {number|null} token  first word or call
 * @property {number|null} sound  first sound that was sent; when it was heard only the caller knows
 * @property {number|null} quiet  last sound
 * @property {number|null} done
 * @property {string} status
 * @property {{name: string, t: number}[]} tools
 */

/** @typedef {{name: "speech"|"recognize"|"think"|"voice"|"answer", from: number, to: number}} Bar */

const MOST_TURNS = 2_000;

/** The turns of a call, as its events come in. */
export class TurnLog {
  /** @type {Turn[]} the newest at the end */ all = [];
  /** What changed since somebody looked, who then clears it. @type {Set<Turn>} */ changed = new Set();
  /** @type {Map<string, Turn>} */ #byItem = new Map();
  /** @type {Map<string, Turn>} */ #byResponse = new Map();
  /** @type {Turn|null} */ #open = null; // waits for its answer
  /** @type {Turn|null} */ #sounding = null;
  #silenceMs = 0; // that the server waits for before it says that speech has stopped
  #begun = 0;

  /** @param {Turn["kind"]} kind @param {number} t @returns {Turn} */
  #begin(kind, t) {
    /** @type {Turn} */ const turn = {
      number: ++this.#begun, kind, asked: "", answer: "", speech: kind === "voice" ? t : null, asks: t, recognized: null, created: null,
      token: null, sound: null, quiet: null, done: null, status: "", tools: [],
    };
    this.all.push(turn);
    this.changed.add(turn);
    if (this.all.length > MOST_TURNS) {
      const gone = this.all.shift();
      for (const known of [this.#byItem, this.#byResponse]) for (const [id, one] of known) if (one === gone) known.delete(id);
    }
    return turn;
  }

  /** @param {Entry} entry */
  add({ dir, type, event, t, elided }) {
    const turn = this.#byResponse.get(event?.response_id ?? event?.response?.id ?? "");
    if (turn) this.changed.add(turn);
    if (dir === "out") {
      const item = event.item;
      if (type === "conversation.item.create" && item?.role === "user") {
        this.#open = this.#begin("text", t);
        this.#open.asked = (item.content ?? []).map((/** @type {any} */ part) => part.text ?? "").join(" ").trim() || "[photo]";
      }
      return;
    }
    if (dir !== "in") return;
    const open = this.#open;
    if (open) this.changed.add(open);
    switch (type) {
      case "session.created":
      case "session.updated": {
        // As in the page's own turns.js: both tell the same time of the same turn.
        const detection = event.session?.audio?.input?.turn_detection;
        this.#silenceMs = detection?.type === "server_vad" ? Number(detection.silence_duration_ms ?? 0) : 0;
        break;
      }
      case "input_audio_buffer.speech_started":
        this.#open = open === null || open.created !== null || open.kind !== "voice" ? this.#begin("voice", t) : open;
        if (event.item_id) this.#byItem.set(event.item_id, this.#open);
        break;
      case "input_audio_buffer.speech_stopped":
        if (open?.kind === "voice") open.asks = Math.max(open.speech ?? 0, t - this.#silenceMs);
        break;
      case "input_audio_buffer.committed":
        this.#open = open === null || open.created !== null ? this.#begin("voice", t) : open;
        if (event.item_id) this.#byItem.set(event.item_id, this.#open);
        break;
      case "conversation.item.input_audio_transcription.completed": {
        const spoken = this.#byItem.get(event.item_id);
        if (!spoken) break;
        spoken.recognized ??= t;
        spoken.asked = event.transcript ?? "";
        this.changed.add(spoken);
        break;
      }
      case "response.created": {
        const previous = this.all.at(-1);
        const goesOn = open === null && previous?.tools.length && previous.done !== null ? previous : null;
        const mine = goesOn ?? (open && open.created === null ? open : this.#begin("own", t));
        mine.created ??= t;
        mine.done = null;
        this.#byResponse.set(event.response?.id, mine);
        this.changed.add(mine);
        this.#open = null;
        break;
      }
      case "output_audio_buffer.started":
        if (turn) turn.sound ??= t;
        this.#sounding = turn ?? this.#sounding;
        break;
      case "output_audio_buffer.stopped":
      case "output_audio_buffer.cleared": {
        const stopped = turn ?? this.#sounding;
        if (!stopped) break;
        stopped.quiet = t;
        this.changed.add(stopped);
        break;
      }
      case "response.done":
        if (turn) {
          turn.done = t;
          turn.status = event.response?.status ?? "";
        }
        break;
      case "response.function_call_arguments.done":
        if (turn) {
          turn.token ??= t;
          turn.tools.push({ name: event.name ?? "function", t });
        }
        break;
      default:
        if (!turn || !type.endsWith(".delta")) break;
        if (elided.delta !== undefined) {
          turn.sound ??= t;
          turn.quiet = null;
        } else {
          turn.token ??= t;
          if (/output_(text|audio_transcript)|\.(text|audio_transcript)\.delta/.test(type)) turn.answer += event.delta ?? "";
        }
    }
  }
}

/** The turn's time as bars that follow each other. @param {Turn} turn @returns {Bar[]} */
export function barsOf(turn) {
  /** @type {Bar[]} */ const bars = [];
  let at = turn.speech ?? turn.asks;
  /** @param {Bar["name"]} name @param {number|null} to */
  const until = (name, to) => {
    if (to === null || to <= at) return;
    bars.push({ name, from: at, to });
    at = to;
  };
  if (turn.kind === "voice") until("speech", turn.asks);
  until("recognize", turn.token !== null && turn.recognized !== null ? Math.min(turn.recognized, turn.token) : turn.recognized);
  until("think", turn.token ?? turn.sound ?? turn.done);
  until("voice", turn.sound);
  until("answer", Math.max(turn.quiet ?? 0, turn.done ?? 0) || null);
  return bars;
}

/** From what was asked to the first sound, or word; null where nothing came. @param {Turn} turn */
export function latencyOf(turn) {
  const first = turn.sound ?? turn.token;
  return first === null ? null : first - turn.asks;
}
