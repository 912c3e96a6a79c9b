// @ts-check
/** The event log on the screen: only the rows that are seen exist. Keys: arrows, Home, End, Page Up and Down, Enter. */
import { bytes, clock, isProblem, wordsOf } from "./log.js";

/** @typedef {import("./log.js").Row} Row */

const ARROWS = { in: "↓", out: "↑", note: "·" };
const SIDES = { in: "server", out: "caller", note: "note" };
const MARGIN = 8;

export class LogView {
  /** @type {HTMLElement} */ #box;
  /** @type {HTMLElement} */ #space;
  /** @type {Row[]} */ #rows = [];
  /** @type {Row|null} */ #chosen = null;
  /** @type {(row: Row|null) => void} */ #onChosen;
  /** @type {() => void} */ #onLeftEnd;
  #isFollowing = true;
  #endTop = 0;
  #isDue = false;

  /**
   * @param {HTMLElement} box @param {HTMLElement} space  an empty element in it, as high as all rows would be
   * @param {(row: Row|null) => void} onChosen @param {() => void} onLeftEnd  scrolled away from the end by hand
   */
  constructor(box, space, onChosen, onLeftEnd) {
    this.#box = box;
    this.#space = space;
    this.#onChosen = onChosen;
    this.#onLeftEnd = onLeftEnd;
    box.addEventListener("scroll", () => {
      // Up by hand: neither more rows nor another height of the box do that.
      const end = Math.min(this.#endTop, box.scrollHeight - box.clientHeight);
      if (this.#isFollowing && box.scrollTop < end - 4) this.#onLeftEnd();
      this.drawSoon();
    }, { passive: true });
    box.addEventListener("click", (event) => {
      // By place: the row that was pressed may have been drawn anew meanwhile.
      const y = event.clientY - box.getBoundingClientRect().top + box.scrollTop;
      const index = Math.floor(y / this.#height);
      if (index < this.#rows.length) this.choose(index);
    });
    box.addEventListener("keydown", (event) => this.#onKey(event));
    new ResizeObserver(() => this.drawSoon()).observe(box);
  }

  get #height() {
    return parseFloat(getComputedStyle(this.#box).getPropertyValue("--row")) || 30;
  }

  /** @param {Row[]} rows */
  show(rows) {
    if (rows.length < this.#rows.length) this.#endTop = 0; // fewer rows scroll up by themselves
    this.#rows = rows;
    if (this.#chosen && !rows.includes(this.#chosen)) {
      const number = this.#chosen.entries[0].number;
      this.#chosen = rows.find((row) => row.entries.some((entry) => entry.number === number)) ?? null;
      if (this.#chosen === null) this.#onChosen(null);
    }
    this.drawSoon();
  }

  /** @param {boolean} isFollowing */
  follow(isFollowing) {
    this.#isFollowing = isFollowing;
    this.#endTop = 0;
    this.drawSoon();
  }

  clearChoice() {
    this.#chosen = null;
    this.drawSoon();
  }

  /** @param {number} index */
  choose(index) {
    const row = this.#rows[Math.max(0, Math.min(index, this.#rows.length - 1))];
    if (!row) return;
    this.#chosen = row;
    const height = this.#height;
    const top = this.#rows.indexOf(row) * height;
    if (top < this.#box.scrollTop) this.#box.scrollTop = top;
    else if (top + height > this.#box.scrollTop + this.#box.clientHeight) this.#box.scrollTop = top + height - this.#box.clientHeight;
    this.#onChosen(row);
    this.drawSoon();
  }

  drawSoon() {
    if (this.#isDue) return;
    this.#isDue = true;
    requestAnimationFrame(() => {
      this.#isDue = false;
      this.#draw();
    });
  }

  /** @param {KeyboardEvent} event */
  #onKey(event) {
    const at = this.#chosen ? this.#rows.indexOf(this.#chosen) : -1;
    const page = Math.max(1, Math.floor(this.#box.clientHeight / this.#height) - 1);
    const to = { ArrowDown: at + 1, ArrowUp: at - 1, PageDown: at + page, PageUp: at - page, Home: 0, End: this.#rows.length - 1 }[event.key];
    if (to === undefined || event.metaKey || event.ctrlKey || event.altKey) return;
    event.preventDefault();
    this.choose(Math.max(0, to));
  }

  #draw() {
    const height = this.#height;
    this.#space.style.height = `${this.#rows.length * height}px`;
    if (this.#isFollowing) {
      this.#box.scrollTop = this.#box.scrollHeight;
      this.#endTop = this.#box.scrollTop;
    }
    const first = Math.max(0, Math.floor(this.#box.scrollTop / height) - MARGIN);
    const last = Math.min(this.#rows.length, Math.ceil((this.#box.scrollTop + this.#box.clientHeight) / height) + MARGIN);
    const drawn = [];
    for (let index = first; index < last; index += 1) drawn.push(this.#row(this.#rows[index], index, height));
    this.#space.replaceChildren(...drawn);
    const chosen = this.#chosen ? this.#rows.indexOf(this.#chosen) : -1;
    if (chosen >= first && chosen < last) this.#box.setAttribute("aria-activedescendant", `row-${chosen}`);
    else this.#box.removeAttribute("aria-activedescendant");
  }

  /** @param {Row} row @param {number} index @param {number} height */
  #row(row, index, height) {
    const element = document.createElement("div");
    element.className = "row";
    element.id = `row-${index}`;
    element.dataset.index = String(index);
    element.dataset.dir = row.dir;
    if (row.entries.some(isProblem)) element.dataset.bad = "";
    element.setAttribute("role", "option");
    element.setAttribute("aria-selected", String(row === this.#chosen));
    element.setAttribute("aria-setsize", String(this.#rows.length));
    element.setAttribute("aria-posinset", String(index + 1));
    element.style.top = `${index * height}px`;
    const arrow = cell("row-dir", ARROWS[row.dir]);
    arrow.setAttribute("aria-label", SIDES[row.dir]);
    arrow.setAttribute("role", "img");
    const type = cell("row-type", row.type);
    if (row.entries.length > 1) type.append(cell("row-times", ` ×${row.entries.length}`));
    element.append(cell("row-time figures", clock(row.t)), arrow, type, cell("row-words", wordsOf(row)), cell("row-size figures", row.size ? bytes(row.size) : ""));
    return element;
  }
}

/** @param {string} className @param {string} text */
function cell(className, text) {
  const element = document.createElement("span");
  element.className = className;
  element.textContent = text;
  return element;
}
