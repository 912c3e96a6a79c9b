// @ts-check
/**
 * What was said, from the events of the wire: a pure reducer.
 *
 * Lives here: the order of the entries, the text of each, what was heard of it, tool calls, failures, notes.
 * Does not live here: sound, sockets, the DOM, the clock (`at`, milliseconds, is an argument).
 *
 * Items are keyed by `item_id`, their text by `content_index`. An item stands after the item that the server named in
 * `previous_item_id`, whenever either of them arrives: a caller's words are often recognised after the answer began.
 *
 * @typedef {{text: string, final: boolean, heard: string|null}} Part
 *   text: all that was written. heard: the leading part of `text` that was played, null when nothing was cut off.
 * @typedef {{callId: string, name: string, arguments: string, output: string|null, startedAt: number, endedAt: number|null}} ToolCall
 * @typedef {object} Item
 * @property {string} id
 * @property {"message"|"tool"|"hidden"} kind  hidden: keeps its place in the order, is not shown
 * @property {"user"|"assistant"|"system"} role
 * @property {"hearing"|"open"|"done"|"failed"} status  hearing: the caller is still saying it
 * @property {boolean} spoken  the words came as sound, so there may be nothing to read yet
 * @property {boolean} isOwn  written in this page, which knows its content better than an echo of it
 * @property {boolean} interrupted
 * @property {Record<number, Part>} parts
 * @property {string|null} image  data URL
 * @property {string|null} problem  what went wrong with it, in the server's words
 * @property {string|null} responseId
 * @property {string|null|undefined} previous  as the server named it; undefined: not (yet) named
 * @property {string|null} anchor  the item it stands after as long as `previous` is unknown
 * @property {string|null} root  the last item of the call before this one: "first of the conversation" means after it
 * @property {number} arrival
 * @property {ToolCall|null} tool
 * @typedef {{id: string, kind: "note", key: string, detail: string, anchor: string|null, arrival: number}} Note
 *   key: a name in words.js; detail: the server's own message, or "".
 * @typedef {object} Transcript
 * @property {Record<string, Item>} items
 * @property {Note[]} notes
 * @property {string[]} order
 * @property {number} arrivals
 * @property {number} pace  characters spoken a second, learned from answers that were heard to their end
 * @property {string|null} base  the last item of the earlier calls on this page
 * @property {boolean} isDivided  the earlier calls have been told apart from this one (or there are none)
 * @property {{responseId: string, at: number}|null} playing
 */

import { ordered } from "./order.js";

const MOST_ITEMS = 600; // a long call; the oldest leave the page, not the conversation
const KEPT_ITEMS = 500;
const MOST_NOTES = 100;
const USUAL_PACE = 15;

/** Errors that are an ordinary part of taking turns; the outbox deals with them. */
const EXPECTED_ERRORS = new Set(["response_cancel_not_active", "conversation_already_has_active_response"]);

/** Names that older servers still use. */
const OLDER_NAMES = /** @type {Record<string, string>} */ ({
  "conversation.item.created": "conversation.item.added",
  "response.text.delta": "response.output_text.delta",
  "response.text.done": "response.output_text.done",
  "response.audio_transcript.delta": "response.output_audio_transcript.delta",
  "response.audio_transcript.done": "response.output_audio_transcript.done",
});

/** @returns {Transcript} */
export function emptyTranscript() {
  return { items: {}, notes: [], order: [], arrivals: 0, pace: USUAL_PACE, base: null, isDivided: true, playing: null };
}

/**
 * @param {Transcript} state
 * @param {any} event  a server event, or one of the page's own: `local.item` {item}, `local.unsent` {item_id},
 *   `local.note` {key, detail}, `local.call_began`, `local.call_over`
 * @param {number} at  milliseconds on any steady clock
 * @returns {Transcript} the same object when nothing changed
 */
export function reduceTranscript(state, event, at) {
  const type = OLDER_NAMES[event.type] ?? event.type;
  const handler = HANDLERS[type];
  return handler ? bounded(handler(state, event, at)) : state;
}

/**
 * What to show, in order.
 * @param {Transcript} state
 * @returns {(Item|Note)[]}
 */
