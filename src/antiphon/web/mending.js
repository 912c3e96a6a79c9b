// @ts-check
/** Events as servers send them, made whole: older names, members that compatible servers leave out. Pure. */

const OLDER_NAMES = /** @type {Record<string, string>} */ ({
  "conversation.item.created": "conversation.item.added",
  "response.text.delta": "response.output_text.delta",
  "response.text.done": "response.output_text.done",
  "response.audio.delta": "response.output_audio.delta",
  "response.audio.done": "response.output_audio.done",
  "response.audio_transcript.delta": "response.output_audio_transcript.delta",
  "response.audio_transcript.done": "response.output_audio_transcript.done",
});
const ITEM = "conversation.item.";
/** Before the kinds of news about what was recognised. */
export const HEARD = `${ITEM}input_audio_transcription.`;

/** What each event must have to make sense: names of strings, and of objects with a "{" before. */
const NEEDS = /** @type {Record<string, string[]>} */ ({
  "session.created": ["{session"],
  "session.updated": ["{session"],
  "input_audio_buffer.speech_started": ["item_id"],
  "input_audio_buffer.speech_stopped": ["item_id"],
  "input_audio_buffer.committed": ["item_id"],
  "input_audio_buffer.timeout_triggered": ["item_id"],
  [`${ITEM}added`]: ["{item"],
  [`${ITEM}done`]: ["{item"],
  [`${ITEM}retrieved`]: ["{item"],
  [`${ITEM}deleted`]: ["item_id"],
  [`${ITEM}truncated`]: ["item_id"],
  [`${HEARD}delta`]: ["item_id", "delta"],
  [`${HEARD}completed`]: ["item_id", "transcript"],
  [`${HEARD}failed`]: ["item_id"],
  "response.created": ["{response"],
  "response.done": ["{response"],
  "response.output_item.added": ["response_id", "{item"],
  "response.output_item.done": ["response_id", "{item"],
  "response.content_part.added": ["response_id", "item_id"],
  "response.content_part.done": ["response_id", "item_id", "{part"],
  "response.output_text.delta": ["response_id", "item_id", "delta"],
  "response.output_text.done": ["response_id", "item_id", "text"],
  "response.output_audio.delta": ["response_id", "item_id", "delta"],
  "response.output_audio_transcript.delta": ["response_id", "item_id", "delta"],
  "response.output_audio_transcript.done": ["response_id", "item_id", "transcript"],
  "response.function_call_arguments.delta": ["response_id", "item_id", "delta"],
  "response.function_call_arguments.done": ["response_id", "item_id", "arguments"],
  "response.mcp_call_arguments.delta": ["response_id", "item_id", "delta"],
  "response.mcp_call_arguments.done": ["response_id", "item_id", "arguments"],
  "output_audio_buffer.started": ["response_id"],
  "output_audio_buffer.stopped": ["response_id"],
  "output_audio_buffer.cleared": ["response_id"],
});

/**
 * @param {any} event
 * @param {string} responseId  of the response being made, for events that do not say whose they are
 * @returns {any} the event under its present name with what is missing filled in; null when it makes no sense
 */
export function mended(event, responseId) {
  const type = OLDER_NAMES[event.type] ?? event.type;
  const whole = { ...event, type };
  if (type.startsWith("response.") && type !== "response.created" && type !== "response.done") {
    whole.response_id ??= responseId;
    whole.content_index ??= 0;
    if (type.includes("function_call")) whole.call_id ??= whole.item_id;
    if (type.endsWith("arguments.done")) whole.arguments ??= "";
  }
  if (type.startsWith(HEARD) || type === `${ITEM}truncated`) whole.content_index ??= 0;
  if (type === "error") whole.error = { ...whole.error, type: whole.error?.type || "server_error", message: whole.error?.message || "" };
  if (whole.item) whole.item = mendedItem(whole.item);
  if (Array.isArray(whole.response?.output)) whole.response = { ...whole.response, output: whole.response.output.map(mendedItem) };
  const isWhole = (NEEDS[type] ?? []).every((need) =>
    need[0] === "{" ? typeof whole[need.slice(1)] === "object" && whole[need.slice(1)] !== null : typeof whole[need] === "string");
  return isWhole ? whole : null;
}

/** @param {any} item */
function mendedItem(item) {
  if (item === null || typeof item !== "object") return {};
  if ((item.type ?? "message") !== "message") return item;
  const content = (Array.isArray(item.content) ? item.content : []).map((/** @type {any} */ part) =>
    part?.type === "text" || part?.type === "audio" ? { ...part, type: `output_${part.type}` } : (part ?? {}));
  return { ...item, type: "message", content };
}
