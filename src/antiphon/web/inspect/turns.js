// @ts-check
/** Turns and where their time went, from the event log. Pure. @typedef {import("./log.js").Entry} Entry */

/**
 * All times in milliseconds since the call began, null where they are not known.
 * @typedef {object} Turn
 * @property {"voice"|"text"|"own"} kind  own: nobody asked (a greeting, an answer after a tool of the program's)
 * @property {string} asked  what the caller said or wrote
 * @property {string} answer
 * @property {number|null} speech  the caller began to speak
 * @property {number} asks  the caller had said it: the zero of the latencies
 * @property {number|null} recognized
 * @property {number|null} created  the response began
 * @property {number|null} token  first word or call
 * @property {number|null} sound  first sound
 * @property {number|null} quiet  last sound
 * @property {number|null} done
 * @property {string} status
 * @property {{name: string, t: number}[]} tools
 */

/** @typedef {{name: "speech"|"recognize"|"think"|"voice"|"answer", from: number, to: number}} Bar */

/** @param {Iterable<Entry>} entries @returns {Turn[]} */
export function turnsOf(entries) {
  /** @type {Turn[]} */ const turns = [];
  /** @type {Map<string, Turn>} */ const byItem = new Map();
  /** @type {Map<string, Turn>} */ const byResponse = new Map();
  /** @type {Turn|null} */ let open = null; // waits for its answer
  /** @type {Turn|null} */ let sounding = null;

  /** @param {Turn["kind"]} kind @param {number} t @returns {Turn} */
  const begin = (kind, t) => {
    /** @type {Turn} */ const turn = {
      kind, asked: "", answer: "", speech: kind === "voice" ? t : null, asks: t, recognized: null, created: null,
      token: null, sound: null, quiet: null, done: null, status: "", tools: [],
    };
    turns.push(turn);
    return turn;
  };

  for (const { dir, type, event, t, elided } of entries) {
    const turn = byResponse.get(event?.response_id ?? event?.response?.id ?? "");
    if (dir === "out") {
      const item = event.item;
      if (type === "conversation.item.create" && item?.role === "user") {
        open = begin("text", t);
        open.asked = (item.content ?? []).map((/** @type {any} */ part) => part.text ?? "").join(" ").trim() || "[photo]";
      }
      continue;
    }
    if (dir !== "in") continue;
    switch (type) {
      case "input_audio_buffer.speech_started":
        if (open === null || open.created !== null || open.kind !== "voice") open = begin("voice", t);
        if (event.item_id) byItem.set(event.item_id, open);
        break;
      case "input_audio_buffer.speech_stopped":
        if (open?.kind === "voice") open.asks = t;
        break;
      case "input_audio_buffer.committed":
        if (open === null || open.created !== null) open = begin("voice", t);
        if (event.item_id) byItem.set(event.item_id, open);
        break;
      case "conversation.item.input_audio_transcription.completed": {
        const spoken = byItem.get(event.item_id);
        if (spoken) {
          spoken.recognized ??= t;
          spoken.asked = event.transcript ?? "";
        }
        break;
      }
      case "response.created": {
        const previous = turns[turns.length - 1];
        const goesOn = open === null && previous?.tools.length && previous.done !== null ? previous : null;
        const mine = goesOn ?? (open && open.created === null ? open : begin("own", t));
        mine.created ??= t;
        mine.done = null;
        byResponse.set(event.response?.id, mine);
        open = null;
        break;
      }
      case "output_audio_buffer.started":
        if (turn) turn.sound ??= t;
        sounding = turn ?? sounding;
        break;
      case "output_audio_buffer.stopped":
      case "output_audio_buffer.cleared":
        if (turn ?? sounding) /** @type {Turn} */ (turn ?? sounding).quiet = t;
        break;
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
  return turns;
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
