// @ts-check
/** Draws the transcript: one list entry for each item, redrawn only when that item changed. Not here: what the text is. */
import { entriesOf, partsOf, textOf } from "./transcript.js";
import { language, word } from "./words.js";

const NEAR_END = 56; // pixels from the end within which the reader is taken to follow

export class TranscriptView {
  /** @type {Map<string, {node: HTMLLIElement, entry: object}>} */ #drawn = new Map();
  #isFollowing = true;

  /**
   * @param {HTMLElement} list
   * @param {HTMLElement} newest  the button that leads back to the end
   * @param {(text: string) => void} announce  says a finished entry to screen readers
   */
  constructor(list, newest, announce) {
    this.list = list;
    this.newest = newest;
    this.announce = announce;
    this.announced = new Set();
    list.addEventListener("scroll", () => {
      this.#isFollowing = list.scrollHeight - list.scrollTop - list.clientHeight < NEAR_END;
      newest.hidden = this.#isFollowing;
    }, { passive: true });
    newest.addEventListener("click", () => this.followAgain());
    new ResizeObserver(() => this.#follow()).observe(list);
  }

  /** @param {import("./transcript.js").Transcript} transcript */
  draw(transcript) {
    const entries = entriesOf(transcript);
    const present = new Set(entries.map((entry) => entry.id));
    for (const [id, { node }] of this.#drawn) {
      if (present.has(id)) continue;
      node.remove();
      this.#drawn.delete(id);
    }
    let place = this.list.firstElementChild;
    for (const entry of entries) {
      const node = this.#nodeOf(entry);
      if (node === place) place = place.nextElementSibling;
      else this.list.insertBefore(node, place);
    }
    this.#follow();
  }

  /** The language changed: every word is drawn anew. @param {import("./transcript.js").Transcript} transcript */
  redraw(transcript) {
    this.#drawn.clear();
    this.list.replaceChildren();
    this.draw(transcript);
  }

  followAgain() {
    this.#isFollowing = true;
    this.#follow();
  }

  #follow() {
    if (this.#isFollowing) this.list.scrollTop = this.list.scrollHeight;
  }

  /** @param {import("./transcript.js").Item|import("./transcript.js").Note} entry */
  #nodeOf(entry) {
    const drawn = this.#drawn.get(entry.id);
    if (drawn?.entry === entry) return drawn.node;
    const node = drawn?.node ?? document.createElement("li");
    if (entry.kind === "note") drawNote(node, entry);
    else if (entry.kind === "tool") drawTool(node, entry);
    else {
      drawSpeech(node, /** @type {import("./transcript.js").Item} */ (entry), () => this.#follow());
      this.#announceOnce(/** @type {import("./transcript.js").Item} */ (entry));
    }
    this.#drawn.set(entry.id, { node, entry });
    return node;
  }

  /** @param {import("./transcript.js").Item} item */
  #announceOnce(item) {
    const text = textOf(item);
    if (item.status !== "done" || text === "" || this.announced.has(item.id)) return;
    this.announced.add(item.id);
    this.announce(`${item.role === "user" ? word("you") : "Antiphon"}: ${text}`);
  }
}

/**
 * @param {HTMLElement} node
 * @param {import("./transcript.js").Item} item
 * @param {() => void} onGrow  a picture has taken its place
 */
function drawSpeech(node, item, onGrow) {
  const isYours = item.role === "user";
  node.className = `speech ${isYours ? "speech-yours" : "speech-theirs"}`;
  node.dataset.item = item.id;
  /** @type {HTMLElement[]} */
  const lines = [element("p", "speech-name", isYours ? word("you") : "Antiphon")];
  if (item.image) lines.push(photoIn(node, item.image, onGrow));

  const words = element("p", "speech-text");
  for (const part of partsOf(item)) {
    if (words.childNodes.length > 0) words.append(" ");
    words.append(part.heard ?? part.text);
    const unheard = part.heard === null ? "" : part.text.slice(part.heard.length);
    if (unheard.trim() !== "") {
      const cut = element("del", "", unheard);
      cut.title = word("cut_title");
      words.append(cut);
    }
  }
  const isWaiting = item.status === "open" || item.status === "hearing";
  if (isWaiting) words.append(element("span", "caret"));
  if (words.childNodes.length > 0) lines.push(words);

  if (item.interrupted) lines.push(element("p", "speech-aside", word("interrupted")));
  if (item.status === "done" && isYours && !item.image && textOf(item) === "") lines.push(element("p", "speech-aside", word("no_words")));
  if (item.status === "failed") {
    const what = word(item.spoken ? "not_recognised" : "not_sent");
    lines.push(element("p", "speech-problem", item.problem ? `${what} ${item.problem}` : what));
  }
  node.replaceChildren(...lines);
}

/** @param {HTMLElement} node @param {string} source @param {() => void} onGrow */
function photoIn(node, source, onGrow) {
  const shown = node.querySelector("img");
  if (shown) return shown; // the same element: a picture that is loaded again flickers
  const image = document.createElement("img");
  image.className = "speech-photo";
  image.alt = word("photo_yours");
  image.addEventListener("load", onGrow, { once: true });
  // Only what travels inside the event is shown: no server can make this page fetch a picture from elsewhere.
  if (source.startsWith("data:image/")) image.src = source;
  return image;
}

/** @param {HTMLElement} node @param {import("./transcript.js").Item} item */
function drawTool(node, item) {
  const tool = item.tool;
  if (!tool) return;
  const wasOpen = node.querySelector("details")?.open ?? false;
  node.className = "tool";
  const details = document.createElement("details");
  details.open = wasOpen;
  const summary = document.createElement("summary");
  const result = tool.output === null ? word("tool_running") : tool.output;
  summary.append(element("span", "tool-sign", "⌁"), element("span", "tool-line", `${tool.name}(${argumentsLine(tool.arguments)}) → ${result}`));
  if (tool.output === null) summary.append(element("span", "caret"));
  if (tool.endedAt !== null) {
    const seconds = new Intl.NumberFormat(language(), { maximumFractionDigits: 1, minimumFractionDigits: 1 });
    summary.append(element("span", "tool-time", `${seconds.format((tool.endedAt - tool.startedAt) / 1000)} ${word("seconds")}`));
  }
  const list = document.createElement("dl");
  list.append(element("dt", "", word("tool_arguments")), valueLine(tool.arguments));
  if (tool.output !== null) list.append(element("dt", "", word("tool_result")), valueLine(tool.output));
  details.append(summary, list);
  node.replaceChildren(details);
}

/** `{"a": 2, "b": 5}` as `2, 5`; what is not whole JSON yet as it stands. @param {string} json */
function argumentsLine(json) {
  try {
    const values = JSON.parse(json);
    return Object.values(values).map((value) => (typeof value === "string" ? value : JSON.stringify(value))).join(", ");
  } catch {
    return json;
  }
}

/** @param {string} value */
function valueLine(value) {
  const line = document.createElement("dd");
  let text = value;
  try {
    text = JSON.stringify(JSON.parse(value), null, 2);
  } catch {
    // plain text is shown as it is
  }
  line.append(element("pre", "", text));
  return line;
}

/** @param {HTMLElement} node @param {import("./transcript.js").Note} note */
function drawNote(node, note) {
  node.className = "note";
  node.textContent = note.detail ? `${word(note.key)} ${note.detail}` : word(note.key);
}

/** @param {string} tag @param {string} className @param {string} [text] @returns {HTMLElement} */
export function element(tag, className, text) {
  const made = document.createElement(tag);
  if (className) made.className = className;
  if (text !== undefined) made.textContent = text;
  return made;
}
