// @ts-check
/**
 * The wiring: what the person does goes to the caller, what it tells goes to the page. Every decision about the call, its
 * words, order and turns is made in the files it imports.
 */
import { drawAbout, fetchAbout } from "./about.js";
import { drawAnswers } from "./answers-panel.js";
import { Attachment } from "./attachment.js";
import { Caller } from "./caller.js";
import { ConversationPanel } from "./conversation-panel.js";
import { bindKeys } from "./keys.js";
import { drawLine } from "./line-panel.js";
import { Mark } from "./mark.js";
import { loudness, wakeAudio } from "./meter.js";
import { listDevices } from "./microphone.js";
import { byId, drawNotice, drawSend, drawState, drawWords } from "./page.js";
import { CallError } from "./problems.js";
import { loadSettings, saveSettings } from "./settings.js";
import { StayAwake } from "./awake.js";
import { TranscriptView } from "./transcript-view.js";
import { language, preferredLanguage, speakIn } from "./words.js";

const BASE = new URL(".", document.baseURI).href;
const EVERY_MS = 2_000;

const sound = /** @type {HTMLAudioElement} */ (byId("sound"));
const text = /** @type {HTMLTextAreaElement} */ (byId("text"));
const mark = new Mark(/** @type {any} */ (byId("mark")));
const view = new TranscriptView(byId("transcript"), byId("newest"), (words) => (byId("announcer").textContent = words));
const awake = new StayAwake();

/** @type {import("./about.js").About|null} */ let about = null;
let isAboutKnown = false;
let isSilent = false; // the person turned the other voice off
let isSending = false;
let isDrawDue = false;
let hasArchived = true;
let conversationId = crypto.randomUUID();
/** @type {string|null} */ let warnedOf = null; // of each trouble once in a call
let settings = loadSettings();
/** @type {import("./settings-sheet.js").SettingsSheet|null} */ let sheet = null;
/** @type {import("./past.js").PastSheet|null} */ let past = null;
/** @type {[any, (keyof import("./settings.js").Settings)[]]|null} the session, and what of the settings it does not follow */ let told = null;
let outputPeak = 0;
let outputLevel = 0;
let inputLevel = 0;
/** @type {object|null} */ let drawnNotice = null;

const caller = new Caller({ base: BASE, sound, settings: () => settings }, {
  onChange: () => {
    hasArchived = false;
    drawSoon();
  },
  onOver: () => {
    awake.end();
    void archive();
  },
  onSession: (...news) => {
    told = news;
    sheet?.told(...news);
  },
});
/** What is seldom opened is fetched when it is. */
async function openSettings() {
  if (!sheet) {
    const { SettingsSheet } = await import("./settings-sheet.js");
    sheet ??= new SettingsSheet(settings, {
      onChange: (chosen, before) => {
        settings = chosen;
        saveSettings(settings);
        sound.volume = settings.volume;
        void caller.follow(settings, before);
        drawSoon();
      },
      devices: listDevices,
      forgetPast: async () => (await import("./archive.js")).forgetAllConversations(),
    });
    if (told) sheet.told(...told);
  }
  sheet.open();
}

async function openPast() {
  const { PastSheet } = await import("./past.js");
  (past ??= new PastSheet(archive)).open();
}

const panel = new ConversationPanel(written, (key) => caller.say({ key }));
const attachment = new Attachment({ onChange: () => drawSoon(), onProblem: (key) => caller.say({ key }) });

// ── what the person does ────────────────────────────────────────────────────────────────────────────────────────

/** @param {{withMicrophone: boolean}} options */
function start(options) {
  if (caller.call) return;
  caller.start(options);
  const { call } = /** @type {Caller} */ (caller); // another one than above
  call?.setOutputMuted(isSilent);
  awake.begin();
}

