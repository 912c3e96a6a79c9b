// @ts-check
/** The panel of the conversation at hand: finding words in it, copying and saving it. Not here: the transcript itself. */
import { Find } from "./find.js";
import { byId } from "./page.js";
import { language, word } from "./words.js";
import { clock, copyText, saveText, toJson, toMarkdown } from "./written.js";

const SAID_MS = 1600;
const LEAST = 0.001; // dollars that are shown
const TOKENS = ["text_in", "audio_in", "image_in", "cached_text_in", "cached_audio_in", "cached_image_in", "text_out", "audio_out"];

export class ConversationPanel {
  #lasted = "";

  /**
   * @param {() => import("./archive.js").PastConversation} conversation  as it is now
   * @param {(key: string) => void} onProblem
   */
  constructor(conversation, onProblem) {
    this.conversation = conversation;
    this.input = /** @type {HTMLInputElement} */ (byId("find"));
    this.find = new Find(byId("transcript"));
    this.input.addEventListener("input", () => {
      this.find.seek(this.input.value);
      this.#count();
    });
    this.input.addEventListener("keydown", (event) => {
      if (event.key === "Enter") this.#step(event.shiftKey ? 1 : -1);
      else if (event.key === "Escape") {
        event.stopPropagation(); // closes the search, not the answer's mouth
        this.#close();
      } else return;
      event.preventDefault();
    });
    byId("find-previous").addEventListener("click", () => this.#step(-1));
    byId("find-next").addEventListener("click", () => this.#step(1));
    byId("find-close").addEventListener("click", () => this.#close());
    byId("copy").addEventListener("click", async () => {
      if (await copyText(toMarkdown(this.conversation().entries))) this.#say(byId("copy"), "copied", "copy");
      else onProblem("copy_refused");
    });
    byId("save-markdown").addEventListener("click", () => saveText(toMarkdown(conversation().entries), "md", conversation().startedAt));
    byId("save-json").addEventListener("click", () => saveText(toJson(conversation()), "json", conversation().startedAt));
  }

  /** Finding begins, or goes on. */
  focus() {
    byId("find-bar").hidden = false;
    this.input.focus();
    this.input.select();
  }

  #close() {
    this.input.value = "";
    this.find.seek("");
    this.#count();
    byId("find-bar").hidden = true;
    byId("transcript").focus({ preventScroll: true });
  }

  /** The transcript was drawn anew. */
  drawn() {
    if (this.input.value === "") return;
    this.find.again();
    this.#count();
  }

  /**
   * How long it has lasted and what it has cost; where no price is known, what was used.
   * @param {import("./usage.js").UsageMeter} usage @param {number|null} seconds  null: not in a call
   */
  cost(usage, seconds) {
    const money = new Intl.NumberFormat(language(), { style: "currency", currency: "USD", maximumFractionDigits: 3 });
    const count = new Intl.NumberFormat(language());
    const { total, cost } = usage;
    const tokens = TOKENS.reduce((sum, name) => sum + total[name], 0);
    const price = (/** @type {number} */ sum) => (sum > 0 && sum < LEAST ? `< ${money.format(LEAST)}` : money.format(sum));
    const used = tokens === 0 ? "" : cost === null ? `${word("cost_tokens")}: ${count.format(tokens)}` : price(cost);
    const parts = [seconds === null ? this.#lasted : clock(seconds), used].filter((part) => part !== "");
    if (seconds !== null) this.#lasted = clock(seconds);
    byId("cost").textContent = parts.length > 0 ? `${word("cost")}: ${parts.join(" · ")}` : "";
  }

  /** @param {1|-1} direction */
  #step(direction) {
    this.find.step(direction);
    this.#count();
  }

  #count() {
    const { place, count } = this.find;
    byId("find-count").textContent = this.input.value.trim() === "" ? "" : count === 0 ? word("find_none") : `${place}/${count}`;
  }

  /** @param {HTMLElement} button @param {string} now @param {string} then */
  #say(button, now, then) {
    button.textContent = word(now);
    setTimeout(() => (button.textContent = word(then)), SAID_MS);
  }
}
