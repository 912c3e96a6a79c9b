// @ts-check
/** The page around the transcript: labels, the two states it shows (`data-` attributes, read by the CSS), notices, figures. */
import { language, word } from "./words.js";

/** @param {string} id @returns {HTMLElement} */
export function byId(id) {
  const found = document.getElementById(id);
  if (!found) throw new Error(`index.html has no #${id}`);
  return found;
}

/** Puts the words of the current language where index.html names them. */
export function drawWords() {
  document.documentElement.lang = language();
  for (const node of document.querySelectorAll("[data-word]")) node.textContent = word(node.getAttribute("data-word") ?? "");
  for (const node of document.querySelectorAll("[data-label]")) {
    const label = word(node.getAttribute("data-label") ?? "");
    node.setAttribute("aria-label", label);
    if (node instanceof HTMLButtonElement) node.title = label;
  }
  for (const node of document.querySelectorAll("[data-placeholder]")) {
    node.setAttribute("placeholder", word(node.getAttribute("data-placeholder") ?? ""));
  }
  byId("language").textContent = word("language");
  for (const id of ["language", "language-more"]) byId(id).lang = language() === "en" ? "ru" : "en";
  byId("language").title = word("language_name");
  byId("language").setAttribute("aria-label", `${word("language")}: ${word("language_name")}`);
}

/**
 * @typedef {"idle"|"connecting"|"reconnecting"|"listening"|"heard"|"thinking"|"speaking"|"ended"|"failed"} Phase
 * @typedef {"off"|"on"|"muted"|"none"|"asked"} Mic  none: a call without one. asked: the browser asks for it
 * @typedef {"off"|"connecting"|"on"|"shaky"|"reconnecting"} Line
 * @param {{phase: Phase, mic: Mic, line: Line, hasTranscript: boolean, isSilent: boolean, isByHand: boolean, isHolding: boolean}} state
 *   isSilent: the person turned the other voice off. isByHand: they talk while they hold a button; isHolding: they do now
 */
export function drawState({ phase, mic, line, hasTranscript, isSilent, isByHand, isHolding }) {
  const root = document.documentElement;
  const isInCall = line !== "off";
  const changed = root.dataset.phase !== phase;
  const view = isInCall || hasTranscript ? "call" : "before";
  // One big button takes the other's place: whoever came to it by key is at the new one. A mouse leaves no focus behind.
  const isFocused = root.dataset.view !== view && (document.activeElement?.matches(".primary:focus-visible") ?? false);
  Object.assign(root.dataset, { phase, mic, line, view });

  const isWithout = mic === "none" || mic === "asked";
  byId("mark-word").textContent = word(markWord(phase, mic, line, isByHand));
  const lineWord = byId("line-word");
  if (lineWord.textContent !== word(`line_${line}`)) lineWord.textContent = word(`line_${line}`); // it is read out when set
  byId("hint").textContent = word(isWithout ? "say_typing" : "say_something");
  byId("hint").hidden = hasTranscript || line !== "on";

  const start = byId("start");
  start.textContent = word(phase === "failed" ? "start_again" : "start");
  const call = byId("call");
  call.dataset.kind = isInCall ? "end" : "start";
  call.textContent = word(isInCall ? (line === "connecting" ? "cancel" : "end") : hasTranscript || phase !== "idle" ? "start_again" : "start");

  if (isFocused) (view === "call" ? call : start).focus();

  const mute = /** @type {HTMLButtonElement} */ (byId("mute"));
  const name = isWithout ? "add_microphone" : mic === "muted" ? "unmute" : "mute";
  mute.disabled = line === "off" || mic === "asked" || (mic === "none" && line === "connecting");
  mute.hidden = isByHand && !isWithout; // the hand on the button says it all
  mute.toggleAttribute("data-off", mic === "muted" || isWithout);
  mute.title = word(name);
  byId("mute-word").textContent = word(`${name}_short`);
  drawSound(isSilent);
  drawHold(isByHand && isInCall, isHolding, !isWithout && line === "on");
  if (changed && (phase === "ended" || phase === "failed")) byId("line-ms").textContent = "";
}

/** One button: it sends what is written, or stops the answer while nothing is. @param {"send"|"stop"} kind @param {boolean} isEmpty */
export function drawSend(kind, isEmpty) {
  const button = /** @type {HTMLButtonElement} */ (byId("send"));
  button.dataset.kind = kind;
  button.disabled = isEmpty && kind === "send";
  button.setAttribute("aria-label", word(kind));
  button.title = word(kind);
}

/** @param {boolean} isSilent */
function drawSound(isSilent) {
  const button = byId("sound-switch");
  button.setAttribute("aria-pressed", String(!isSilent));
  button.toggleAttribute("data-off", isSilent);
  button.title = word(isSilent ? "sound_on" : "sound_off");
}

/** @param {boolean} isShown @param {boolean} isHolding @param {boolean} isEnabled */
function drawHold(isShown, isHolding, isEnabled) {
  const button = /** @type {HTMLButtonElement} */ (byId("hold"));
  button.hidden = !isShown;
  button.disabled = !isEnabled;
  button.toggleAttribute("data-held", isHolding);
  byId("hold-word").textContent = word(isHolding ? "release_to_send" : "hold_to_talk");
}

/** @param {Phase} phase @param {Mic} mic @param {Line} line @param {boolean} isByHand */
function markWord(phase, mic, line, isByHand) {
  if (line === "shaky") return "phase_shaky";
  if (phase === "listening" && isByHand && mic === "on") return "phase_heard";
  if (phase === "listening" && mic === "muted") return isByHand ? "phase_by_hand" : "phase_muted";
  if (phase === "listening" && mic === "none") return "phase_typing";
  if (phase === "listening" && mic === "asked") return "phase_asked";
  return `phase_${phase}`;
}

/**
 * @param {{key: string, detail?: string, isBad?: boolean, action?: {key: string, run: () => void}}|null} notice
 */
export function drawNotice(notice) {
  const box = byId("notice");
  box.hidden = notice === null;
  if (!notice) return;
  box.dataset.kind = notice.isBad ? "bad" : "warn";
  const words = byId("notice-words");
  words.textContent = word(notice.key);
  if (notice.detail) {
    const detail = document.createElement("span");
    detail.className = "detail";
    detail.textContent = notice.detail;
    words.append(detail);
  }
  const action = byId("notice-action");
  action.hidden = !notice.action;
  action.textContent = notice.action ? word(notice.action.key) : "";
  action.onclick = notice.action?.run ?? null;
}

/** @param {string} tag @param {string} className @param {string} [text] @returns {HTMLElement} */
export function element(tag, className, text) {
  const made = document.createElement(tag);
  if (className) made.className = className;
  if (text !== undefined) made.textContent = text;
  return made;
}
