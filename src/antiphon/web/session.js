// @ts-check
/** Sessions as data: what was asked for put together, and what of it a server did not do. Pure. */

/**
 * `asked` over `base`: objects go into each other, everything else (arrays too) takes the other's place.
 * @param {any} base @param {any} asked @returns {any}
 */
export function merged(base, asked) {
  if (!isPlain(base) || !isPlain(asked)) return asked;
  const out = { ...base };
  for (const [key, value] of Object.entries(asked)) {
    // A detection of another type has other settings: those of the first would be refused.
    const isOther = isPlain(value) && isPlain(out[key]) && "type" in value && value.type !== out[key].type;
    out[key] = isOther ? value : merged(out[key], value);
  }
  return out;
}

/**
 * Where the session in effect is not what was asked for.
 * @param {any} asked @param {any} applied @param {string} [path]
 * @returns {{path: string, asked: any, applied: any}[]}
 */
export function differences(asked, applied, path = "") {
  if (isPlain(asked) && isPlain(applied)) {
    return Object.keys(asked).flatMap((key) => differences(asked[key], applied[key], path ? `${path}.${key}` : key));
  }
  return isSame(asked, applied) ? [] : [{ path, asked, applied }];
}

/** @param {any} asked @param {any} applied @returns {boolean} what the server adds of its own is no difference */
function isSame(asked, applied) {
  if (Array.isArray(asked)) return Array.isArray(applied) && asked.length === applied.length && asked.every((one, at) => isSame(one, applied[at]));
  if (isPlain(asked)) return isPlain(applied) && Object.keys(asked).every((key) => isSame(asked[key], applied[key]));
  return Object.is(asked ?? null, applied ?? null);
}

/** @param {unknown} value */
function isPlain(value) {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