export function entriesOf(state) {
  const notesAfter = new Map();
  for (const note of state.notes) {
    const key = note.anchor ?? "";
    notesAfter.set(key, [...(notesAfter.get(key) ?? []), note]);
  }
  const entries = [...(notesAfter.get("") ?? [])];
  for (const id of state.order) {
    const item = state.items[id];
    if (isShown(item)) entries.push(item);
    entries.push(...(notesAfter.get(id) ?? []));
  }
  return entries;
}

/** @param {Item} item */
function isShown(item) {
  if (item.kind !== "message") return item.kind === "tool";
  // An answer that was stopped before its first word leaves nothing to read.
  return item.status !== "done" || item.role === "user" || item.image !== null || item.problem !== null || textOf(item) !== "";
}

/** @param {Item} item */
export function textOf(item) {
  return partsOf(item).map((part) => part.text).join(" ").trim();
}

/** @param {Item} item @returns {Part[]} */
export function partsOf(item) {
  return Object.keys(item.parts).map(Number).sort((a, b) => a - b).map((index) => item.parts[index]);
}

/** @type {Record<string, (state: Transcript, event: any, at: number) => Transcript>} */
const HANDLERS = {
  "local.item": (state, event, at) => change(place(state, event.item, undefined, at), event.item.id, () => ({ isOwn: true })),
  "local.unsent": (state, event) => change(state, event.item_id, () => ({ status: "failed", problem: "" })),
  "local.note": (state, event) => note(state, event.key, event.detail ?? ""),
  "local.call_began": (state) => ({ ...state, base: state.order.at(-1) ?? null, isDivided: state.order.length === 0 }),
  "local.call_over": callOver,

  "input_audio_buffer.speech_started": (state, event) => {
    const quieter = dropUnfinishedHearing(state, event.item_id);
    const item = quieter.items[event.item_id];
    return item ? quieter : insert(quieter, { ...blank(event.item_id, "user"), status: "hearing", spoken: true }, undefined);
  },
  "input_audio_buffer.committed": (state, event) => {
    const known = state.items[event.item_id];
    const item = { ...(known ?? blank(event.item_id, "user")), kind: /** @type {const} */ ("message"), spoken: true };
    return insert(state, { ...item, status: item.status === "hearing" ? "open" : item.status }, event.previous_item_id);
  },
  "input_audio_buffer.cleared": (state) => dropUnfinishedHearing(state, null),

  "conversation.item.added": (state, event, at) => place(state, event.item, event.previous_item_id, at),
  "conversation.item.done": (state, event, at) => finish(place(state, event.item, event.previous_item_id, at), event.item),
  "conversation.item.deleted": (state, event) => change(state, event.item_id, () => ({ kind: "hidden" })),
  "conversation.item.truncated": (state, event) => cutByTime(state, event.item_id, event.content_index ?? 0, event.audio_end_ms),

  "conversation.item.input_audio_transcription.delta": (state, event) => append(state, event, "user"),
  "conversation.item.input_audio_transcription.completed": (state, event) =>
    settleText(state, event, String(event.transcript ?? "").trim(), "user", "done"),
  "conversation.item.input_audio_transcription.failed": (state, event) =>
    change(known(state, event.item_id, "user"), event.item_id, () => ({
      status: "failed",
      problem: event.error?.message ?? "",
    })),

  "response.output_item.added": (state, event, at) => ofResponse(place(state, event.item, undefined, at), event),
  "response.output_item.done": (state, event, at) => ofResponse(finish(place(state, event.item, undefined, at), event.item), event),
  "response.output_text.delta": (state, event) => append(state, event, "assistant"),
  "response.output_text.done": (state, event) => settleText(state, event, event.text, "assistant", null),
  "response.output_audio_transcript.delta": (state, event) => spoken(append(state, event, "assistant"), event.item_id),
  "response.output_audio_transcript.done": (state, event) =>
    spoken(settleText(state, event, event.transcript, "assistant", null), event.item_id),
  "response.function_call_arguments.delta": (state, event) =>
    change(state, event.item_id, (item) => item.tool && { tool: { ...item.tool, arguments: item.tool.arguments + event.delta } }),
  "response.function_call_arguments.done": (state, event) =>
    change(state, event.item_id, (item) => item.tool && { tool: { ...item.tool, arguments: event.arguments ?? item.tool.arguments } }),
  "response.done": responseDone,

  "output_audio_buffer.started": (state, event, at) => ({ ...state, playing: { responseId: event.response_id, at } }),
  "output_audio_buffer.stopped": heardToTheEnd,
  "output_audio_buffer.cleared": (state, event) =>
    ofEachItem({ ...state, playing: null }, event.response_id, (item) => (item.role === "assistant" && item.kind === "message" ? { interrupted: true } : {})),

  error: (state, event) =>
    EXPECTED_ERRORS.has(event.error?.code) ? state : note(state, "note_error", String(event.error?.message ?? "")),
};

