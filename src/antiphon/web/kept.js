// @ts-check
/** Small choices that this browser keeps for the next visit. Where it keeps nothing (storage is blocked), they hold until the page is closed. */

/** @type {Map<string, string>} */
const here = new Map();

/** @param {string} place @returns {string|null} */
export function kept(place) {
  try {
    return localStorage.getItem(place);
  } catch {
    return here.get(place) ?? null;
  }
}

/** @param {string} place @param {string} value */
export function keep(place, value) {
  try {
    localStorage.setItem(place, value);
  } catch {
    here.set(place, value);
  }
}
