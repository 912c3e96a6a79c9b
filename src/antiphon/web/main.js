// @ts-check
/**
 * The wiring: what the person does goes to the call, what the call tells goes through the reducers to the page. It holds
 * the page's whole state in one place; every decision about words, order and turns is made in the files it imports.
 */
import { activityOf, reduceActivity, restingActivity } from "./activity.js";
import { drawAbout, fetchAbout } from "./about.js";
import { Attachment } from "./attachment.js";
import { Call } from "./call.js";
import { forgetAllConversations, keepConversation } from "./archive.js";
import { ConversationPanel } from "./conversation-panel.js";
import { bindKeys } from "./keys.js";
import { drawLine } from "./line-panel.js";
import { readLink } from "./link.js";
import { Mark } from "./mark.js";
import { loudness, Meter, wakeAudio } from "./meter.js";
import { Outbox } from "./outbox.js";
import { byId, drawAnswers, drawNotice, drawState, drawWords } from "./page.js";
import { PastSheet } from "./past.js";
import { withSample } from "./quality.js";
import { loadSettings, saveSettings } from "./settings.js";
import { SettingsSheet } from "./settings-sheet.js";
import { emptyTranscript, entriesOf, reduceTranscript, textOf } from "./transcript.js";
import { TranscriptView } from "./transcript-view.js";
import { preferredLanguage, speakIn, language } from "./words.js";

const BASE = new URL(".", document.baseURI).href;
const AUDIBLE = 0.003; // RMS, about -50 dBFS: under speech, over the noise of a codec
const LINK_EVERY_MS = 2_000;
const SILENT_MIC_MS = 5_000;
const ASKING_MS = 800;
const EXACT_SILENCE = 1e-5;

/** @type {Call|null} */ let call = null;
/** @type {"idle"|"ended"|"failed"} */ let rest = "idle"; // what to show while there is no call
/** @type {import("./page.js").Mic} */ let mic = "off";
let transcript = emptyTranscript();
let activity = restingActivity();
let outbox = new Outbox();
/** @type {Parameters<typeof drawNotice>[0]} */ let notice = null;
/** @type {import("./about.js").About|null} */ let about = null;
let isAboutKnown = false;
let heardSinceStart = false;
let micSoundedAt = 0;
let outputPeak = 0;
let isAsking = false; // the browser asks for the microphone
let isSending = false;
let isDrawDue = false;
let isSilent = false; // the person turned the other voice off
let isHolding = false; // talking by hand
let hasArchived = true;
/** @type {readonly import("./quality.js").LineSample[]} */ let line = [];
/** When this conversation began, unix milliseconds, and its name in the archive. */
let began = { at: Date.now(), id: crypto.randomUUID() };

const sound = /** @type {HTMLAudioElement} */ (byId("sound"));
const text = /** @type {HTMLTextAreaElement} */ (byId("text"));
const yourMeter = new Meter();
const theirMeter = new Meter();
const mark = new Mark(/** @type {any} */ (byId("mark")));
const view = new TranscriptView(byId("transcript"), byId("newest"), (words) => (byId("announcer").textContent = words));
const panel = new ConversationPanel(written, (key) => say({ key }));
new PastSheet(archive);
const sheet = new SettingsSheet(loadSettings(), {
  onChange: (settings) => {
    saveSettings(settings);
    applySound();
  },
  devices: async () => {
    const found = (await navigator.mediaDevices?.enumerateDevices?.()) ?? [];
    return {
      microphones: found.filter((device) => device.kind === "audioinput"),
      speakers: "setSinkId" in HTMLMediaElement.prototype ? found.filter((device) => device.kind === "audiooutput") : [],
    };
  },
  forgetPast: forgetAllConversations,
});
const attachment = new Attachment({ onChange: () => drawSoon(), onProblem: (key) => say({ key }) });

// ── the call ────────────────────────────────────────────────────────────────────────────────────────────────────