// ── placing ─────────────────────────────────────────────────────────────────────────────────────────────────────

/** @param {string} id @param {Item["role"]} role @returns {Item} */
function blank(id, role) {
  return {
    id, role, kind: "message", status: "open", spoken: false, isOwn: false, interrupted: false, parts: {}, image: null, problem: null,
    responseId: null, previous: undefined, anchor: null, root: null, arrival: 0, tool: null,
  };
}

/**
 * Takes in an item as the wire describes it, keeping what is known about it already.
 * @param {Transcript} state @param {any} wire @param {string|null|undefined} previous @param {number} at
 */
function place(state, wire, previous, at) {
  if (!wire?.id) return state;
  if (wire.type === "function_call_output") return outputOf(state, wire, previous, at);
  const before = state.items[wire.id] ?? blank(wire.id, wire.role ?? "assistant");
  if (wire.type === "function_call") {
    const tool = before.tool ?? { callId: wire.call_id ?? "", name: wire.name ?? "", arguments: "", output: null, startedAt: at, endedAt: null };
    const args = wire.arguments || tool.arguments;
    return insert(state, { ...before, kind: "tool", role: "assistant", tool: { ...tool, name: wire.name ?? tool.name, arguments: args } }, previous);
  }
  if (wire.type !== "message") return insert(state, { ...before, kind: "hidden" }, previous);
  const item = { ...before, role: wire.role ?? before.role, parts: { ...before.parts } };
  if (item.status === "hearing") item.status = "open";
  for (const [index, part] of (before.isOwn ? [] : (wire.content ?? [])).entries()) {
    if (part.type === "input_image") item.image = part.image_url ?? item.image;
    if (part.type === "input_audio" || part.type === "output_audio") item.spoken = true;
    const text = part.text ?? part.transcript;
    const old = item.parts[index];
    if (typeof text === "string" && text !== "" && !old?.text) item.parts[index] = { text, final: false, heard: null };
  }
  // Instructions put into the conversation are the server's business, not something that was said.
  if (item.role === "system") item.kind = "hidden";
  if (item.role === "user" && !item.spoken) item.status = "done";
  return insert(state, item, previous);
}

/** @param {Transcript} given @param {Item} item @param {string|null|undefined} previous @returns {Transcript} */
function insert(given, item, previous) {
  const known = given.items[item.id];
  // The line between two calls is drawn when the second one has something to show.
  const state = known || given.isDivided ? given : { ...note(given, "note_new_call", ""), isDivided: true };
  const placed = {
    ...item,
    previous: previous === undefined ? item.previous : previous,
    anchor: known ? known.anchor : (state.order.at(-1) ?? null),
    root: known ? known.root : state.base,
    arrival: known ? known.arrival : state.arrivals,
  };
  const items = { ...state.items, [item.id]: placed };
  const moved = !known || known.previous !== placed.previous;
  return { ...state, items, arrivals: state.arrivals + (known ? 0 : 1), order: moved ? ordered(items) : state.order };
}

/** @param {Transcript} state @param {string|null} except @returns {Transcript} */
function dropUnfinishedHearing(state, except) {
  let next = state;
  for (const item of Object.values(state.items)) {
    if (item.status === "hearing" && item.id !== except) next = change(next, item.id, () => ({ kind: "hidden", status: "done" }));
  }
  return next;
}

