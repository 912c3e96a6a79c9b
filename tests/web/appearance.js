// What a machine can see wrong on a page as it stands. Run in the page by appearance.py; evaluates to the questions, each
// of which answers with complaints in words. The shadow root of the widget is looked into as well; what lies under an
// open dialog cannot be reached, and is left out.
(() => {
  const INTERACTIVE = "a[href], button, input, select, textarea, summary, audio[controls], [role=button], [tabindex='0']";
  const FIELDS = "input, textarea, select";
  /** Long texts of others, cut off on purpose: the whole of each is one tap away. */
  const INTENDED = ".tool-line, .past-first, .call-name, .call-title h2, .row > *";

  const dialog = [...document.querySelectorAll("dialog[open]")].at(-1);

  function* walk(root) {
    for (const node of root.querySelectorAll("*")) {
      yield node;
      if (node.shadowRoot) yield* walk(node.shadowRoot);
    }
  }

  /** For eyes: not what is there for screen readers only, nor what stands for a picture. */
  function isShown(node) {
    const { width, height } = node.getBoundingClientRect();
    if (width <= 1 || height <= 1 || node.closest("svg svg, [aria-hidden=true] *, .unseen")) return false;
    return node.checkVisibility({ visibilityProperty: true, opacityProperty: true });
  }

  const shown = () => [...(dialog ? [dialog] : []), ...walk(dialog ?? document)].filter(isShown);
  const textOf = (node) => (node.innerText ?? node.textContent ?? "").trim().replace(/\s+/g, " ");

  function called(node) {
    const id = node.id ? `#${node.id}` : node.name ? `[name=${node.name}]` : "";
    const classes = typeof node.className === "string" ? node.className.split(/\s+/).filter(Boolean) : [];
    const text = textOf(node).slice(0, 40);
    return [node.localName, id, ...classes.map((name) => `.${name}`)].join("") + (text ? ` “${text}”` : "");
  }

  const deepest = (x, y, root = document) => {
    const found = root.elementFromPoint(x, y);
    return found?.shadowRoot && found.shadowRoot !== root ? deepest(x, y, found.shadowRoot) : found;
  };

  /** Can be touched now: in its middle nothing else lies over it, and it is not scrolled away. */
  function isAtHand(node) {
    const { left, top, width, height } = node.getBoundingClientRect();
    return node.contains(deepest(left + width / 2, top + height / 2));
  }

  function isSticky(node) {
    for (let at = node; at; at = at.parentElement) if (getComputedStyle(at).position === "sticky") return true;
    return false;
  }

  /** What is wider than its place, or cut off by it. */
  function outOfPlace() {
    const complaints = [];
    const wide = document.documentElement.scrollWidth;
    if (wide > innerWidth) complaints.push(`the document is ${wide} px wide`);
    for (const node of shown()) {
      const text = textOf(node);
      if (text === "" || node === document.body || node.matches(`${INTENDED}, ${FIELDS}`) || node.closest("svg")) continue;
      const { left, right } = node.getBoundingClientRect();
      const { overflowX, overflowY } = getComputedStyle(node);
      const cuts = (overflow) => overflow === "hidden" || overflow === "clip";
      const isTooWide = node.scrollWidth > node.clientWidth + 1;
      const isTooHigh = node.scrollHeight > node.clientHeight + 1;
      if (node.childElementCount === 0 && (right > innerWidth + 1 || left < -1)) complaints.push(`${called(node)} sticks out of the window`);
      if (isTooWide && cuts(overflowX)) complaints.push(`${called(node)} is cut off at its side`);
      if (isTooWide && (overflowX === "auto" || overflowX === "scroll")) complaints.push(`${called(node)} scrolls sideways`);
      if (isTooHigh && cuts(overflowY)) complaints.push(`${called(node)} is cut off below`);
    }
    return complaints;
  }

  /** Buttons and the like that lie over each other. */
  function overlapping() {
    const complaints = [];
    const targets = shown().filter((node) => node.matches(`a[href], button, summary, ${FIELDS}`) && isAtHand(node));
    targets.forEach((one, at) => {
      for (const other of targets.slice(at + 1)) {
        if (one.contains(other) || other.contains(one)) continue;
        const [a, b] = [one.getBoundingClientRect(), other.getBoundingClientRect()];
        const across = Math.min(a.right, b.right) - Math.max(a.left, b.left);
        const down = Math.min(a.bottom, b.bottom) - Math.max(a.top, b.top);
        if (isSticky(one) !== isSticky(other)) continue; // what scrolls goes on below what stands
        if (across > 1 && down > 1) complaints.push(`${called(one)} and ${called(other)} lie over each other`);
      }
    });
    return complaints;
  }

  /** What is too small for a finger. Links within a text are as high as their line. */
  function tooSmall({ button, line }) {
    const complaints = [];
    for (const node of shown().filter((one) => one.matches("a[href], button, summary, select, input") && isAtHand(one))) {
      if (getComputedStyle(node).display === "inline") continue;
      // A whole label is touched, not its box alone.
      const { width, height } = (node.closest("label") ?? node).getBoundingClientRect();
      const least = node.matches("summary, a") ? line : button;
      if (Math.min(width, height) < least) complaints.push(`${called(node)} is ${Math.round(width)} by ${Math.round(height)} px`);
    }
    return complaints;
  }

  /** What a screen reader could only call "button". */
  function nameless() {
    const byIds = (ids) => (ids ?? "").split(" ").map((id) => document.getElementById(id)?.textContent ?? "").join(" ");
    const names = (node) => [
      node.getAttribute("aria-label"), byIds(node.getAttribute("aria-labelledby")), node.title,
      ...[...(node.labels ?? [])].map((label) => label.textContent), node.matches(FIELDS) ? "" : node.textContent,
    ];
    return shown()
      .filter((node) => node.matches(INTERACTIVE) && !node.matches("audio") && !names(node).some((name) => name?.trim()))
      .map((node) => `${called(node)} has no name`);
  }

  /**
   * What does not show that it has the focus, or does not take it. Once a key was pressed, what a script focuses looks as
   * what a key focuses. An outline is a sign, and so is a change of a box around it.
   */
  function unfocused() {
    const complaints = [];
    const around = (node) => [node, node.parentElement, node.parentElement?.parentElement].filter(Boolean);
    const look = (node) => around(node).map((one) => {
      const { outlineStyle, outlineWidth, borderColor, boxShadow, backgroundColor } = getComputedStyle(one);
      return [outlineStyle === "none" ? "" : outlineWidth, borderColor, boxShadow, backgroundColor].join("|");
    }).join();
    for (const node of shown().filter((one) => one.matches(INTERACTIVE) && !one.disabled && one.tabIndex >= 0)) {
      const root = node.getRootNode();
      (root.activeElement ?? document.activeElement)?.blur();
      const before = look(node);
      node.focus({ preventScroll: true });
      if (root.activeElement !== node) complaints.push(`${called(node)} takes no focus`);
      else if (look(node) === before) complaints.push(`${called(node)} does not show the focus`);
      node.blur();
    }
    return complaints;
  }

  /** The call's state as the page shows it: its own words without those that were said, and what is drawn beside them. */
  function told() {
    const { phase, mic, line } = document.documentElement.dataset;
    const isLeaf = (node) => [...node.childNodes].some((child) => child.nodeType === Node.TEXT_NODE);
    const words = [...walk(dialog ?? document)]
      .filter((node) => isLeaf(node) && isShown(node) && !node.closest(".speech-text, .tool-line"))
      .map(textOf);
    const drawn = shown().filter((node) => node.matches("img, canvas, video, .tool, del")).map(({ localName, className }) => [localName, className]);
    return JSON.stringify([phase, mic, line, drawn, words]);
  }

  return { outOfPlace, overlapping, tooSmall, nameless, unfocused, told };
})()
