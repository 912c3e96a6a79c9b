// @ts-check
/** A button whose deed cannot be taken back: it asks, by itself turning into the question, and does it at the second tap. */
import { element } from "./page.js";
import { word } from "./words.js";

const ASKING_MS = 5_000;

/** @param {string} key  of what it says @param {string} sure  of what it asks @param {(button: HTMLElement) => void} run */
export function sureButton(key, sure, run) {
  const button = element("button", "quiet danger", word(key));
  button.setAttribute("type", "button");
  button.setAttribute("aria-live", "polite"); // the question is read out
  /** @type {ReturnType<typeof setTimeout>|undefined} */ let asking;
  const rest = () => {
    clearTimeout(asking);
    asking = undefined;
    delete button.dataset.asking;
    button.textContent = word(key);
  };
  button.addEventListener("click", ({ detail }) => {
    if (asking === undefined) {
      button.dataset.asking = "";
      button.textContent = word(sure);
      asking = setTimeout(rest, ASKING_MS);
    } else if (detail < 2) { // a double click is one deed, not a question and its answer
      rest();
      run(button);
    }
  });
  return button;
}
