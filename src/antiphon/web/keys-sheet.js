// @ts-check
/** The sheet that tells the keys. What they do: keys.js. */
import { byId, element } from "./page.js";
import { word } from "./words.js";

const KEYS = [["M", "key_m"], ["Space", "key_space"], ["Esc", "key_esc"], ["/", "key_slash"], ["F", "key_f"], [",", "key_comma"], ["?", "key_question"]];

export function openKeys() {
  const sheet = /** @type {HTMLDialogElement} */ (byId("keys"));
  const title = element("h2", "", word("keys"));
  title.id = "keys-title";
  const list = element("dl", "keys");
  for (const [key, says] of KEYS) {
    const row = element("div", "");
    const term = element("dt", "");
    term.append(element("kbd", "", key));
    row.append(term, element("dd", "", word(says)));
    list.append(row);
  }
  const close = element("button", "primary", word("close"));
  close.addEventListener("click", () => sheet.close());
  const buttons = element("div", "sheet-buttons");
  buttons.append(close);
  sheet.replaceChildren(title, list, buttons);
  sheet.showModal();
}
