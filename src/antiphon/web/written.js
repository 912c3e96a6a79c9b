// @ts-check
/** A conversation as a text to keep: Markdown and JSON, onto the clipboard or into a file. Words are in the page's language. */
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
  if (entry.tool) {
    const output = entry.tool.output === null ? "" : ` → \`${entry.tool.output}\``;
    return `> \`${entry.tool.name}(${entry.tool.arguments})\`${output}`;
  }
  const lines = [];
  if (entry.image) lines.push(`*[${word("photo")}]*`);
  const said = entry.heard ?? entry.text;
  const unheard = entry.heard === null ? "" : entry.text.slice(entry.heard.length).trim();
  if (said.trim() !== "") lines.push(said.trim());
  if (unheard !== "") lines.push(`~~${unheard}~~`);
  return lines.length === 0 ? "" : `**${entry.role === "user" ? word("you") : "Antiphon"}:** ${lines.join(" ")}`;
}

/** 3:41, or 1:03:41. @param {number} seconds */
export function clock(seconds) {
  const whole = Math.max(0, Math.round(seconds));
  const [hours, minutes, rest] = [Math.floor(whole / 3600), Math.floor(whole / 60) % 60, whole % 60];
  const padded = (/** @type {number} */ number) => String(number).padStart(2, "0");
  return hours > 0 ? `${hours}:${padded(minutes)}:${padded(rest)}` : `${minutes}:${padded(rest)}`;
}
