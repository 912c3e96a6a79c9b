// @ts-check
/** The line as the side panel shows it: a word for how good it is, advice when it is poor, a small plot for each figure. */
import { byId, element } from "./page.js";
import { sparkline } from "./plots.js";
import { judge, MOST_SAMPLES } from "./quality.js";
import { language, word } from "./words.js";

/** What each plot reaches at least, so that a good line looks quiet. */
const PLOTS = /** @type {const} */ ([
  { name: "roundTripMs", words: "link_round_trip", unit: "ms", most: 200 },
  { name: "jitterMs", words: "link_jitter", unit: "ms", most: 40 },
  { name: "lossPercent", words: "link_loss", unit: "%", most: 5 },
  { name: "kbps", words: "link_rate", unit: "kbps", most: 60 },
]);

/**
 * @param {readonly import("./quality.js").LineSample[]} samples  none: no call
 * @param {boolean} [isFallback]  sound travels inside events, of which nothing is measured
 * @returns what was judged of it
 */
export function drawLine(samples, isFallback = false) {
  const last = samples.at(-1);
  const { verdict, cause } = judge(samples);
  const shown = byId("link-verdict");
  shown.textContent = last ? word(`link_${verdict}`) : "";
  shown.dataset.verdict = verdict;
  const advice = byId("link-advice");
  const key = isFallback ? "link_fallback" : cause && `link_poor_${cause}`;
  advice.hidden = key === null;
  if (key) advice.textContent = word(key);
  byId("line-ms").textContent = last?.roundTripMs == null ? "" : figure(last.roundTripMs, "ms");
  byId("link-plots").replaceChildren(...PLOTS.map(({ name, words, unit, most }) => {
    const row = element("div", "");
    const value = last?.[name] ?? null;
    row.append(element("dt", "", word(words)));
    const plot = element("dd", "");
    plot.append(sparkline(samples.map((sample) => sample[name]), { most, room: MOST_SAMPLES }));
    row.append(plot, element("dd", "plot-figure figures", value === null ? "–" : figure(value, unit)));
    row.dataset.figure = name;
    return row;
  }));
  return { verdict, cause };
}

/** @type {string|null} */ let warnedOf = null; // of each trouble once in a call

/** Draws the line of a call, warns of a poor one once, and takes the warning back. @param {import("./caller.js").Caller} caller */
export function watchLine(caller) {
  const { verdict, cause } = drawLine(caller.line, caller.call?.transport === "websocket");
  const isWarned = caller.notice?.key.startsWith("link_poor_") ?? false;
  if (verdict !== "poor" && isWarned) caller.say(null);
  if (verdict === "poor" && caller.notice === null && warnedOf !== cause) caller.say({ key: `link_poor_${warnedOf = cause}` });
  if (!caller.call) warnedOf = null;
}

/** @param {number} value @param {"ms"|"%"|"kbps"} unit */
function figure(value, unit) {
  const number = new Intl.NumberFormat(language(), { maximumFractionDigits: value < 10 ? 1 : 0 }).format(value);
  return `${number} ${unit === "%" ? "%" : word(unit)}`;
}