/** @param {{withMicrophone: boolean}} options */
function start({ withMicrophone }) {
  if (call) return;
  wakeAudio();
  unlockSound();
  say(null);
  hear({ type: "local.call_began" });
  activity = restingActivity();
  outbox = new Outbox();
  unconfirmed.clear();
  mic = withMicrophone ? "on" : "none";
  heardSinceStart = false;
  /** @type {Call} */
  const mine = new Call({
    onPhase: (phase, problem) => call === mine && onPhase(phase, problem),
    onEvent: (event) => call === mine && hear(event),
    onMicrophone: (stream, problem) => call === mine && onMicrophone(stream, problem),
    onVoice: (stream) => call === mine && onVoice(stream),
  }, BASE);
  call = mine;
  void mine.start({ withMicrophone });
  isAsking = withMicrophone;
  // Only if the browser really asks: an answer that it remembers comes at once.
  setTimeout(() => call === mine && isAsking && say({ key: "allow_microphone" }), ASKING_MS);
}

/** @param {import("./call.js").CallPhase} phase @param {import("./call.js").Problem|null} problem */
function onPhase(phase, problem) {
  if (phase === "over") {
    call = null;
    mic = "off";
    rest = problem && problem.kind !== "other_side_ended" ? "failed" : "ended";
    yourMeter.listenTo(null);
    theirMeter.listenTo(null);
    sound.srcObject = null;
    hear({ type: "local.call_over" });
    activity = { ...restingActivity(), answers: activity.answers };
    void archive();
    if (problem) say({ key: problem.kind, detail: problem.detail, isBad: rest === "failed" });
    else say(null);
  } else if (phase === "shaky") {
    say({ key: "shaky" });
  } else if (phase === "live" && notice?.key === "shaky") {
    say(null);
  }
  drawSoon();
}

/** @param {MediaStream|null} stream @param {import("./call.js").Problem|null} problem */
function onMicrophone(stream, problem) {
  isAsking = false;
  mic = stream ? (call?.isMuted ? "muted" : "on") : "none";
  micSoundedAt = performance.now();
  yourMeter.listenTo(stream);
  if (problem) say({ key: problem.kind });
  else if (notice?.key.startsWith("microphone_") || notice?.key === "allow_microphone") say(null);
  drawSoon();
}

/** @param {MediaStream} stream */
function onVoice(stream) {
  sound.srcObject = stream;
  theirMeter.listenTo(stream);
  sound.play().catch(() => {
    if (call) say({ key: "sound_blocked", action: { key: "sound_on", run: () => void sound.play().then(() => say(null)) } });
  });
}

/** In the tap itself: later, browsers may keep the sound off. */
function unlockSound() {
  sound.muted = false;
  sound.srcObject = new MediaStream();
  sound.play().catch(() => {}); // an empty stream need not start; the tap is remembered all the same
}

/** An event of the server or of the page itself. @param {any} event */
function hear(event) {
  const at = performance.now();
  transcript = reduceTranscript(transcript, event, at);
  activity = reduceActivity(activity, event, at);
  if (event.type === "input_audio_buffer.speech_started") heardSinceStart = true;
  if (event.type === "output_audio_buffer.started" || event.type === "response.created") sound.muted = isSilent;
  if (event.type === "error" && unconfirmed.has(event.error?.event_id)) {
    transcript = reduceTranscript(transcript, { type: "local.unsent", item_id: unconfirmed.get(event.error.event_id) }, at);
    unconfirmed.delete(event.error.event_id);
  } else if (event.type === "conversation.item.added") {
    for (const [eventId, itemId] of unconfirmed) if (itemId === event.item?.id) unconfirmed.delete(eventId);
  }
  if (call) call.send(outbox.hear(event));
  hasArchived = false;
  drawSoon();
}

// ── what the person does ────────────────────────────────────────────────────────────────────────────────────────

/** Which of the page's events carried which message, to mark a refused one. @type {Map<string, string>} */
const unconfirmed = new Map();

async function submit() {
  const words = text.value.trim();
  if (isSending || (words === "" && attachment.isEmpty)) return;
  // Who types first need not be asked for a microphone; it can be turned on at any time.
  if (!call) start({ withMicrophone: false });
  const mine = call;
  if (!mine) return;
  isSending = true; // a second Enter while the photo is being made small is not a second message
  const hadPhoto = !attachment.isEmpty;
  const image = await attachment.send(mine.messageLimit - new Blob([words]).size).finally(() => (isSending = false));
  if (call !== mine || (hadPhoto && image === null)) return;

  const id = `item_${crypto.getRandomValues(new Uint32Array(4)).join("").slice(0, 24)}`;
  const events = outbox.say({ id, text: words, image });
  if (!mine.send(events)) {
    say({ key: "message_too_large" });
    return;
  }
  const created = /** @type {any} */ (events.find((event) => "item" in event));
  unconfirmed.set(created.event_id, id);
  if (activity.output !== null) sound.muted = true; // at once; the server's word takes a moment
  text.value = "";
  hear({ type: "local.item", item: created.item });
  hear({ type: "local.sent" });
  view.followAgain();
}

