// @ts-check
/**
 * The wiring: what the person does goes to the caller, what it tells goes to the page. Every decision about the call, its
 * words, order and turns is made in the files it imports.
 */
import { drawAbout, fetchAbout } from "./about.js";
import { Attachment } from "./attachment.js";
import { Caller } from "./caller.js";
import { keep, kept } from "./kept.js";
import { bindKeys } from "./keys.js";
import { Mark } from "./mark.js";
import { loudness, wakeAudio } from "./meter.js";
import { listDevices } from "./microphone.js";
import { byId, drawNotice, drawSend, drawState, drawWords, element } from "./page.js";
import { CallError } from "./problems.js";
import { loadSettings, saveSettings } from "./settings.js";
import { firstWords, keepLanguage, language, speakIn, speakMore } from "./words.js";

const BASE = new URL(".", document.baseURI).href;
const EVERY_MS = 2_000;

const sound = /** @type {HTMLAudioElement} */ (byId("sound"));
const text = /** @type {HTMLTextAreaElement} */ (byId("text"));
const mark = new Mark(/** @type {any} */ (byId("mark")));

/** @type {import("./about.js").About|null} */ let about = null;
let isAboutKnown = false;
let isSilent = false; // the person turned the other voice off
let isSending = false;
let isDrawDue = false;
let hasArchived = true;
let conversationId = crypto.randomUUID();
let settings = loadSettings();
/** @type {typeof import("./in-call.js")|null} */ let inCall = null;
/** @type {import("./transcript-view.js").TranscriptView|null} */ let view = null;
/** @type {import("./realtime-call.js").RealtimeCall|null} */ let viewed = null; // the call whose view was asked for
/** @type {import("./awake.js").StayAwake|null} */ let awake = null;
/** @type {import("./conversation-panel.js").ConversationPanel|null} */ let panel = null;
/** @type {import("./settings-sheet.js").SettingsSheet|null} */ let sheet = null;
/** @type {import("./past.js").PastSheet|null} */ let past = null;
/** @type {[any, (keyof import("./settings.js").Settings)[]]|null} the session, and what of the settings it does not follow */ let told = null;
let outputPeak = 0;
let outputLevel = 0;
let inputLevel = 0;
/** @type {object|null} */ let drawnNotice = null;

const caller = new Caller({ base: BASE, sound, settings: () => settings }, {
  onChange: () => {
    if (caller.call?.state === "connected" && caller.call !== viewed) {
      viewed = caller.call; // once for each call: a server that is gone is not asked for ever
      void fetched(openCallView);
    }
    hasArchived = false;
    drawSoon();
  },
  onOver: () => {
    awake?.end();
    void archive();
  },
  onSession: (...news) => {
    told = news;
    sheet?.told(...news);
  },
});

// ── what is seldom opened is fetched when it is ─────────────────────────────────────────────────────────────────

/** Fetches what a person asked for, or says why it does not come. @param {() => Promise<unknown>} open */
async function fetched(open) {
  try {
    await open();
  } catch {
    caller.say({ key: "server_gone" });
  }
}

async function openCallView() {
  [inCall] = await Promise.all([import("./in-call.js"), speakMore()]);
  inCall.drawLine(caller.line);
  if (!awake && caller.call) (awake = new inCall.StayAwake()).begin();
  view ??= new inCall.TranscriptView(byId("transcript"), byId("newest"), announce);
  panel ??= new inCall.ConversationPanel(written, (key) => caller.say({ key }));
  drawSoon();
}

