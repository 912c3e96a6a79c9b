// @ts-check
/** The session as it was asked for and as it applies, side by side. Pure. @typedef {import("./log.js").Entry} Entry */

/**
 * @typedef {"same"|"differs"|"ignored"|"default"} Verdict  ignored: asked for and not there; default: there unasked
 * @typedef {{path: string, asked: unknown, applied: unknown, verdict: Verdict}} Field
 */

const UPDATED = new Set(["session.created", "session.updated"]);
/** What the server alone knows: nobody asks for it. */
const SERVERS_OWN = new Set(["id", "object", "expires_at", "client_secret"]);

/** The session of a call, as its events come in. */
export class SessionLog {
  /** @type {any} */ asked = {};
  /** @type {any} */ applied = null;
  updates = 0;
  /** @type {Field[]|null} */ #fields = null;

  /** @param {Entry} entry */
  add({ dir, type, event }) {
    const isUpdate = dir === "out" && type === "session.update";
    if (isUpdate || (dir === "note" && type === "session_asked")) this.asked = merged(this.asked, event.session);
    else if (dir === "in" && UPDATED.has(type)) this.applied = event.session;
    else return;
    this.updates += Number(isUpdate);
    this.#fields = null;
  }

  get fields() { return (this.#fields ??= fieldsOf(this.asked, this.applied)); }
}

/** @param {any} base @param {any} over @returns {any} */
function merged(base, over) {
  if (!isObject(base) || !isObject(over)) return over === undefined ? base : over;
  const out = { ...base };
  for (const [key, value] of Object.entries(over)) out[key] = merged(base[key], value);
  return out;
}

/** @param {any} asked @param {any} applied @returns {Field[]}  in the applied one's order, what was ignored where it was asked */
function fieldsOf(asked, applied) {
  const wanted = flat(asked ?? {});
  const real = flat(applied ?? {});
  const paths = [...new Set([...real.keys(), ...wanted.keys()])].sort();
  return paths.map((path) => {
    const one = wanted.get(path);
    const other = real.get(path);
    return { path, asked: one, applied: other, verdict: verdictOf(path, one, other) };
  });
}

/** @param {string} path @param {unknown} asked @param {unknown} applied @returns {Verdict} */
function verdictOf(path, asked, applied) {
  if (asked === undefined || SERVERS_OWN.has(path)) return "default";
  if (applied === undefined) return asked === null ? "same" : "ignored";
  return JSON.stringify(asked) === JSON.stringify(applied) ? "same" : "differs";
}

/** Every leaf by its path; tools by their names. @param {any} value @returns {Map<string, unknown>} */
function flat(value, path = "", out = new Map()) {
  if (isObject(value) && Object.keys(value).length) {
    for (const [key, member] of Object.entries(value)) flat(member, path ? `${path}.${key}` : key, out);
  } else if (Array.isArray(value) && value.length && value.every(isObject)) {
    value.forEach((member, index) => flat(member, `${path}[${member.name ?? member.server_label ?? index}]`, out));
  } else if (path) {
    out.set(path, value);
  }
  return out;
}

/** @param {unknown} value */
function isObject(value) {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
