// @ts-check
/** What index.html of /inspect has, by its ids. */

/** @param {string} id @returns {any} */
export function byId(id) {
  return document.getElementById(id);
}