async function openSettings() {
  if (!sheet) {
    const [{ SettingsSheet }] = await Promise.all([import("./settings-sheet.js"), speakMore()]);
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

async function openKeys() {
  const [sheet] = await Promise.all([import("./keys-sheet.js"), speakMore()]);
  sheet.openKeys();
}

async function openPast() {
  const [{ PastSheet }] = await Promise.all([import("./past.js"), speakMore()]);
  (past ??= new PastSheet(archive)).open();
}

const attachment = new Attachment({ onChange: () => drawSoon(), onProblem: (key) => caller.say({ key }) });

// ── what the person does ────────────────────────────────────────────────────────────────────────────────────────

/** @param {{withMicrophone: boolean}} options */
function start(options) {
  if (caller.call) return;
  caller.start(options);
  const { call } = /** @type {Caller} */ (caller); // another one than above
  call?.setOutputMuted(isSilent);
  awake?.begin();
}

async function submit() {
  const typed = text.value;
  const words = typed.trim();
  if (byId("send").dataset.kind === "stop") caller.call?.interrupt();
  if (isSending || (words === "" && attachment.isEmpty)) return;
  // Who types first need not be asked for a microphone; it can be turned on at any time.
  start({ withMicrophone: false });
  const call = caller.call;
  if (!call) return;
  void openCallView().catch(() => {}); // words that are written are seen at once; tried again when the call stands
  isSending = true; // a second Enter while the photo is being made small is not a second message
  try {
    /** @type {string|null} */ let image = null;
    if (!attachment.isEmpty) {
      await call.connect(); // only then is it known how large a photo may be
      image = await attachment.encode(call.messageLimit - new Blob([words]).size);
      if (caller.call !== call || image === null) return;
    }
    call.sendText(words, { image });
  } catch (error) {
    // A call that did not come about has told why itself.
    if (caller.call === call) caller.say({ key: error instanceof CallError ? error.problem.kind : "unexpected" });
    return;
  } finally {
    isSending = false;
  }
  attachment.clear();
  if (text.value.startsWith(typed)) text.value = text.value.slice(typed.length); // what was typed meanwhile stays
  view?.followAgain();
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
  return { id: conversationId, startedAt: caller.startedAt, endedAt: Date.now(), entries: inCall?.pastEntries(caller.entries) ?? [] };
}

async function archive() {
  hasArchived = true;
  const conversation = written();
  if (!settings.keepsPast || !conversation.entries.some(({ role, text, image }) => role !== "note" && (text !== "" || image))) return;
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
    view?.draw(caller.entries);
    panel?.drawn();
    inCall?.drawAnswers(caller.turns);
    const isEmpty = text.value.trim() === "" && attachment.isEmpty;
    drawSend(isEmpty && (caller.phase === "speaking" || caller.phase === "thinking") ? "stop" : "send", isEmpty);
  });
}

function drawAll() {
  drawWords();
  if (isAboutKnown) drawAbout(byId("about"), about);
  drawNotice(caller.notice);
  inCall?.drawLine(caller.line);
  view?.redraw(caller.entries);
  drawSoon();
}

/** Says a finished line to screen readers. @param {string} words */
function announce(words) {
  const said = byId("announcer");
  said.append(element("p", "", words));
  while (said.childElementCount > 4) said.firstElementChild?.remove();
}

/** @param {number} at */
function frame(at) {
  ({ input: inputLevel, output: outputLevel } = caller.beat(at));
  outputPeak = Math.max(outputPeak, outputLevel);
  mark.draw(at, loudness(inputLevel), loudness(outputLevel));
  view?.beat();
  requestAnimationFrame(frame);
}

async function switchLanguage() {
  const next = language() === "en" ? "ru" : "en";
  try {
    await speakIn(next);
  } catch {
    caller.say({ key: "server_gone" });
    return;
  }
  keepLanguage(next);
  drawAll();
}

function switchTheme() {
  const root = document.documentElement;
  const isDark = root.dataset.theme ? root.dataset.theme === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
  root.dataset.theme = isDark ? "light" : "dark";
  keep("antiphon.theme", root.dataset.theme);
  tintBrowser();
}

/** The browser's own bar takes the colour of the page. */
function tintBrowser() {
  const { backgroundColor } = getComputedStyle(document.body);
  for (const meta of document.querySelectorAll("meta[name=theme-color]")) meta.setAttribute("content", backgroundColor);
}

function toggleSide() {
  const root = document.documentElement;
  root.dataset.side = isSideOpen() ? "" : "open";
  byId("details").setAttribute("aria-expanded", String(isSideOpen()));
}

function findWords() {
  if (isSideOpen()) toggleSide(); // it covers what is looked through
  if (panel) panel.focus(); // at once, or the next letter would go elsewhere
  else if (caller.entries.length > 0) void fetched(openCallView).then(() => panel?.focus());
}

