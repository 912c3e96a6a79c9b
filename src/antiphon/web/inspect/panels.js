// @ts-check
/** The panels beside the event log: turns as waterfalls, the session as a table. */
import { seconds } from "./log.js";
import { barsOf, latencyOf } from "./turns.js";

const BAR_WORDS = { speech: "caller speaks", recognize: "recognizing", think: "thinking", voice: "finding its voice", answer: "answering" };
const SHORTEST_SCALE_MS = 2_000;
const VERDICTS = { same: "as asked", differs: "differs", ignored: "not applied", default: "" };

/** @type {WeakMap<import("./turns.js").Turn, HTMLElement>} */
const drawnTurns = new WeakMap();

/** Only what changed is drawn anew: what is selected elsewhere stays so.
 * @param {HTMLElement} list  an <ol> @param {import("./turns.js").Turn[]} turns @param {Set<import("./turns.js").Turn>} changed */
export function drawTurns(list, turns, changed) {
  const spans = turns.map((turn) => {
    const bars = barsOf(turn);
    return bars.length ? bars[bars.length - 1].to - bars[0].from : 0;
  });
  const scale = Math.max(SHORTEST_SCALE_MS, ...spans);
  const isScaled = list.dataset.scale === String(scale);
  list.dataset.scale = String(scale);
  turns.forEach((turn, at) => {
    let item = drawnTurns.get(turn);
    if (!item || !isScaled || changed.has(turn)) drawnTurns.set(turn, (item = drawTurn(turn, scale)));
    const there = list.children[at];
    if (!there) list.append(item);
    else if (there !== item) there.replaceWith(item);
  });
  while (list.children.length > turns.length) list.lastElementChild?.remove();
}

/** @param {import("./turns.js").Turn} turn @param {number} scale  milliseconds across */
function drawTurn(turn, scale) {
  const item = element("li", "turn");
  const head = element("p", "turn-head");
  const latency = latencyOf(turn);
  const kind = { voice: "spoken", text: "typed", own: "unasked" }[turn.kind];
  head.append(element("b", "", `Turn ${turn.number}`), element("span", "soft", kind));
  if (latency !== null) head.append(element("span", "figures turn-latency", `${seconds(latency)} to ${turn.sound === null ? "the first word" : "the first sound sent"}`));
  if (turn.status && turn.status !== "completed") head.append(element("span", "turn-status", turn.status));
  item.append(head);
  if (turn.asked) item.append(saying("you", turn.asked));
  if (turn.tools.length) item.append(saying("tool", turn.tools.map((tool) => tool.name).join(", ")));
  if (turn.answer) item.append(saying("them", turn.answer));

  const bars = barsOf(turn);
  const track = element("div", "track");
  track.setAttribute("role", "img");
  track.setAttribute("aria-label", bars.map((bar) => `${BAR_WORDS[bar.name]} ${seconds(bar.to - bar.from)}`).join(", ") || "nothing measured");
  const zero = bars.length ? bars[0].from : 0;
  for (const bar of bars) {
    const drawn = element("span", `bar bar-${bar.name}`);
    drawn.style.left = `${((bar.from - zero) / scale) * 100}%`;
    drawn.style.width = `${((bar.to - bar.from) / scale) * 100}%`;
    drawn.title = `${BAR_WORDS[bar.name]}: ${seconds(bar.to - bar.from)}`;
    track.append(drawn);
  }
  const figures = element("dl", "turn-figures figures");
  for (const bar of bars) {
    const pair = document.createElement("div");
    pair.append(element("dt", `bar-${bar.name}`, BAR_WORDS[bar.name]), element("dd", "", seconds(bar.to - bar.from)));
    figures.append(pair);
  }
  item.append(track, figures);
  return item;
}

/** @param {"you"|"them"|"tool"} who @param {string} words */
function saying(who, words) {
  const line = element("p", `saying saying-${who}`);
  line.append(element("span", "who", { you: "caller", them: "answer", tool: "tools" }[who]), words);
  return line;
}

/** @param {HTMLElement} body  a <tbody> @param {import("./session.js").Field[]} fields */
export function drawSession(body, fields) {
  body.replaceChildren(...fields.map((field) => {
    const row = document.createElement("tr");
    row.dataset.verdict = field.verdict;
    const name = document.createElement("th");
    name.scope = "row";
    // A long path breaks between its words.
    for (const word of field.path.split(/(?<=[._[])/)) name.append(word, document.createElement("wbr"));
    if (VERDICTS[field.verdict] && field.verdict !== "same") name.append(element("span", "verdict", VERDICTS[field.verdict]));
    row.append(name, value(field.asked), value(field.applied));
    return row;
  }));
}

/** @param {unknown} given */
function value(given) {
  const cell = document.createElement("td");
  if (given === undefined) cell.append(element("span", "nothing", "–"));
  else cell.textContent = typeof given === "string" ? given : JSON.stringify(given);
  return cell;
}

/** @param {string} tag @param {string} className @param {string} [text] */
function element(tag, className, text = "") {
  const made = document.createElement(tag);
  if (className) made.className = className;
  if (text) made.textContent = text;
  return made;
}
