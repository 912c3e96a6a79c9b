// @ts-check
/** How long the answers took, as the side panel shows it: the last one as a figure and in its parts, those before as rows. */
import { byId, element } from "./page.js";
import { waterfall } from "./plots.js";
import { answerMs } from "./turns.js";
import { language, word } from "./words.js";

const MOST_ROWS = 8;
const NARROWEST_MS = 1_000; // a quick answer must look quick

/** @typedef {import("./turns.js").Turn} Turn */

/** What a turn consisted of, each part up to the next mark. @param {Turn} turn */
export function partsOf(turn) {
  const marks = /** @type {const} */ ([["recognized", turn.recognized_at], ["token", turn.first_delta_at], ["audio", turn.first_audio_at], ["heard", turn.heard_at]]);
  /** @type {{name: string, ms: number}[]} */
  const parts = [];
  let at = turn.started_at;
  for (const [name, mark] of marks) {
    if (mark === null || mark <= at) continue; // words that were recognised after the answer began held nothing up
    parts.push({ name, ms: mark - at });
    at = mark;
  }
  return parts;
}

/** @param {readonly Turn[]} turns  oldest first */
export function drawAnswers(turns) {
  const box = byId("turns");
  const answered = turns.filter((turn) => turn.kind !== "unasked" && answerMs(turn) !== null);
  const last = answered.at(-1);
  const drawn = answered.map((turn) => `${turn.started_at}:${turn.heard_at ?? turn.first_audio_at ?? turn.first_delta_at}`).slice(-MOST_ROWS).join() + language();
  if (box.dataset.drawn === drawn) return;
  box.dataset.drawn = drawn;
  if (!last) {
    box.replaceChildren(element("p", "", word("turns_none")));
    return;
  }
  const number = new Intl.NumberFormat(language(), { maximumFractionDigits: 0 });
  const rows = answered.slice(-MOST_ROWS).reverse();
  const widest = Math.max(NARROWEST_MS, ...rows.map((turn) => answerMs(turn) ?? 0));
  const falls = element("div", "falls");
  falls.append(...rows.map((turn) => waterfall(partsOf(turn), widest)));
  const key = element("ul", "fall-key");
  for (const part of partsOf(last)) {
    const one = element("li", "", `${word(`fall_${part.name}`)} `);
    one.prepend(waterfall([{ name: part.name, ms: 1 }], 1));
    one.append(element("b", "", `${number.format(part.ms)} ${word("ms")}`));
    key.append(one);
  }
  box.replaceChildren(
    element("p", "turns-now figures", `${number.format(answerMs(last) ?? 0)} ${word("ms")}`),
    element("p", "", word(last.kind === "spoken" ? "turn_spoken" : "turn_typed")),
    falls, key,
  );
}
