// @ts-check
/**
 * Finding words in the transcript: every match is marked, one of them is the current one. Matches are painted by the
 * browser (CSS custom highlights), so that the transcript itself is not touched; where it cannot, the current one is only
 * scrolled to. Not here: the transcript, the buttons.
 */

const MOST_MATCHES = 1000;

export class Find {
  /** @type {Range[]} */ #matches = [];
  #current = -1;
  #sought = "";

  /** @param {HTMLElement} list  where to look */
  constructor(list) {
    this.list = list;
  }

  get count() { return this.#matches.length; }
  /** The place of the current match, from 1; 0 without any. */
  get place() { return this.#current + 1; }

  /** @param {string} sought  empty: marks nothing */
  seek(sought) {
    this.#sought = sought.trim().toLocaleLowerCase();
    this.#matches = this.#sought === "" ? [] : [...matchesIn(this.list, this.#sought)];
    this.#current = this.#matches.length - 1; // the newest words are what one usually looks for
    this.#show();
  }

  /** The transcript has changed. */
  again() {
    if (this.#sought === "") return;
    const current = this.#current;
    this.#matches = [...matchesIn(this.list, this.#sought)];
    this.#current = Math.min(current, this.#matches.length - 1);
    this.#paint();
  }

  /** @param {1|-1} direction */
  step(direction) {
    if (this.#matches.length === 0) return;
    this.#current = (this.#current + direction + this.#matches.length) % this.#matches.length;
    this.#show();
  }

  #show() {
    this.#paint();
    const match = this.#matches[this.#current];
    match?.startContainer.parentElement?.closest("li")?.scrollIntoView({ block: "center" });
  }

  #paint() {
    if (!("highlights" in CSS)) return;
    const current = this.#matches[this.#current];
    CSS.highlights.set("found", new Highlight(...this.#matches.filter((match) => match !== current)));
    CSS.highlights.set("found-now", new Highlight(...(current ? [current] : [])));
  }
}

/** @param {HTMLElement} list @param {string} sought */
function* matchesIn(list, sought) {
  const walker = document.createTreeWalker(list, NodeFilter.SHOW_TEXT, (node) =>
    (node.parentElement?.closest(".speech-name") ? NodeFilter.FILTER_REJECT : NodeFilter.FILTER_ACCEPT)); // who said it is not what was said
  let found = 0;
  for (let node = walker.nextNode(); node !== null; node = walker.nextNode()) {
    const text = (node.nodeValue ?? "").toLocaleLowerCase();
    if (text.length !== node.nodeValue?.length) continue; // a letter that is two in lower case would shift every place
    for (let at = text.indexOf(sought); at >= 0; at = text.indexOf(sought, at + sought.length)) {
      if (found++ >= MOST_MATCHES) return;
      const range = document.createRange();
      range.setStart(node, at);
      range.setEnd(node, at + sought.length);
      yield range;
    }
  }
}
