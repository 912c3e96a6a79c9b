// @ts-check
/** The conversations kept on this device, in a sheet: a list, and one of them to read, copy, save or forget. */
import { forgetConversation, pastConversations } from "./archive.js";
import { byId, element } from "./page.js";
import { clock, copyText, saveText, toJson, toMarkdown } from "./written.js";
import { language, word } from "./words.js";

/** @typedef {import("./archive.js").PastConversation} PastConversation */

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
    /** @type {PastConversation[]} */ let found = [];
    try {
      found = await pastConversations();
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
      const first = conversation.entries.find((entry) => entry.text !== "")?.text ?? word("photo_yours");
      open.append(element("span", "past-first", first), element("span", "past-when figures", `${when.format(conversation.startedAt)} · ${lengthOf(conversation)}`));
      open.addEventListener("click", () => this.#read(conversation));
      row.append(open);
      list.append(row);
    }
    this.box.replaceChildren(list);
  }

  /** @param {PastConversation} conversation */
  #read(conversation) {
    const tools = element("div", "past-tools");
    tools.append(
      button("past_back", () => void this.#list()),
      button("copy", () => void copyText(toMarkdown(conversation.entries))),
      button("save_markdown", () => saveText(toMarkdown(conversation.entries), "md", conversation.startedAt)),
      button("save_json", () => saveText(toJson(conversation), "json", conversation.startedAt)),
      button("past_forget", () => void forgetConversation(conversation.id).then(() => this.#list())),
    );
    const words = element("ol", "past-words");
    words.tabIndex = 0;
    for (const entry of conversation.entries) words.append(lineOf(entry));
    this.box.replaceChildren(tools, words);
    tools.querySelector("button")?.focus();
  }
}

/** @param {import("./archive.js").PastEntry} entry */
function lineOf(entry) {
  if (entry.tool) {
    const line = element("li", "tool");
    line.append(element("span", "tool-line", `⌁ ${entry.tool.name}(${entry.tool.arguments}) → ${entry.tool.output ?? "…"}`));
    return line;
  }
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
  return line;
}

/** @param {PastConversation} conversation */
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
