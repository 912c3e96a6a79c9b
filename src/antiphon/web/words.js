// @ts-check
/**
 * The language that the page speaks, and its words. Each language is a file of its own, fetched when it is spoken:
 * words-en.js, words-ru.js. Not here: which words are said when.
 */
import { keep, kept } from "./kept.js";

/** @typedef {"en"|"ru"} Language */

/** @type {Record<Language, () => Promise<{WORDS: Record<string, string>}>>} */
const TABLES = { en: () => import("./words-en.js"), ru: () => import("./words-ru.js") };
const LANGUAGE_PLACE = "antiphon.language";

/** @type {Language} */ let current = "en";
/** @type {Record<string, string>} */ let words = {};

/** @returns {Language} what was chosen here, else what the browser speaks */
export function preferredLanguage() {
  const chosen = kept(LANGUAGE_PLACE) ?? navigator.language.toLowerCase().slice(0, 2);
  return chosen === "ru" ? "ru" : "en";
}

/** From here on. Rejects, and changes nothing, where the words cannot be fetched. @param {Language} language */
export async function speakIn(language) {
  words = (await TABLES[language]()).WORDS;
  current = language;
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
