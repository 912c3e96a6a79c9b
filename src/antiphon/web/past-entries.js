// @ts-check
/** The transcript as one keeps it, in plain values: for the archive and for texts. Not here: where it is kept. */
import { word } from "./words.js";

/**
 * @param {readonly import("./entries.js").ChatMessage[]} messages
 * @returns {import("./archive.js").PastEntry[]}
 */
export function pastEntries(messages) {
  return messages.map(({ type, role, text, status, heard, images, tool, payload, is_interrupted: isInterrupted }) => ({
    role: type === "ui" ? "note" : type === "tool" ? "assistant" : role,
    text: type === "ui" && payload?.key ? [word(payload.key), payload.detail].filter(Boolean).join(" ") : text,
    heard,
    image: images[0] ?? null,
    tool: tool && { name: tool.name, arguments: tool.text, output: tool.output },
    is_interrupted: isInterrupted || (status === "cancelled" && role !== "user"),
  }));
}