function interrupt() {
  if (!call || !outbox.canInterrupt) return;
  sound.muted = true;
  call.send(outbox.interrupt());
}

/** Volume, silence and speaker, as they were chosen. */
function applySound() {
  sound.volume = sheet.settings.volume;
  if (isSilent) sound.muted = true;
  const { speaker } = sheet.settings;
  if ("setSinkId" in sound && sound.sinkId !== (speaker ?? "")) void sound.setSinkId(speaker ?? "").catch(() => sound.setSinkId(""));
}

function toggleSound() {
  isSilent = !isSilent;
  sound.muted = isSilent;
  drawSoon();
}

/** @param {boolean} holds @returns {boolean} whether there was anything to be held for */
function holdToTalk(holds) {
  if (!holds) {
    setMuted(true);
    return false;
  }
  if (mic !== "muted") return false;
  setMuted(false);
  return true;
}

function toggleMute() {
  if (!call) return;
  if (mic === "none") {
    say({ key: "allow_microphone" });
    void call.addMicrophone();
    return;
  }
  setMuted(mic !== "muted");
}

/** @param {boolean} isMuted */
function setMuted(isMuted) {
  if (!call || (mic !== "on" && mic !== "muted")) return;
  call.setMuted(isMuted);
  mic = isMuted ? "muted" : "on";
  micSoundedAt = performance.now();
  drawSoon();
}

/** @param {Parameters<typeof drawNotice>[0]} news */
function say(news) {
  notice = news;
  drawNotice(notice);
}

// ── drawing ─────────────────────────────────────────────────────────────────────────────────────────────────────

function phaseNow() {
  if (!call) return rest;
  if (call.phase === "connecting" || call.phase === "new") return "connecting";
  return activityOf(activity);
}

function lineNow() {
  if (!call) return "off";
  return call.phase === "live" ? "on" : call.phase === "shaky" ? "shaky" : "connecting";
}

function drawSoon() {
  if (isDrawDue) return;
  isDrawDue = true;
  queueMicrotask(() => {
    isDrawDue = false;
    const isByHand = sheet.settings.turns === "push_to_talk";
    drawState({ phase: phaseNow(), mic, line: lineNow(), hasTranscript: entriesOf(transcript).length > 0, isSilent, isByHand, isHolding });
    view.draw(transcript);
    panel.drawn();
    drawAnswers(activity.answers);
    /** @type {HTMLButtonElement} */ (byId("send")).disabled = text.value.trim() === "" && attachment.isEmpty;
  });
}

function drawAll() {
  drawWords();
  if (isAboutKnown) drawAbout(byId("about"), about);
  drawNotice(notice);
  drawLine(line);
  view.redraw(transcript);
  drawSoon();
}

/** @param {number} at */
function frame(at) {
  const you = mic === "on" ? yourMeter.level : 0;
  const them = theirMeter.level;
  outputPeak = Math.max(outputPeak, them);
  if (you > EXACT_SILENCE || mic !== "on") micSoundedAt = at;
  if (call?.phase === "live") {
    if (them > AUDIBLE && activity.waiting !== null && activity.output !== null) hear({ type: "local.sound" });
    if (activity.turn === "awaiting") hear({ type: "local.tick" });
    // A headset's own switch gives exact zeros, and no browser tells.
    if (!heardSinceStart && notice === null && at - micSoundedAt > SILENT_MIC_MS) {
      micSoundedAt = Infinity;
      say({ key: "microphone_silent" });
    }
  }
  mark.draw(at, loudness(you), sound.muted && !isSilent ? 0 : loudness(them));
  requestAnimationFrame(frame);
}

async function watchLink() {
  const peer = call?.phase === "live" ? call.peer : null;
  const read = peer ? await readLink(peer).catch(() => null) : null;
  line = read ? withSample(line, { roundTripMs: read.roundTripMs, lossPercent: read.lossPercent, jitterMs: null, kbps: null }) : [];
  drawLine(line);
  if (!hasArchived) await archive();
}

