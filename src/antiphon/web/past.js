// @ts-check
/** The conversations kept on this device, in a sheet: a list, and one of them to read, copy, save or forget. */
import { forgetConversation, pastConversation, pastSummaries } from "./archive.js";
import { byId, element } from "./page.js";
import { sureButton } from "./sure.js";
import { clock, copyText, saveText, toJson, toMarkdown } from "./written.js";
import { language, word } from "./words.js";

const SAID_MS = 1600;

/** @typedef {import("./archive.js").PastSummary} PastSummary */

export class PastSheet {
  /** @param {() => Promise<void>} keep  puts the conversation at hand among them first */
  constructor(keep) {
    this.dialog = /** @type {HTMLDialogElement} */ (byId("past"));
    this.box = byId("past-box");
    this.keep = keep;
  }

  open() {
    this.dialog.showModal();
    void this.keep().then(() => this.#list());
  }

  async #list() {
    /** @type {PastSummary[]} */ let found = [];
    try {
      found = await pastSummaries();
    } catch {
      this.box.replaceChildren(element("p", "past-none", word("past_unavailable")));
      return;
    }
    if (found.length === 0) {
      this.box.replaceChildren(element("p", "past-none", word("past_none")));
      return;
    }
    const when = new Intl.DateTimeFormat(language(), { dateStyle: "medium", timeStyle: "short" });
    const list = element("ul", "past-list");
    for (const conversation of found) {
      const row = element("li", "");
      const open = element("button", "past-one");
      open.setAttribute("type", "button");
      open.append(element("span", "past-first", conversation.first || word("photo_yours")), element("span", "past-when figures", `${when.format(conversation.startedAt)} · ${lengthOf(conversation)}`));
      open.addEventListener("click", () => void this.#read(conversation.id));
      row.append(open);
      list.append(row);
    }
    const hadFocus = this.box.contains(document.activeElement);
    this.box.replaceChildren(list);
    if (hadFocus) list.querySelector("button")?.focus(); // what it was on is gone
  }

  /** @param {string} id */
  async #read(id) {
    const conversation = await pastConversation(id).catch(() => null);
    if (!conversation) return this.#list(); // forgotten elsewhere meanwhile
    const { entries, startedAt } = conversation;
    const told = element("p", "past-told");
    told.setAttribute("role", "status");
    const copy = button("copy", async () => {
      const isCopied = await copyText(toMarkdown(entries));
      told.textContent = isCopied ? "" : word("copy_refused");
      if (!isCopied) return;
      copy.textContent = word("copied");
      setTimeout(() => (copy.textContent = word("copy")), SAID_MS);
    });
    copy.setAttribute("aria-live", "polite");
    const forget = sureButton("past_forget", "past_forget_sure", () => {
      forgetConversation(id).then(() => this.#list(), () => (told.textContent = word("past_unavailable")));
    });
    const tools = element("div", "past-tools");
    tools.append(
      button("past_back", () => void this.#list()),
      copy,
      button("save_markdown", () => saveText(toMarkdown(entries), "md", startedAt)),
      button("save_json", () => saveText(toJson(conversation), "json", startedAt)),
      forget,
      told,
    );
    const words = element("ol", "past-words");
    words.tabIndex = 0;
    for (const entry of entries) words.append(lineOf(entry));
    this.box.replaceChildren(tools, words);
    tools.querySelector("button")?.focus();
  }
}

/** @param {import("./archive.js").PastEntry} entry */
function lineOf(entry) {
  if (entry.tool) {
    const line = element("li", "tool");
    line.append(element("span", "tool-sign"), element("span", "tool-line", `${entry.tool.name}(${entry.tool.arguments}) → ${entry.tool.output ?? "…"}`));
    return line;
  }
  if (entry.role === "system" || entry.role === "note") return element("li", "note", entry.text);
  const isYours = entry.role === "user";
  const line = element("li", `speech ${isYours ? "speech-yours" : "speech-theirs"}`);
  line.append(element("p", "speech-name", isYours ? word("you") : "Antiphon"));
  if (entry.image?.startsWith("data:image/")) {
    const image = document.createElement("img");
    Object.assign(image, { className: "speech-photo", src: entry.image, alt: word("photo_yours") });
    line.append(image);
  }
  const words = element("p", "speech-text", entry.heard ?? entry.text);
  if (entry.heard !== null && entry.heard.length < entry.text.length) words.append(element("del", "", entry.text.slice(entry.heard.length)));
  line.append(words);
  if (entry.is_interrupted) line.append(element("p", "speech-aside", word("interrupted")));
  return line;
}

/** @param {PastSummary} conversation */
function lengthOf({ startedAt, endedAt }) {
  return clock((endedAt - startedAt) / 1000);
}

/** @param {string} key @param {() => void} run */
function button(key, run) {
  const made = element("button", "quiet", word(key));
  made.setAttribute("type", "button");
  made.addEventListener("click", run);
  return made;
}
