// @ts-check
/**
 * Whether the line is good enough to talk over, from the last samples of it. Pure. Not here: where they come from (link.js),
 * how they are drawn (plots.js).
 *
 * @typedef {{roundTripMs: number|null, jitterMs: number|null, lossPercent: number|null, kbps: number|null}} LineSample
 *   lossPercent: of the packets since the last sample. kbps: of the sound, both ways.
 * @typedef {"unknown"|"good"|"fair"|"poor"} Verdict
 */

export const MOST_SAMPLES = 60;
const JUDGED = 5; // samples: one bad moment is no bad line
/** ITU-T G.114: up to 150 ms one way goes unnoticed, over 400 ms people begin to talk at once. */
const FAIR = { roundTripMs: 300, jitterMs: 40, lossPercent: 3 };
const POOR = { roundTripMs: 800, jitterMs: 100, lossPercent: 10 };

/**
 * How good the line is, and what is wrong with it most.
 * @param {readonly LineSample[]} samples  the newest last
 * @returns {{verdict: Verdict, cause: "roundTripMs"|"jitterMs"|"lossPercent"|null}}
 */
export function judge(samples) {
  const last = samples.slice(-JUDGED);
  /** @type {{verdict: Verdict, cause: "roundTripMs"|"jitterMs"|"lossPercent"|null}} */
  let found = { verdict: "unknown", cause: null };
  let worst = 0;
  for (const cause of /** @type {const} */ (["lossPercent", "roundTripMs", "jitterMs"])) {
    const typical = median(last.map((sample) => sample[cause]));
    if (typical === null) continue;
    const weight = typical / POOR[cause];
    if (found.verdict === "unknown") found = { verdict: "good", cause: null };
    if (typical < FAIR[cause] || weight < worst) continue;
    worst = weight;
    found = { verdict: typical >= POOR[cause] ? "poor" : "fair", cause };
  }
  return found;
}

/** @param {(number|null)[]} values */
function median(values) {
  const known = values.filter((value) => value !== null).sort((a, b) => a - b);
  return known.length > 0 ? known[known.length >> 1] : null;
}
