// @ts-check
/**
 * Words as Markdown that shows them as they are: what would be read as a sign is escaped where it would be one, and
 * ordinary sentences stay as they were written. Pure. Source: CommonMark 0.31.2, and GitHub's ~~ and tables.
 */

/** What begins a quotation, heading, list, rule, table or underlined heading at the beginning of a line. */
const BEGINS = /^(?=>|#{1,6}(?:\s|$)|[-+*_](?:\s|$)|-[-|:]|=+$|[|:])/;

/**
 * Words after others on a line, in as many lines and paragraphs as they have.
 * @param {string} text @param {string} [always]  signs that mean something wherever they stand
 */
export function escaped(text, always = text.indexOf("~") === text.lastIndexOf("~") ? "" : "~") { // it takes two of them to strike
  const [first = "", ...rest] = linesOf(text).map((line) => escapedSigns(line, always));
  const lines = [first, ...rest.map((line) => line.replace(BEGINS, "\\").replace(/^(\d{1,9})(?=[.)](?:\s|$))/, "$1\\"))];
  return lines.join("\n").replace(/\n{2,}/g, "\n\n").replace(/(?<!\n)\n(?!\n)/g, "  \n"); // two spaces keep the line's end
}

/** The same between two marks, of which each paragraph needs its own. @param {string} text @param {"*"|"~~"} mark */
export function marked(text, mark) {
  return escaped(text, "*~").split("\n\n").map((paragraph) => (paragraph === "" ? "" : `${mark}${paragraph}${mark}`)).join("\n\n");
}

/** Anything on one line, as code. @param {string} text */
export function codeSpan(text) {
  const fence = "`".repeat(longestRun(text) + 1);
  const gap = /^`|`$|^ .* $/.test(text) ? " " : ""; // one space at either end belongs to the fences
  return `${fence}${gap}${text}${gap}${fence}`;
}

/** Anything on several lines, as code. @param {string} text */
export function codeBlock(text) {
  const fence = "`".repeat(Math.max(3, longestRun(text) + 1));
  return [fence, ...text.replace(/\r?\n$/, "").split(/\r\n|\r|\n/), fence].join("\n");
}

/** @param {string} text */
function longestRun(text) {
  return Math.max(0, ...(text.match(/`+/g) ?? []).map((run) => run.length));
}

/** @param {string} text */
function linesOf(text) {
  return text.trim().split(/\r\n|\r|\n/).map((line) => line.trim());
}

/** @param {string} line @param {string} always */
function escapedSigns(line, always) {
  return line.replace(/[\\`*_~[<&]/g, (sign, /** @type {number} */ at) => {
    const before = line[at - 1] ?? " ";
    const after = line[at + 1] ?? " ";
    const isAlone = before === " " && after === " ";
    const isWithinWord = /[\p{L}\p{N}]{2}/u.test(before + after);
    if (sign === "&") return /^&#?\w+;/.test(line.slice(at)) ? "&amp;" : sign;
    if (sign === "<") return /[a-z/!?]/i.test(after) ? "&lt;" : sign;
    if (sign === "\\") return /[!-/:-@[-`{-~]/.test(after) || at === line.length - 1 ? "\\\\" : sign;
    const isMeant = sign === "[" || sign === "`" || (sign === "*" && !isAlone) || (sign === "_" && !isAlone && !isWithinWord);
    return isMeant || always.includes(sign) ? `\\${sign}` : sign;
  });
}
