// @ts-check
/**
 * The order of a conversation, from what each item is said to stand after. Pure. Not here: what an item is.
 *
 * An item stands after the one that the server named, whenever either of them arrives; until it is named, after the last
 * one that was there when it came. Of two items put after the same one, the later was put in between. What a new session
 * holds stands after all that the sessions before it held: "the first", or "after" one of theirs, means after them.
 *
 * @typedef {import("./items.js").Previous} Previous
 * @typedef {{previous: Previous, anchor: string|null, root: string|null, arrival: number, session: number}} Placed
 *   anchor: what it stands after until `previous` is here. root: what a session's first stands after
 */

export class Order {
  /** @type {string[]} */ ids = [];
  /** @type {Map<string, Placed>} */ #placed = new Map();
  /** @type {Map<string, number>} */ #awaited = new Map();
  /** @type {string|null} */ #root = null;
  #arrivals = 0;
  #session = 0;

  /** From here, what is named is of a new session. */
  beginSession() {
    this.#session += 1;
    if (this.#session === 1 || this.ids.length === 0) return;
    // What was not named yet may have been said while there was no session: it belongs to this one.
    this.#root = this.ids.findLast((id) => this.#placed.get(id)?.previous !== undefined) ?? this.ids[this.ids.length - 1];
  }

  /** Puts an item where it belongs, or moves it there; undefined leaves a known one. @param {string} id @param {Previous} [previous] @returns {boolean} whether the order changed */
  place(id, previous) {
    const known = this.#placed.get(id);
    if (known) {
      if (previous === undefined || previous === known.previous) return false;
      if (known.previous === undefined) Object.assign(known, { session: this.#session, root: this.#root });
      this.#await(known.previous, -1);
      known.previous = previous;
      this.#await(previous, 1);
      return this.#sort();
    }
    const anchor = this.ids.at(-1) ?? null;
    const placed = { previous, anchor, root: this.#root, arrival: this.#arrivals++, session: this.#session };
    this.#placed.set(id, placed);
    this.#await(previous, 1);
    if (!this.#awaited.has(id) && this.#standsAfter(id, placed) === anchor) this.ids.push(id);
    else this.#sort();
    return true;
  }

  /** An item that was there before its id was known gets it. @param {string} old @param {string} id */
  rename(old, id) {
    if (!this.#placed.has(old) || this.#placed.has(id)) return;
    const renamed = (/** @type {string|null} */ one) => (one === old ? id : one);
    this.#placed = new Map([...this.#placed].map(([one, placed]) => [/** @type {string} */ (renamed(one)), { ...placed, anchor: renamed(placed.anchor), root: renamed(placed.root) }]));
    this.ids[this.ids.indexOf(old)] = id;
    this.#root = renamed(this.#root);
    if (this.#awaited.has(id)) this.#sort();
  }

  /** Forgets one item; those that stood after it stay where they are. @param {string} id */
  remove(id) {
    const at = this.ids.indexOf(id);
    if (at < 0) return;
    const gone = this.#placed.get(id);
    this.#await(gone?.previous, -1);
    this.#placed.delete(id);
    this.ids.splice(at, 1);
    const before = this.ids[at - 1] ?? null;
    if (this.#root === id) this.#root = before;
    for (const [, placed] of this.#placed) {
      // What named it awaits it no longer: it stands where it stands until it is named anew.
      if (placed.previous === id || (placed.previous === undefined && placed.anchor === id)) {
        this.#await(placed.previous, -1);
        placed.previous = before;
        this.#await(before, 1);
      }
      if (placed.anchor === id) placed.anchor = before;
      if (placed.root === id) placed.root = before;
    }
  }

  /** Forgets the first items; the others stay as they stand. @param {number} count @returns {string[]} */
  dropOldest(count) {
    const gone = this.ids.splice(0, count);
    for (const id of gone) {
      this.#await(this.#placed.get(id)?.previous, -1);
      this.#placed.delete(id);
      if (this.#root === id) this.#root = null;
    }
    /** @type {string|null} */ let before = null;
    for (const id of this.ids) {
      const placed = /** @type {Placed} */ (this.#placed.get(id));
      if (typeof placed.previous !== "string" || this.#placed.has(placed.previous)) {
        // Where it stands is settled; what it hung on may be gone.
        this.#await(placed.previous, -1);
        placed.previous = before;
        this.#await(before, 1);
      }
      placed.anchor = before;
      placed.root = null;
      placed.session = this.#session;
      before = id;
    }
    return gone;
  }

  /** Counts how many items name a predecessor: one that nobody named is simply appended. @param {Previous} previous @param {number} change */
  #await(previous, change) {
    if (typeof previous !== "string") return;
    const count = (this.#awaited.get(previous) ?? 0) + change;
    if (count > 0) this.#awaited.set(previous, count);
    else this.#awaited.delete(previous);
  }

  /** @param {string} id @param {Placed} placed @returns {string|null} */
  #standsAfter(id, { previous, anchor, root, session }) {
    const isRooted = root !== null && root !== id && this.#placed.has(root);
    if (previous === null) return isRooted ? root : null;
    const before = previous === undefined || previous === id ? undefined : this.#placed.get(previous);
    if (before && previous !== undefined) return before.session < session && isRooted ? root : previous;
    return anchor !== null && this.#placed.has(anchor) ? anchor : null;
  }

  /** Depth first through "stands after". */
  #sort() {
    /** @type {Map<string|null, {id: string, arrival: number}[]>} */
    const followers = new Map();
    for (const [id, placed] of this.#placed) {
      const after = this.#standsAfter(id, placed);
      followers.set(after, [...(followers.get(after) ?? []), { id, arrival: placed.arrival }]);
    }
    const of = (/** @type {string|null} */ id) => (followers.get(id) ?? []).sort((a, b) => a.arrival - b.arrival).map((one) => one.id);
    /** @type {Set<string>} */ const seen = new Set();
    const walk = (/** @type {string[]} */ ahead) => {
      for (let id = ahead.pop(); id !== undefined; id = ahead.pop()) {
        if (seen.has(id)) continue;
        seen.add(id);
        ahead.push(...of(id));
      }
    };
    walk(of(null));
    // A ring of predecessors must not make words vanish: it begins where nobody named one, or anywhere.
    const isNamed = (/** @type {string} */ id) => Number(this.#placed.get(id)?.previous !== undefined);
    for (const id of [...this.#placed.keys()].filter((one) => !seen.has(one)).sort((a, b) => isNamed(a) - isNamed(b))) walk([id]);
    const order = [...seen];
    const isChanged = order.length !== this.ids.length || order.some((id, at) => id !== this.ids[at]);
    this.ids = order;
    return isChanged;
  }
}