async function submit() {
  const words = text.value.trim();
  if (byId("send").dataset.kind === "stop") caller.call?.interrupt();
  if (isSending || (words === "" && attachment.isEmpty)) return;
  // Who types first need not be asked for a microphone; it can be turned on at any time.
  start({ withMicrophone: false });
  const call = caller.call;
  if (!call) return;
  isSending = true; // a second Enter while the photo is being made small is not a second message
  const hadPhoto = !attachment.isEmpty;
  const image = await attachment.send(call.messageLimit - new Blob([words]).size).finally(() => (isSending = false));
  if (caller.call !== call || (hadPhoto && image === null)) return;
  try {
    call.sendText(words, { image });
  } catch (error) {
    caller.say({ key: error instanceof CallError ? error.problem.kind : "unexpected" });
    return;
  }
  text.value = "";
  view.followAgain();
  drawSoon();
}

function toggleSound() {
  isSilent = !isSilent;
  caller.call?.setOutputMuted(isSilent);
  drawSoon();
}

// ── what is kept ────────────────────────────────────────────────────────────────────────────────────────────────

/** The conversation on this page as one keeps it. @returns {import("./archive.js").PastConversation} */
function written() {
  const entries = caller.entries.flatMap(({ type, role, text, heard, images, tool }) => (type === "ui" ? [] : [{
    role: type === "tool" ? "assistant" : role, text, heard, image: images[0] ?? null, tool: tool && { name: tool.name, arguments: tool.text, output: tool.output },
  }]));
  return { id: conversationId, startedAt: caller.startedAt, endedAt: Date.now(), entries };
}

async function archive() {
  hasArchived = true;
  const conversation = written();
  if (!settings.keepsPast || !conversation.entries.some((entry) => entry.text !== "" || entry.image)) return;
  await import("./archive.js").then(({ keepConversation }) => keepConversation(conversation)).catch(() => {}); // a private window keeps nothing, and the sheet says so
}

// ── drawing ─────────────────────────────────────────────────────────────────────────────────────────────────────

function drawSoon() {
  if (isDrawDue) return;
  isDrawDue = true;
  queueMicrotask(() => {
    isDrawDue = false;
    const isByHand = settings.turns === "push_to_talk";
    const hasTranscript = caller.entries.length > 0;
    drawState({ phase: caller.phase, mic: caller.mic, line: caller.lineState, hasTranscript, isSilent, isByHand, isHolding: caller.isHolding });
    if (drawnNotice !== caller.notice) drawNotice(caller.notice);
    drawnNotice = caller.notice;
    view.draw(caller.entries);
    panel.drawn();
    drawAnswers(caller.turns);
    const isEmpty = text.value.trim() === "" && attachment.isEmpty;
    drawSend(isEmpty && (caller.phase === "speaking" || caller.phase === "thinking") ? "stop" : "send", isEmpty);
  });
}

function drawAll() {
  drawWords();
  if (isAboutKnown) drawAbout(byId("about"), about);
  drawNotice(caller.notice);
  drawLine(caller.line);
  view.redraw(caller.entries);
  drawSoon();
}

/** @param {number} at */
function frame(at) {
  ({ input: inputLevel, output: outputLevel } = caller.beat(at));
  outputPeak = Math.max(outputPeak, outputLevel);
  mark.draw(at, loudness(inputLevel), loudness(outputLevel));
  requestAnimationFrame(frame);
}

function switchLanguage() {
  const next = language() === "en" ? "ru" : "en";
  localStorage.setItem("antiphon.language", next);
  speakIn(next);
  drawAll();
}

function switchTheme() {
  const root = document.documentElement;
  const isDark = root.dataset.theme ? root.dataset.theme === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
  root.dataset.theme = isDark ? "light" : "dark";
  localStorage.setItem("antiphon.theme", root.dataset.theme);
}

function toggleSide() {
  const root = document.documentElement;
  root.dataset.side = root.dataset.side === "open" ? "" : "open";
  byId("details").setAttribute("aria-expanded", String(root.dataset.side === "open"));
}

function findWords() {
  if (!matchMedia("(min-width: 960px)").matches && document.documentElement.dataset.side !== "open") toggleSide();
  panel.focus();
}

// ── begin ───────────────────────────────────────────────────────────────────────────────────────────────────────

const theme = localStorage.getItem("antiphon.theme");
if (theme === "light" || theme === "dark") document.documentElement.dataset.theme = theme;
speakIn(preferredLanguage());
sound.volume = settings.volume;
drawAll();

