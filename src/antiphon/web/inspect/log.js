// @ts-check
/**
 * The event log as data: lines of a trace in, rows to show out. Pure. Not here: how a row looks, where lines come from.
 *
 * @typedef {"in"|"out"|"note"} Direction  "out": the caller sent it; "in": the caller got it
 * @typedef {object} Entry  one line
 * @property {number} number
 * @property {number} size  bytes on the wire, 0 for a note
 * @property {number} t  milliseconds since the call began
 * @property {Direction} dir
 * @property {string} type  of the event, or what was noted
 * @property {any} event  what is shown as JSON
 * @property {Record<string, number>} elided  where sound or a picture was left out, and its bytes
 * @typedef {{entries: Entry[], dir: Direction, type: string, t: number, size: number}} Row  one entry, or alike ones
 * @typedef {{text: string, dirs: Record<Direction, boolean>, kind: string}} Filter
 */

const AUDIO_BYTES_PER_MS = 48;
const LONGEST = 300;
const IS_OF_KIND = /** @type {Record<string, (entry: Entry) => boolean>} */ ({
  error: (entry) => isProblem(entry),
  speech: (entry) => /audio|speech|transcri/.test(entry.type),
  response: (entry) => entry.type.startsWith("response."),
  tool: (entry) => /function_call|mcp|tool/.test(entry.type) || /function_call|mcp/.test(entry.event?.item?.type ?? ""),
  item: (entry) => entry.type.startsWith("conversation.item"),
  session: (entry) => entry.type.startsWith("session") || entry.type.startsWith("transcription_session"),
});

/** @param {[number, number, any]} told  number, size, line of the trace @returns {Entry} */
export function entryOf([number, size, line]) {
  const isNote = line.dir === "note";
  return {
    number, size, t: line.t, dir: line.dir,
    type: isNote ? line.decision : line.event?.type || ("raw" in (line.event ?? {}) ? "not JSON" : "no type"),
    event: isNote ? line.data ?? {} : line.event,
    elided: line.elided ?? {},
  };
}

/** Whether something went wrong here. @param {Entry} entry */
export function isProblem(entry) {
  const status = entry.event?.response?.status;
  return entry.type === "error" || entry.type === "not JSON" || entry.type.endsWith(".failed") || status === "failed";
}

/** @type {WeakMap<Entry, string>} */
const written = new WeakMap();

/** @param {Entry} entry @param {Filter} filter  its text in lower case */
export function matches(entry, filter) {
  if (!filter.dirs[entry.dir]) return false;
  if (filter.kind && !IS_OF_KIND[filter.kind]?.(entry)) return false;
  if (!filter.text) return true;
  let text = written.get(entry);
  if (text === undefined) written.set(entry, (text = `${entry.type} ${JSON.stringify(entry.event)}`.toLowerCase()));
  return text.includes(filter.text);
}

/** Adds what matches to the rows; alike entries in a row become one if wanted. Returns how many matched.
 * @param {Row[]} rows @param {Iterable<Entry>} entries @param {Filter} filter @param {boolean} isGrouping */
export function addRows(rows, entries, filter, isGrouping) {
  let count = 0;
  for (const entry of entries) {
    if (!matches(entry, filter)) continue;
    count += 1;
    const last = rows[rows.length - 1];
    if (isGrouping && last && last.type === entry.type && last.dir === entry.dir && repeats(entry.type) && sameItem(last.entries[0], entry)) {
      last.entries.push(entry);
      last.size += entry.size;
    } else {
      rows.push({ entries: [entry], dir: entry.dir, type: entry.type, t: entry.t, size: entry.size });
    }
  }
  return count;
}

/** @param {string} type */
function repeats(type) {
  return type.endsWith(".delta") || type === "input_audio_buffer.append";
}

/** @param {Entry} one @param {Entry} other */
function sameItem(one, other) {
  return one.event?.item_id === other.event?.item_id;
}

/** What a row says, in one line. @param {Row} row */
export function wordsOf(row) {
  const sound = row.entries.reduce((sum, entry) => sum + (entry.elided.audio ?? entry.elided.delta ?? 0), 0);
  if (sound > 0) return `${seconds(sound / AUDIO_BYTES_PER_MS)} of sound`;
  if (row.type.endsWith(".delta")) return short(row.entries.map((entry) => entry.event.delta ?? "").join(""));
  return short(sayingOf(row.entries[0]));
}

/** @param {Entry} entry @returns {string} */
function sayingOf({ type, event, dir }) {
  if (dir === "note") return Object.keys(event).length ? JSON.stringify(event) : "";
  if (type === "not JSON") return event?.raw ?? "";
  if (event.error) return event.error.message ?? event.error.code ?? "";
  if (event.item) return itemWords(event.item);
  if (event.response) return responseWords(event.response);
  if (event.session) return [event.session.model, voiceOf(event.session)].filter(Boolean).join(" · ");
  for (const name of ["transcript", "text", "arguments", "name"]) {
    if (typeof event[name] === "string" && event[name]) return name === "arguments" && event.name ? `${event.name}(${event.arguments})` : event[name];
  }
  if (typeof event.audio_end_ms === "number") return `at ${seconds(event.audio_end_ms)}`;
  if (typeof event.audio_start_ms === "number") return `at ${seconds(event.audio_start_ms)}`;
  return event.item_id ?? event.response_id ?? "";
}

/** @param {any} session */
function voiceOf(session) {
  return session.audio?.output?.voice ?? session.voice ?? "";
}

/** @param {any} item */
function itemWords(item) {
  if (item.type === "function_call") return `${item.name}(${item.arguments ?? ""})`;
  if (item.type === "function_call_output") return `→ ${item.output ?? ""}`;
  const parts = (item.content ?? []).map((/** @type {any} */ part) => part.text ?? part.transcript ?? `[${String(part.type).replace(/^(in|out)put_/, "")}]`);
  return `${item.role ?? item.type}: ${parts.join(" ")}`;
}

/** @param {any} response */
function responseWords(response) {
  const tokens = response.usage?.total_tokens;
  const why = response.status_details?.error?.message ?? response.status_details?.reason;
  return [response.status ?? "", why, tokens ? `${tokens} tokens` : ""].filter(Boolean).join(" · ");
}

/** @param {string} text */
function short(text) {
  const line = text.replace(/\s+/g, " ");
  return line.length > LONGEST ? `${line.slice(0, LONGEST)}…` : line;
}

/** @param {number} ms */
export function seconds(ms) {
  return ms < 1000 ? `${Math.round(ms)} ms` : `${(ms / 1000).toFixed(ms < 10_000 ? 2 : 1)} s`;
}

/** Since the call began: "1:02.345". @param {number} ms */
export function clock(ms) {
  const minutes = Math.floor(ms / 60_000);
  return `${minutes}:${((ms - minutes * 60_000) / 1000).toFixed(3).padStart(6, "0")}`;
}

/** @param {number} bytes */
export function bytes(bytes) {
  if (bytes < 1000) return `${bytes} B`;
  return bytes < 1_000_000 ? `${(bytes / 1000).toFixed(bytes < 10_000 ? 1 : 0)} kB` : `${(bytes / 1_000_000).toFixed(1)} MB`;
}