/** The conversation on this page as one keeps it. @returns {import("./archive.js").PastConversation} */
function written() {
  const entries = entriesOf(transcript).flatMap((entry) => (entry.kind === "note" ? [] : [{
    role: entry.role, text: textOf(entry), heard: Object.values(entry.parts)[0]?.heard ?? null, image: entry.image,
    tool: entry.tool && { name: entry.tool.name, arguments: entry.tool.arguments, output: entry.tool.output },
  }]));
  return { id: began.id, startedAt: began.at, endedAt: Date.now(), entries };
}

async function archive() {
  hasArchived = true;
  const conversation = written();
  if (!sheet.settings.keepsPast || !conversation.entries.some((entry) => entry.text !== "" || entry.image)) return;
  await keepConversation(conversation).catch(() => {}); // a private window keeps nothing, and the sheet says so
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

// ── begin ───────────────────────────────────────────────────────────────────────────────────────────────────────

const theme = localStorage.getItem("antiphon.theme");
if (theme === "light" || theme === "dark") document.documentElement.dataset.theme = theme;
speakIn(preferredLanguage());
applySound();
drawAll();

byId("start").addEventListener("click", () => start({ withMicrophone: true }));
byId("call").addEventListener("click", () => (call ? call.hangUp() : start({ withMicrophone: true })));
byId("mute").addEventListener("click", toggleMute);
for (const id of ["call", "mute", "sound-switch"]) {
  // A finger or mouse leaves no focus behind: Space, held to talk, would press the button again and end the call.
  byId(id).addEventListener("click", (event) => event.detail > 0 && byId(id).blur());
}
byId("keys-open").addEventListener("click", () => /** @type {HTMLDialogElement} */ (byId("keys")).showModal());
byId("notice-close").addEventListener("click", () => say(null));
byId("language").addEventListener("click", switchLanguage);
byId("theme").addEventListener("click", switchTheme);
byId("details").addEventListener("click", () => {
  const root = document.documentElement;
  root.dataset.side = root.dataset.side === "open" ? "" : "open";
  byId("details").setAttribute("aria-expanded", String(root.dataset.side === "open"));
});
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
byId("sound-switch").addEventListener("click", toggleSound);
bindKeys({
  interrupt, toggleMute, holdToTalk,
  focusText: () => text.focus(),
  find: () => {
    if (!matchMedia("(min-width: 960px)").matches && document.documentElement.dataset.side !== "open") byId("details").click();
    panel.focus();
  },
  settings: () => sheet.open(),
});
addEventListener("pagehide", () => {
  call?.hangUp();
  if (!hasArchived) void archive();
});
document.addEventListener("visibilitychange", () => call && !document.hidden && wakeAudio());
setInterval(() => void watchLink(), LINK_EVERY_MS);
requestAnimationFrame(frame);
void fetchAbout(BASE).then((answer) => {
  about = answer;
  isAboutKnown = true;
  drawAbout(byId("about"), about);
});

/** For tests and measurements; nothing here changes anything. */
Object.defineProperty(window, "antiphon", {
  value: Object.freeze({
    get state() { return phaseNow(); },
    get line() { return lineNow(); },
    get microphone() { return mic; },
    get problem() { return notice?.key ?? null; },
    get callId() { return call?.id ?? null; },
    get answers() { return activity.answers.map((answer) => ({ ...answer })); },
    /** RMS of the other voice, 0 to 1. */
    get outputLevel() { return theirMeter.level; },
    /** The loudest it has been since the page was opened. */
    get outputPeak() { return outputPeak; },
    get inputLevel() { return yourMeter.level; },
    get transcript() {
      return entriesOf(transcript).map((entry) => (entry.kind === "note"
        ? { id: entry.id, kind: "note", key: entry.key, detail: entry.detail }
        : {
          id: entry.id, kind: entry.kind, role: entry.role, text: textOf(entry), status: entry.status, interrupted: entry.interrupted,
          heard: Object.values(entry.parts)[0]?.heard ?? null, hasImage: entry.image !== null, tool: entry.tool && { ...entry.tool },
        }));
    },
  }),
});
