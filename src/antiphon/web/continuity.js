// @ts-check
/**
 * When a lost call is called again, and when a session gives way to the next one before its cap. Pure: times in
 * milliseconds are arguments. Not here: timers, sockets, what is replayed.
 *
 * @typedef {object} Timing  all in milliseconds
 * @property {number} answer_ms  how long the server may take to answer an offer
 * @property {number} path_ms  how long the way for sound and events may take to open after that
 * @property {number} grace_ms  how long a line that has gone quiet may come back by itself
 * @property {number} confirm_ms  how long `session.updated` is waited for
 * @property {number} gathering_ms  host candidates take a few milliseconds
 * @property {number} relay_gathering_ms  with STUN or TURN servers: without their candidates there may be no way at all
 * @property {number} retry_ms  the first pause between two attempts to call again; it doubles
 * @property {number} longest_retry_ms
 * @property {number} give_up_ms  how long a lost call is called again
 * @property {number} seek_ms  before a session's cap, from when on a quiet moment is looked for
 * @property {number} force_ms  before the cap, when it is not waited for any longer
 */

/** @type {Timing} */
export const USUAL_TIMING = {
  answer_ms: 20_000,
  path_ms: 6_000,
  grace_ms: 5_000,
  confirm_ms: 5_000,
  gathering_ms: 150,
  relay_gathering_ms: 2_000,
  retry_ms: 500,
  longest_retry_ms: 10_000,
  give_up_ms: 180_000,
  seek_ms: 180_000,
  force_ms: 20_000,
};

/** Calling again cannot help: the same would be answered. */
const FINAL = new Set(["not_allowed", "refused", "bad_answer", "no_token", "origin_not_allowed", "aborted"]);

/** @param {import("./problems.js").Problem} problem */
export function isWorthRetrying(problem) {
  return !FINAL.has(problem.kind);
}

/**
 * The pause before an attempt. The first comes at once: most losses are short. Spread, so that a restarted server is
 * not called by everybody in one moment.
 * @param {number} attempt  0 for the first
 * @param {Timing} timing
 * @param {number} chance  0 to 1
 */
export function retryPause(attempt, timing, chance) {
  if (attempt === 0) return 0;
  const pause = Math.min(timing.longest_retry_ms, timing.retry_ms * 2 ** (attempt - 1));
  return Math.round(pause * (0.75 + chance / 2));
}

/**
 * From when on a session looks for a quiet moment to give way, and when it does so anyhow; null when it tells no cap, or
 * one that a wrong clock must have made. A cap that is hardly longer than the settings leaves the first half in peace.
 * @param {number} leftMs  until the cap
 * @param {Timing} timing
 * @returns {{seek: number, force: number}|null}  from now
 */
export function rolloverWindow(leftMs, timing) {
  if (!(leftMs > 1_000) || leftMs > 48 * 3_600_000) return null;
  return { seek: Math.max(leftMs - timing.seek_ms, leftMs / 2), force: Math.max(leftMs - timing.force_ms, leftMs * 0.75) };
}
