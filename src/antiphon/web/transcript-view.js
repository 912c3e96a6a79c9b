// @ts-check
/** Draws the transcript: one list entry for each item, redrawn only when that item changed. Not here: what the text is. */
/** @typedef {import("./entries.js").ChatMessage} ChatMessage */
import { element } from "./page.js";
import { language, word } from "./words.js";

const NEAR_END = 56; // pixels from the end within which the reader is taken to follow

export class TranscriptView {
  /** @type {Map<string, {node: HTMLLIElement, entry: object}>} */ #drawn = new Map();
  /** @type {Map<HTMLElement, number>} where a running tool's time stands, and since when it runs */ #running = new Map();
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

  /** @param {readonly ChatMessage[]} entries  in order; one that did not change is the same object */
  draw(entries) {
    const present = new Set(entries.map((entry) => entry.id));
    for (const [id, { node }] of this.#drawn) {
      if (present.has(id)) continue;
      node.remove();
      this.#drawn.delete(id);
      this.announced.delete(id); // another call may have an item of that name
    }
    for (const place of this.#running.keys()) if (!place.isConnected) this.#running.delete(place);
    let place = this.list.firstElementChild;
    for (const entry of entries) {
      const node = this.#nodeOf(entry);
      if (node === place) place = place.nextElementSibling;
      else this.list.insertBefore(node, place);
    }
    this.#follow();
  }

  /** The language changed: every word is drawn anew. @param {readonly ChatMessage[]} entries */
  redraw(entries) {
    this.#drawn.clear();
    this.list.replaceChildren();
    this.draw(entries);
  }

  /** Time passed: tools that run show for how long. */
  beat() {
    for (const [place, startedAt] of this.#running) {
      const shown = secondsOf(performance.timeOrigin + performance.now() - startedAt, 0);
      if (place.textContent !== shown) place.textContent = shown;
    }
  }

  followAgain() {
    this.#isFollowing = true;
    this.#follow();
  }

  #follow() {
    if (this.#isFollowing) this.list.scrollTop = this.list.scrollHeight;
  }

  /** @param {ChatMessage} entry */
  #nodeOf(entry) {
    const drawn = this.#drawn.get(entry.id);
    if (drawn?.entry === entry) return drawn.node;
    const node = drawn?.node ?? document.createElement("li");
    if (entry.type === "ui" || entry.role === "system") drawNote(node, entry);
    else if (entry.type === "tool") this.#drawTool(node, entry);
    else {
      drawSpeech(node, entry, () => this.#follow());
      this.#announceOnce(entry);
    }
    this.#drawn.set(entry.id, { node, entry });
    return node;
  }

  /** @param {HTMLElement} node @param {ChatMessage} message */
  #drawTool(node, { tool }) {
    if (!tool) return;
    for (const place of this.#running.keys()) if (node.contains(place)) this.#running.delete(place);
    const place = drawTool(node, tool);
    if (tool.ended_at === null) this.#running.set(place, tool.started_at);
  }

  /** @param {ChatMessage} message  those of earlier calls have been said under another id */
  #announceOnce({ id, role, status, text }) {
    if (status === "hearing" || status === "streaming" || text === "" || this.announced.has(id) || id.startsWith("earlier")) return;
    this.announced.add(id);
    this.announce(`${role === "user" ? word("you") : "Antiphon"}: ${text}`);
  }
}

/**
 * @param {HTMLElement} node
 * @param {ChatMessage} message
 * @param {() => void} onGrow  a picture has taken its place
 */
function drawSpeech(node, message, onGrow) {
  const { role, status, text, images, problem } = message;
  const isYours = role === "user";
  node.className = `speech ${isYours ? "speech-yours" : "speech-theirs"}`;
  node.dataset.item = message.id;
  /** @type {HTMLElement[]} */
  const lines = [element("p", "speech-name", isYours ? word("you") : "Antiphon")];
  const shown = [...node.querySelectorAll("img")];
  images.forEach((source, index) => lines.push(shown[index] ?? photo(source, onGrow))); // a picture that is loaded again flickers

  const words = element("p", "speech-text");
  for (const part of message.parts) {
    if (words.childNodes.length > 0) words.append(" ");
    words.append(part.heard ?? part.text);
    const unheard = part.heard === null ? "" : part.text.slice(part.heard.length);
    if (unheard.trim() === "") continue;
    const cut = element("del", "", unheard);
    cut.title = word("cut_title");
    words.append(cut);
  }
  if (status === "streaming" || status === "hearing") words.append(element("span", "caret"));
  if (words.childNodes.length > 0) lines.push(words);

  if (message.is_interrupted || (status === "cancelled" && !isYours)) lines.push(element("p", "speech-aside", word("interrupted")));
  if (status === "done" && isYours && images.length === 0 && text === "") lines.push(element("p", "speech-aside", word("no_words")));
  if (status === "failed") {
    const what = word(isYours ? (message.is_spoken ? "not_recognised" : "not_sent") : "note_failed");
    lines.push(element("p", "speech-problem", problem ? `${what} ${problem}` : what));
  } else if (problem !== null && !isYours) lines.push(element("p", "speech-aside", word("note_incomplete")));
  node.replaceChildren(...lines);
}

/** @param {string} source @param {() => void} onGrow */
function photo(source, onGrow) {
  const image = document.createElement("img");
  image.className = "speech-photo";
  image.alt = word("photo_yours");
  image.addEventListener("load", onGrow, { once: true });
  // Only what travels inside the event is shown: no server can make this page fetch a picture from elsewhere.
  if (source.startsWith("data:image/")) image.src = source;
  return image;
}

/** @param {number} ms @param {number} digits */
function secondsOf(ms, digits) {
  const number = new Intl.NumberFormat(language(), { maximumFractionDigits: digits, minimumFractionDigits: digits });
  return `${number.format(Math.max(0, ms) / 1000)} ${word("seconds")}`;
}

/** @param {HTMLElement} node @param {NonNullable<ChatMessage["tool"]>} tool @returns {HTMLElement} where its time stands */
function drawTool(node, tool) {
  const wasOpen = node.querySelector("details")?.open ?? false;
  node.className = isFailure(tool.output) ? "tool tool-failed" : "tool";
  const details = document.createElement("details");
  details.open = wasOpen;
  const summary = document.createElement("summary");
  const result = tool.output === null ? word("tool_running") : tool.output;
  summary.append(element("span", "tool-sign"), element("span", "tool-line", `${tool.name}(${argumentsLine(tool.text)}) → ${result}`));
  if (tool.output === null) summary.append(element("span", "caret"));
  const time = element("span", "tool-time", tool.ended_at === null ? "" : secondsOf(tool.ended_at - tool.started_at, 1));
  summary.append(time);
  const list = document.createElement("dl");
  list.append(element("dt", "", word("tool_arguments")), valueLine(tool.text));
  if (tool.output !== null) list.append(element("dt", "", word("tool_result")), valueLine(tool.output));
  details.append(summary, list);
  node.replaceChildren(details);
  return time;
}

/** What a tool answers when it did not work: an object that says so. @param {string|null} output */
function isFailure(output) {
  try {
    return Boolean(JSON.parse(output ?? "")?.error);
  } catch {
    return false;
  }
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

/** @param {HTMLElement} node @param {ChatMessage} message */
function drawNote(node, { payload, text }) {
  node.className = payload?.key === "note_error" ? "note note-bad" : "note";
  node.textContent = payload?.key ? [word(payload.key), payload.detail].filter(Boolean).join(" ") : text;
}