// ── text ────────────────────────────────────────────────────────────────────────────────────────────────────────

/** @param {Transcript} state @param {string} id @param {Item["role"]} role */
function known(state, id, role) {
  return state.items[id] ? state : insert(state, blank(id, role), undefined);
}

/** @param {Transcript} state @param {string} id @param {(item: Item) => Partial<Item>|null|undefined} how @returns {Transcript} */
function change(state, id, how) {
  const item = state.items[id];
  if (!item) return state;
  const news = how(item);
  return news ? { ...state, items: { ...state.items, [id]: { ...item, ...news } } } : state;
}

/** @param {Transcript} state @param {any} event @param {Item["role"]} role */
function append(state, event, role) {
  return change(known(state, event.item_id, role), event.item_id, (item) => {
    const index = event.content_index ?? 0;
    const part = item.parts[index] ?? { text: "", final: false, heard: null };
    if (part.final) return null; // a straggler after the final text
    return {
      responseId: event.response_id ?? item.responseId,
      parts: { ...item.parts, [index]: { ...part, text: part.text + String(event.delta ?? "") } },
    };
  });
}

/**
 * The final text of one part. When it is shorter than what had streamed and begins alike, the server kept only what was
 * heard: the rest is shown as cut off.
 * @param {Transcript} state @param {any} event @param {unknown} text @param {Item["role"]} role @param {Item["status"]|null} status
 */
function settleText(state, event, text, role, status) {
  return change(known(state, event.item_id, role), event.item_id, (item) => {
    const index = event.content_index ?? 0;
    return {
      responseId: event.response_id ?? item.responseId,
      status: status ?? item.status,
      parts: { ...item.parts, [index]: settled(item.parts[index], text, role) },
    };
  });
}

/** @param {Part|undefined} part @param {unknown} text @param {Item["role"]} role @returns {Part} */
function settled(part, text, role) {
  const streamed = part ?? { text: "", final: false, heard: null };
  if (typeof text !== "string") return { ...streamed, final: true };
  const isShorter = role === "assistant" && text.length < streamed.text.trimEnd().length && streamed.text.startsWith(text);
  return isShorter ? { ...streamed, final: true, heard: text } : { ...streamed, text, final: true };
}

/** @param {Transcript} state @param {string} id */
function spoken(state, id) {
  return state.items[id]?.spoken ? state : change(state, id, () => ({ spoken: true }));
}

/** @param {Transcript} state @param {any} wire */
function finish(state, wire) {
  return change(state, wire?.id, (item) => {
    const parts = { ...item.parts };
    for (const [index, part] of (wire.content ?? []).entries()) {
      const text = part.text ?? part.transcript;
      if (item.role === "assistant" && typeof text === "string") parts[index] = settled(parts[index], text, item.role);
    }
    const waitsForWords = item.role === "user" && item.spoken && item.status === "open";
    const interrupted = item.interrupted || (item.role === "assistant" && wire.status === "incomplete");
    return { parts, status: waitsForWords || item.status === "failed" ? item.status : "done", interrupted };
  });
}

// ── what was heard ──────────────────────────────────────────────────────────────────────────────────────────────

/**
 * The wire tells how many milliseconds were heard, not which words: the place is estimated by the pace of speech and set
 * to the end of a word. A server that shortened the text itself has been believed already (`settled`).
 * @param {Transcript} state @param {string} id @param {number} index @param {number} heardMs
 */
function cutByTime(state, id, index, heardMs) {
  return change(state, id, (item) => {
    const part = item.parts[index];
    if (!part || part.heard !== null) return { interrupted: true };
    const guess = Math.round((heardMs / 1000) * state.pace);
    return { interrupted: true, parts: { ...item.parts, [index]: { ...part, heard: wholeWords(part.text, guess) } } };
  });
}

/** @param {string} text @param {number} length */
function wholeWords(text, length) {
  if (length <= 0) return "";
  if (length >= text.length) return text;
  const end = text.slice(length).search(/\s/);
  return end < 0 ? text : text.slice(0, length + end);
}

