// @ts-check
/** A conversation as a text to keep: Markdown and JSON, onto the clipboard or into a file. Words are in the page's language. */
import { codeBlock, codeSpan, escaped, marked } from "./markdown.js";
import { word } from "./words.js";

/** @typedef {import("./archive.js").PastEntry} PastEntry */

/** @param {readonly PastEntry[]} entries */
export function toMarkdown(entries) {
  return entries.map(paragraphOf).filter((paragraph) => paragraph !== "").join("\n\n").concat("\n");
}

/** @param {import("./archive.js").PastConversation} conversation */
export function toJson(conversation) {
  const { startedAt, endedAt, entries } = conversation;
  const kept = { started_at: new Date(startedAt).toISOString(), ended_at: new Date(endedAt).toISOString(), messages: entries };
  return `${JSON.stringify(kept, null, 2)}\n`;
}

/** @param {string} text @returns {Promise<boolean>} false: the browser refused */
export async function copyText(text) {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    return false;
  }
}

/** @param {string} text @param {"md"|"json"|"jsonl"} kind @param {number} startedAt  unix milliseconds */
export function saveText(text, kind, startedAt) {
  const types = { md: "text/markdown", json: "application/json", jsonl: "application/jsonl" };
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob([text], { type: `${types[kind]};charset=utf-8` }));
  link.download = `antiphon-${new Date(startedAt).toISOString().slice(0, 16).replaceAll(":", "-")}.${kind}`;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
}

/** @param {PastEntry} entry */
function paragraphOf(entry) {
  if (entry.tool) return toolParagraph(entry.tool);
  if (entry.role === "system" || entry.role === "note") return marked(entry.text, "*");
  const lines = [];
  if (entry.image) lines.push(`*[${word("photo_yours")}]*`);
  const unheard = entry.heard === null ? "" : entry.text.slice(entry.heard.length);
  lines.push(escaped(entry.heard ?? entry.text), marked(unheard, "~~"));
  if (entry.is_interrupted) lines.push(`*(${word("interrupted")})*`);
  const said = lines.filter((line) => line !== "").join(" ");
  return said === "" ? "" : `**${entry.role === "user" ? word("you") : "Antiphon"}:** ${said}`;
}

/** @param {{name: string, arguments: string, output: string|null}} tool */
function toolParagraph({ name, arguments: given, output }) {
  const call = codeSpan(`${name}(${given})`.replace(/\s*[\r\n]\s*/g, " "));
  if (output === null) return `> ${call}`;
  if (!/[\r\n]/.test(output)) return `> ${call} → ${codeSpan(output === "" ? '""' : output)}`;
  return [`${call} →`, "", ...codeBlock(output).split("\n")].map((line) => `> ${line}`.trimEnd()).join("\n");
}

/** 3:41, or 1:03:41. @param {number} seconds */
export function clock(seconds) {
  const whole = Math.max(0, Math.round(seconds));
  const [hours, minutes, rest] = [Math.floor(whole / 3600), Math.floor(whole / 60) % 60, whole % 60];
  const padded = (/** @type {number} */ number) => String(number).padStart(2, "0");
  return hours > 0 ? `${hours}:${padded(minutes)}:${padded(rest)}` : `${minutes}:${padded(rest)}`;
}