function isSideOpen() {
  return document.documentElement.dataset.side === "open";
}

// ── begin ───────────────────────────────────────────────────────────────────────────────────────────────────────

const theme = kept("antiphon.theme");
if (theme === "light" || theme === "dark") {
  document.documentElement.dataset.theme = theme;
  tintBrowser();
}
await firstWords;
sound.volume = settings.volume;
drawAll();

byId("start").addEventListener("click", () => start({ withMicrophone: true }));
byId("call").addEventListener("click", () => (caller.call ? caller.hangUp() : start({ withMicrophone: true })));
byId("mute").addEventListener("click", () => caller.toggleMute());
byId("sound-switch").addEventListener("click", toggleSound);
byId("settings-open").addEventListener("click", () => void fetched(openSettings));
byId("past-open").addEventListener("click", () => void fetched(openPast));
for (const id of ["call", "mute", "sound-switch"]) {
  // A finger or mouse leaves no focus behind: Space, held to talk, would press the button again and end the call.
  byId(id).addEventListener("click", (event) => event.detail > 0 && byId(id).blur());
}
byId("keys-open").addEventListener("click", () => void fetched(openKeys));
byId("notice-close").addEventListener("click", () => caller.say(null));
for (const id of ["language", "language-more"]) byId(id).addEventListener("click", () => void switchLanguage());
byId("theme").addEventListener("click", switchTheme);
byId("details").addEventListener("click", toggleSide);
byId("find-open").addEventListener("click", findWords);
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
for (const [kind, isDown] of /** @type {const} */ ([["keydown", true], ["keyup", false]])) {
  hold.addEventListener(kind, (event) => {
    if (event.code !== "Space" && event.code !== "Enter") return;
    event.preventDefault();
    if (!event.repeat) caller.hold(isDown);
  });
}
hold.addEventListener("blur", () => caller.hold(false));
// A screen reader presses without holding: once to talk, once to send.
hold.addEventListener("click", (event) => event.detail === 0 && caller.hold(!caller.isHolding));
hold.addEventListener("pointerdown", (event) => {
  if (caller.hold(true)) hold.setPointerCapture(event.pointerId); // a finger that slips off goes on holding
});
for (const end of ["pointerup", "pointercancel"]) hold.addEventListener(end, () => caller.hold(false));
hold.addEventListener("contextmenu", (event) => event.preventDefault()); // a long touch
bindKeys({
  interrupt: () => (isSideOpen() ? toggleSide() : caller.call?.interrupt()),
  toggleMute: () => caller.toggleMute(),
  holdToTalk: (holds) => caller.hold(holds),
  focusText: () => text.focus(),
  find: findWords,
  settings: () => void fetched(openSettings),
  areOn: () => settings.hasKeys,
  help: () => void fetched(openKeys),
});
addEventListener("pagehide", () => {
  caller.hangUp();
  if (!hasArchived) void archive();
});
document.addEventListener("visibilitychange", () => caller.call && !document.hidden && wakeAudio());
setInterval(() => {
  inCall?.watchLine(caller);
  inCall?.drawAnswers(caller.turns);
  panel?.cost(caller.usage, caller.seconds);
  if (!hasArchived) void archive();
}, EVERY_MS);
requestAnimationFrame(frame);
void fetchAbout(BASE).then((answer) => {
  about = answer;
  isAboutKnown = true;
  drawAbout(byId("about"), about);
  byId("inspect").hidden = !about?.inspect;
});

document.documentElement.dataset.ready = ""; // until here nothing would have answered

/** For tests and measurements; nothing here changes anything. */
Object.defineProperty(window, "antiphon", {
  value: Object.freeze({
    get state() { return caller.phase; },
    get line() { return caller.lineState; },
    get transport() { return caller.call?.transport ?? null; },
    get microphone() { return caller.mic; },
    get problem() { return caller.notice?.key ?? null; },
    get callId() { return caller.call?.id ?? null; },
    get answers() {
      return caller.turns.flatMap(({ kind, started_at, heard_at }) => (heard_at === null || kind === "unasked" ? [] : [{ kind, ms: heard_at - started_at }]));
    },
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