/** @param {Transcript} state @param {any} event @param {number} at @returns {Transcript} */
function heardToTheEnd(state, event, at) {
  const playing = state.playing;
  /** @type {Transcript} */
  const quiet = { ...state, playing: null };
  if (!playing || playing.responseId !== event.response_id) return quiet;
  const said = Object.values(state.items).filter((item) => item.responseId === event.response_id && item.spoken);
  const letters = said.reduce((sum, item) => sum + textOf(item).length, 0);
  const seconds = (at - playing.at) / 1000;
  if (letters < 20 || seconds < 1) return quiet;
  return { ...quiet, pace: Math.min(30, Math.max(6, letters / seconds)) };
}

/**
 * Nothing more will come for what was still open.
 * @param {Transcript} state @returns {Transcript}
 */
function callOver(state) {
  /** @type {Transcript} */
  let next = { ...dropUnfinishedHearing(state, null), playing: null };
  for (const item of Object.values(next.items)) {
    if (item.status !== "open") continue;
    const isEmpty = textOf(item) === "" && item.image === null && item.kind === "message";
    next = change(next, item.id, () => ({ status: "done", kind: isEmpty ? "hidden" : item.kind }));
  }
  return next;
}

// ── responses, tools, notes ─────────────────────────────────────────────────────────────────────────────────────

/** @param {Transcript} state @param {any} event */
function ofResponse(state, event) {
  return change(state, event.item?.id, (item) => (item.responseId ? null : { responseId: event.response_id ?? null }));
}

/** @param {Transcript} state @param {string} responseId @param {(item: Item) => Partial<Item>} how */
function ofEachItem(state, responseId, how) {
  let next = state;
  for (const item of Object.values(state.items)) {
    if (responseId && item.responseId === responseId) next = change(next, item.id, how);
  }
  return next;
}

/** @param {Transcript} state @param {any} event @param {number} at */
function responseDone(state, event, at) {
  const response = event.response ?? {};
  let next = state;
  for (const wire of response.output ?? []) next = finish(ofResponse(place(next, wire, undefined, at), { item: wire, response_id: response.id }), wire);
  const cancelled = response.status === "cancelled";
  next = ofEachItem(next, response.id, (item) => ({ status: "done", interrupted: item.interrupted || (cancelled && item.kind === "message") }));
  if (response.status === "failed") return note(next, "note_failed", String(response.status_details?.error?.message ?? ""));
  if (response.status === "incomplete") return note(next, "note_incomplete", "");
  return next;
}

/** @param {Transcript} state @param {any} wire @param {string|null|undefined} previous @param {number} at */
function outputOf(state, wire, previous, at) {
  const hidden = insert(state, { ...(state.items[wire.id] ?? blank(wire.id, "assistant")), kind: "hidden" }, previous);
  const call = Object.values(hidden.items).find((item) => item.tool && item.tool.callId === wire.call_id);
  if (!call?.tool) return hidden;
  const tool = { ...call.tool, output: String(wire.output ?? ""), endedAt: call.tool.endedAt ?? at };
  return change(hidden, call.id, () => ({ tool, status: "done" }));
}

/** @param {Transcript} state @param {string} key @param {string} detail @returns {Transcript} */
function note(state, key, detail) {
  const anchor = state.order.at(-1) ?? null;
  const entry = { id: `note-${state.arrivals}`, kind: /** @type {const} */ ("note"), key, detail, anchor, arrival: state.arrivals };
  return { ...state, arrivals: state.arrivals + 1, notes: [...state.notes, entry].slice(-MOST_NOTES) };
}

/** @param {Transcript} state @returns {Transcript} */
function bounded(state) {
  if (state.order.length <= MOST_ITEMS) return state;
  const kept = new Set(state.order.slice(-KEPT_ITEMS));
  const items = Object.fromEntries(Object.entries(state.items).filter(([id]) => kept.has(id)));
  const first = state.order[state.order.length - KEPT_ITEMS];
  items[first] = { ...items[first], previous: null };
  const notes = state.notes.filter((entry) => entry.anchor !== null && kept.has(entry.anchor));
  return { ...state, items, notes, order: ordered(items) };
}
