// @ts-check
/**
 * Whose turn it is, from the events of the wire: a pure reducer over three small machines.
 *
 *   turn      quiet → speaking → awaiting → quiet          what the caller does, as the server hears it
 *   response  none ↔ active                                what the other side writes
 *   output    silent ↔ playing                             what the other side says aloud
 *
 * Lives here also: how long each answer took to be heard. Not here: words, pictures, sound, the clock (`at`).
 *
 * @typedef {"quiet"|"speaking"|"awaiting"} Turn
 * @typedef {{startedAt: number, kind: "spoken"|"typed", besides: string|null}} Waiting
 *   besides: the response that was still being played then; its sound is not the answer
 * @typedef {object} Activity
 * @property {Turn} turn
 * @property {number} awaitingSince
 * @property {string|null} response  id of the active one
 * @property {string|null} output  id of the response that is being played
 * @property {number} silenceMs  how long the server waits before it calls a turn ended
 * @property {Waiting|null} waiting  a turn that has not been answered aloud yet
 * @property {{ms: number, kind: "spoken"|"typed"}[]} answers  the last ones, newest at the end
 */

/** A turn that brings no response (a cough, an empty transcript) must not leave the page thinking for ever. */
export const PATIENCE_MS = 6000;
const MOST_ANSWERS = 24;

/** @returns {Activity} */
export function restingActivity() {
  return { turn: "quiet", awaitingSince: 0, response: null, output: null, silenceMs: 0, waiting: null, answers: [] };
}

/**
 * @param {Activity} state
 * @param {any} event  a server event, or `local.sent` (typed text or a photo went out), `local.sound` (the other voice is
 *   audible in this page), `local.tick`
 * @param {number} at  milliseconds
 * @returns {Activity} the same object when nothing changed
 */
export function reduceActivity(state, event, at) {
  switch (event.type) {
    case "session.created":
    case "session.updated":
      return { ...state, silenceMs: Number(event.session?.audio?.input?.turn_detection?.silence_duration_ms ?? 0) };
    case "input_audio_buffer.speech_started":
      return { ...state, turn: "speaking", waiting: null };
    case "input_audio_buffer.speech_stopped":
      // The server tells after the silence it waited for; the caller's last word was that much earlier.
      return { ...state, turn: "awaiting", awaitingSince: at, waiting: { startedAt: at - state.silenceMs, kind: "spoken", besides: state.output } };
    case "input_audio_buffer.cleared":
      return { ...state, turn: "quiet", waiting: null };
    case "conversation.item.input_audio_transcription.completed":
      return state.turn === "awaiting" && !String(event.transcript ?? "").trim() && !state.response
        ? { ...state, turn: "quiet", waiting: null }
        : state;
    case "local.sent":
      return { ...state, turn: "awaiting", awaitingSince: at, waiting: { startedAt: at, kind: "typed", besides: state.output } };
    case "response.created":
      return { ...state, response: event.response?.id ?? "", turn: state.turn === "awaiting" ? "quiet" : state.turn };
    case "response.done": {
      if (state.response !== null && event.response?.id !== state.response) return state;
      const heard = state.output !== null && state.output === event.response?.id;
      return { ...state, response: null, waiting: heard || state.turn === "awaiting" ? state.waiting : null };
    }
    case "output_audio_buffer.started":
      return { ...state, output: event.response_id ?? "" };
    case "output_audio_buffer.stopped":
    case "output_audio_buffer.cleared":
      return { ...state, output: null, waiting: state.turn === "awaiting" ? state.waiting : null };
    case "local.sound":
      if (state.output === null || state.waiting === null || state.output === state.waiting.besides) return state;
      return {
        ...state,
        waiting: null,
        answers: [...state.answers, { ms: at - state.waiting.startedAt, kind: state.waiting.kind }].slice(-MOST_ANSWERS),
      };
    case "local.tick":
      return state.turn === "awaiting" && at - state.awaitingSince > PATIENCE_MS ? { ...state, turn: "quiet" } : state;
    default:
      return state;
  }
}

/**
 * @param {Activity} state
 * @returns {"heard"|"speaking"|"thinking"|"listening"}
 */
export function activityOf(state) {
  if (state.turn === "speaking") return "heard";
  if (state.output !== null) return "speaking";
  if (state.response !== null || state.turn === "awaiting") return "thinking";
  return "listening";
}
