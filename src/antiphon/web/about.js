// @ts-check
/** What answers, as the server tells it (`GET about`), so that nobody takes the embedded defaults for more than they are. */
import { element } from "./page.js";
import { word } from "./words.js";

/**
 * @typedef {{name: string, summary: string, improve?: string|null}} Stage
 * @typedef {Record<string, any> & {name?: string, version?: string}} About
 */

const STAGES = ["recognizer", "model", "voice", "vision"];
const ABOUT_PATIENCE_MS = 60_000; // a server that still loads its models answers when it has them

/**
 * @param {string} base
 * @returns {Promise<About|null>} null: it could not be read
 */
export async function fetchAbout(base) {
  try {
    const response = await fetch(new URL("about", base), { signal: AbortSignal.timeout(ABOUT_PATIENCE_MS) });
    return response.ok ? await response.json() : null;
  } catch {
    return null;
  }
}

/** @param {HTMLElement} list  a <dl> @param {About|null} about */
export function drawAbout(list, about) {
  if (!about) {
    const row = document.createElement("div");
    row.append(element("dt", "", "–"), element("dd", "about-failed", word("about_failed")));
    list.replaceChildren(row);
    return;
  }
  const rows = [];
  for (const key of STAGES) {
    const stage = /** @type {Stage|null|undefined} */ (about[key]);
    if (!stage) continue;
    const row = document.createElement("div");
    row.dataset.stage = key;
    const what = element("dd", "");
    what.append(element("span", "about-name", stage.name), stage.summary ? ` · ${stage.summary}` : "");
    row.append(element("dt", "", word(`about_${key}`)), what);
    if (stage.improve) {
      const details = document.createElement("details");
      details.append(element("summary", "", word("about_improve")), element("p", "", asSentence(stage.improve)));
      const more = element("dd", "");
      more.append(details);
      row.append(more);
    }
    rows.push(row);
  }
  list.replaceChildren(...rows);
}

/** @param {string} words */
function asSentence(words) {
  const begun = words.charAt(0).toLocaleUpperCase() + words.slice(1);
  return /[.!?]$/.test(begun) ? begun : `${begun}.`;
}
