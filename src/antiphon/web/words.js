// @ts-check
/**
 * The language that the page speaks, and its words. Each language has files of its own, fetched when it is spoken:
 * words-en.js and words-ru.js for the page as it opens, words-more-… for calls and sheets. Not here: which are said when.
 */
import { keep, kept } from "./kept.js";

/** @typedef {"en"|"ru"} Language */

/** @typedef {() => Promise<{WORDS: Record<string, string>}>} Table */
/** @type {Record<Language, Table>} */ const TABLES = { en: () => import("./words-en.js"), ru: () => import("./words-ru.js") };
/** @type {Record<Language, Table>} */ const MORE = { en: () => import("./words-more-en.js"), ru: () => import("./words-more-ru.js") };
const LANGUAGE_PLACE = "antiphon.language";

/** @type {Language} */ let current = "en";
let hasMore = false;
/** @type {Record<string, string>} */ let words = {};

/** @returns {Language} what was chosen here, else what the browser speaks */
export function preferredLanguage() {
  const chosen = kept(LANGUAGE_PLACE) ?? navigator.language.toLowerCase().slice(0, 2);
  return chosen === "ru" ? "ru" : "en";
}

/** From here on. Rejects, and changes nothing, where the words cannot be fetched. @param {Language} language */
export async function speakIn(language) {
  const [first, more] = await Promise.all([TABLES[language](), hasMore ? MORE[language]() : null]);
  words = { ...first.WORDS, ...more?.WORDS };
  current = language;
}

/** Fetches the words of calls and sheets, once. Rejects where they cannot be fetched. */
export async function speakMore() {
  if (hasMore) return;
  const language = current;
  const { WORDS } = await MORE[language]();
  hasMore = true;
  if (language === current) words = { ...words, ...WORDS };
  else await speakIn(current); // it changed meanwhile
}

/** Keeps the choice for the next visit. @param {Language} language */
export function keepLanguage(language) {
  keep(LANGUAGE_PLACE, language);
}

/** The words of the first drawing, sent for while the page's other scripts are still on their way. */
export const firstWords = speakIn(preferredLanguage());

export function language() {
  return current;
}

/** @param {string} key */
export function word(key) {
  const found = words[key];
  if (found === undefined) throw new Error(`no words for ${key}`);
  return found;
}