byId("start").addEventListener("click", () => start({ withMicrophone: true }));
byId("call").addEventListener("click", () => (caller.call ? caller.hangUp() : start({ withMicrophone: true })));
byId("mute").addEventListener("click", () => caller.toggleMute());
byId("sound-switch").addEventListener("click", toggleSound);
byId("settings-open").addEventListener("click", () => void openSettings());
byId("past-open").addEventListener("click", () => void openPast());
for (const id of ["call", "mute", "sound-switch"]) {
  // A finger or mouse leaves no focus behind: Space, held to talk, would press the button again and end the call.
  byId(id).addEventListener("click", (event) => event.detail > 0 && byId(id).blur());
}
byId("keys-open").addEventListener("click", () => /** @type {HTMLDialogElement} */ (byId("keys")).showModal());
byId("notice-close").addEventListener("click", () => caller.say(null));
byId("language").addEventListener("click", switchLanguage);
byId("theme").addEventListener("click", switchTheme);
byId("details").addEventListener("click", toggleSide);
byId("composer").addEventListener("submit", (event) => {
  event.preventDefault();
  void submit();
});
text.addEventListener("input", drawSoon);
text.addEventListener("keydown", (event) => {
  if (event.key !== "Enter" || event.shiftKey || event.isComposing) return;
  event.preventDefault();
  void submit();
});
const hold = byId("hold");
hold.addEventListener("pointerdown", (event) => {
  if (caller.hold(true)) hold.setPointerCapture(event.pointerId); // a finger that slips off goes on holding
});
for (const end of ["pointerup", "pointercancel"]) hold.addEventListener(end, () => caller.isHolding && caller.hold(false));
hold.addEventListener("contextmenu", (event) => event.preventDefault()); // a long touch
bindKeys({
  interrupt: () => caller.call?.interrupt(),
  toggleMute: () => caller.toggleMute(),
  holdToTalk: (holds) => caller.hold(holds),
  focusText: () => text.focus(),
  find: findWords,
  settings: () => void openSettings(),
});
addEventListener("pagehide", () => {
  caller.hangUp();
  if (!hasArchived) void archive();
});
document.addEventListener("visibilitychange", () => caller.call && !document.hidden && wakeAudio());
setInterval(() => {
  const { verdict, cause } = drawLine(caller.line);
  if (verdict === "poor" && caller.notice === null && warnedOf !== cause) caller.say({ key: `link_poor_${warnedOf = cause}` });
  if (!caller.call) warnedOf = null;
  panel.cost(caller.usage, caller.call ? (Date.now() - caller.startedAt) / 1000 : null);
  if (!hasArchived) void archive();
}, EVERY_MS);
requestAnimationFrame(frame);
void fetchAbout(BASE).then((answer) => {
  about = answer;
  isAboutKnown = true;
  drawAbout(byId("about"), about);
  byId("inspect").hidden = !about?.inspect;
});

/** For tests and measurements; nothing here changes anything. */
Object.defineProperty(window, "antiphon", {
  value: Object.freeze({
    get state() { return caller.phase; },
    get line() { return caller.lineState; },
    get transport() { return caller.call?.transport ?? null; },
    get microphone() { return caller.mic; },
    get problem() { return caller.notice?.key ?? null; },
    get callId() { return caller.call?.id ?? null; },
    get answers() { return caller.activity.answers.map((answer) => ({ ...answer })); },
    /** RMS of the other voice, 0 to 1. */
    get outputLevel() { return outputLevel; },
    /** The loudest it has been since the page was opened. */
    get outputPeak() { return outputPeak; },
    get inputLevel() { return inputLevel; },
    get transcript() {
      return caller.entries.map(({ id, type, role, text, status, heard, images, tool, is_interrupted: interrupted, payload }) => (type === "ui"
        ? { id, kind: "note", key: payload?.key, detail: payload?.detail ?? "" }
        : {
          id, kind: type === "tool" ? "tool" : "message", role, text, status, interrupted, heard, hasImage: images.length > 0,
          tool: tool && { callId: tool.call_id, name: tool.name, arguments: tool.text, output: tool.output, startedAt: tool.started_at, endedAt: tool.ended_at },
        }));
    },
  }),
});
