// @ts-check
/**
 * The order of a conversation, from what each item is said to stand after. Pure. Not here: what an item is.
 *
 * @typedef {object} Placed
 * @property {string} id
 * @property {string|null|undefined} previous  as the server named it: null the first, undefined not (yet) named
 * @property {string|null} anchor  what it stands after as long as `previous` is unknown here
 * @property {string|null} root  what the first one stands after
 * @property {number} arrival
 */

/**
 * Depth first through "stands after": of two items put after the same one, the later was put in between.
 * @param {Record<string, Placed>} items
 * @returns {string[]}
 */
export function ordered(items) {
  /** @type {Map<string, Placed[]>} */
  const followers = new Map();
  for (const item of Object.values(items)) {
    const after = standsAfter(item, items) ?? "";
    followers.set(after, [...(followers.get(after) ?? []), item]);
  }
  const order = [];
  const seen = new Set();
  const ahead = [""];
  while (ahead.length > 0) {
    const id = /** @type {string} */ (ahead.pop());
    if (id !== "") {
      if (seen.has(id)) continue;
      seen.add(id);
      order.push(id);
    }
    for (const item of (followers.get(id) ?? []).sort((a, b) => a.arrival - b.arrival)) ahead.push(item.id);
  }
  // A server that names a ring of predecessors must not make words vanish.
  for (const id of Object.keys(items)) if (!seen.has(id)) order.push(id);
  return order;
}

/** @param {Placed} item @param {Record<string, Placed>} items */
function standsAfter(item, items) {
  if (item.previous === null || item.previous === "root") return item.root !== null && items[item.root] ? item.root : null;
  if (item.previous !== undefined && item.previous !== item.id && items[item.previous]) return item.previous;
  return item.anchor !== null && items[item.anchor] ? item.anchor : null;
}

