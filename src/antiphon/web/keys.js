// @ts-check
/**
 * The keyboard: M mutes, Space held talks while muted, Esc interrupts, / goes to the text, F finds, the comma opens the
 * settings, ? shows the keys.
 */
/**
 * @param {{interrupt: () => void, toggleMute: () => void, holdToTalk: (isHolding: boolean) => boolean, focusText: () => void, find: () => void, settings: () => void, help: () => void, areOn: () => boolean}} actions
 *   holdToTalk: false when there is nothing to be held for
 */
export function bindKeys(actions) {
  let isHolding = false;
  const release = () => {
    if (isHolding) actions.holdToTalk(false);
    isHolding = false;
  };

  addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || document.querySelector("dialog[open]")) return;
    if (event.key === "Escape") {
      if (event.target instanceof HTMLElement && isTyping(event.target)) event.target.blur();
      actions.interrupt();
      return;
    }
    if (!actions.areOn() || (event.repeat && event.code !== "Space")) return;
    if (event.target instanceof HTMLElement && isTyping(event.target)) return;
    // By place where it is a letter: М on a Russian keyboard is another character on the same cap.
    if (event.code === "KeyM") actions.toggleMute();
    else if (event.code === "KeyF") {
      event.preventDefault(); // the letter itself must not go into the field
      actions.find();
    }
    else if (event.key === ",") actions.settings();
    else if (event.key === "?") actions.help();
    else if (event.key === "/" || (event.code === "Slash" && !event.shiftKey)) {
      event.preventDefault();
      actions.focusText();
    }
    else if (event.code === "Space" && !isButton(event.target)) {
      event.preventDefault(); // no scrolling while it is held
      if (!event.repeat) isHolding = actions.holdToTalk(true);
    }
  });
  addEventListener("keyup", (event) => event.code === "Space" && release());
  addEventListener("blur", release);
}

/** @param {HTMLElement} element */
function isTyping(element) {
  return element.matches("input, textarea, [contenteditable]");
}

/** Space presses a focused button; that must stay so. @param {EventTarget|null} target */
function isButton(target) {
  return target instanceof HTMLElement && target.closest("button, summary, a") !== null;
}
