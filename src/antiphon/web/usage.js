// @ts-check
/**
 * What a conversation used, and what that costs by a table of prices. Pure. Tokens come from `response.done` and from the
 * recognizer's transcripts. Servers that run on own machines tell none.
 *
 * @typedef {Record<string, number>} Tokens  see `NAMES`; *_in: not from the cache. seconds: of sound, where billed by time
 * @typedef {Record<string, number>} Price  dollars for a million tokens, by the same names; a_minute: of recognised sound
 */

const NAMES = [
  "responses", "text_in", "audio_in", "image_in", "cached_text_in", "cached_audio_in", "cached_image_in",
  "text_out", "audio_out", "transcriptions", "seconds",
];
const MOST_MODELS = 16; // what further ones use is counted as "other"

const LARGE = { text_in: 4, cached_text_in: 0.4, audio_in: 32, cached_audio_in: 0.4, audio_out: 64, image_in: 5, cached_image_in: 0.5 };
/** The models whose prices are known here, as of 2026-08. A conversation that used any other has no `cost`. @type {Record<string, Price>} */
export const OPENAI_PRICES = {
  "gpt-realtime-2.1": { ...LARGE, text_out: 24 },
  "gpt-realtime-2": { ...LARGE, text_out: 24 },
  "gpt-realtime-1.5": { ...LARGE, text_out: 16 },
  "gpt-realtime-2.1-mini": {
    text_in: 0.6, cached_text_in: 0.06, text_out: 2.4, audio_in: 10, cached_audio_in: 0.3, audio_out: 20, image_in: 0.8, cached_image_in: 0.08,
  },
  "gpt-4o-transcribe": { text_in: 2.5, audio_in: 6, text_out: 10 },
  "gpt-4o-mini-transcribe": { text_in: 1.25, audio_in: 3, text_out: 5 },
  "whisper-1": { a_minute: 0.006 },
};

export class UsageMeter {
  /** @type {Record<string, Price>} */ prices;
  /** @type {Record<string, Tokens>} */ by_model = {};
  /** @type {Tokens|null} what the last response used */ last = null;
  #model = "";
  #recognizer = "";

  /** @param {Record<string, Price>} [prices]  by model */
  constructor(prices = OPENAI_PRICES) {
    this.prices = prices;
  }

  get total() {
    return Object.values(this.by_model).reduce(sum, tokens({}));
  }

  /** What it cost so far; null when a model's price, or a part of it, is not known. @returns {number|null} */
  get cost() {
    let total = 0;
    for (const [model, used] of Object.entries(this.by_model)) {
      for (const name of NAMES) {
        if (name === "responses" || name === "transcriptions" || !used[name]) continue;
        const rate = this.prices[model]?.[name === "seconds" ? "a_minute" : name];
        if (rate === undefined) return null;
        total += (used[name] * rate) / (name === "seconds" ? 60 : 1_000_000);
      }
    }
    return Object.keys(this.by_model).every((model) => model in this.prices) ? total : null;
  }

  /** @param {any} event  a friendly one */
  receive(event) {
    const { usage } = event;
    if (event.type === "assistant.completed" && usage) {
      this.last = tokensOf(usage);
      this.#count(this.#model, this.last);
    } else if (event.type === "user.completed" && usage?.type === "duration") {
      this.#count(this.#recognizer, tokens({ transcriptions: 1, seconds: usage.seconds }));
    } else if (event.type === "user.completed" && usage) {
      const all = usage.input_tokens ?? 0;
      const audio = usage.input_token_details?.audio_tokens ?? 0;
      const text = audio ? Math.max(0, all - audio) : (usage.input_token_details?.text_tokens ?? 0);
      this.#count(this.#recognizer, tokens({ transcriptions: 1, text_in: text, audio_in: audio || text ? audio : all, text_out: usage.output_tokens }));
    } else if (event.type === "session.created" || event.type === "session.updated") {
      this.#model = event.session.model ?? this.#model;
      this.#recognizer = event.session.audio?.input?.transcription?.model ?? this.#recognizer;
    }
  }

  /** @param {string} model @param {Tokens} used */
  #count(model, used) {
    const name = model in this.by_model || Object.keys(this.by_model).length < MOST_MODELS ? model : "other";
    this.by_model[name] = sum(this.by_model[name] ?? tokens({}), used);
  }
}

/** @param {Record<string, number|undefined>} given @returns {Tokens} */
function tokens(given) {
  return Object.fromEntries(NAMES.map((name) => [name, given[name] ?? 0]));
}

/** @param {Tokens} one @param {Tokens} other */
function sum(one, other) {
  return Object.fromEntries(NAMES.map((name) => [name, one[name] + other[name]]));
}

/** The tokens of one response, sorted by what they cost. @param {any} usage */
function tokensOf(usage) {
  const given = usage.input_token_details ?? {};
  const made = usage.output_token_details ?? {};
  const kept = given.cached_tokens_details ?? {};
  let [cachedText, cachedAudio, cachedImage] = [kept.text_tokens ?? 0, kept.audio_tokens ?? 0, kept.image_tokens ?? 0];
  if (!(cachedText || cachedAudio || cachedImage)) cachedText = given.cached_tokens ?? 0;
  let [text, audio, image] = [given.text_tokens ?? 0, given.audio_tokens ?? 0, given.image_tokens ?? 0];
  if (!(text || audio || image)) text = usage.input_tokens ?? 0;
  const isSplit = made.text_tokens || made.audio_tokens;
  return tokens({
    responses: 1,
    text_in: Math.max(0, text - cachedText), audio_in: Math.max(0, audio - cachedAudio), image_in: Math.max(0, image - cachedImage),
    cached_text_in: cachedText, cached_audio_in: cachedAudio, cached_image_in: cachedImage,
    text_out: isSplit ? made.text_tokens : usage.output_tokens, audio_out: made.audio_tokens,
  });
}
