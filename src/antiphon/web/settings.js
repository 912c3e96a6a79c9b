// @ts-check
/**
 * What a person may choose about a call, as plain data: how it is kept on the device, and what of it the session is asked
 * for. Pure but for `loadSettings` and `saveSettings`. Not here: the form (settings-sheet.js).
 *
 * A choice that is null is left to the server, whose agent may have a will of its own.
 *
 * @typedef {object} Settings
 * @property {string|null} microphone  device id
 * @property {string|null} speaker  device id
 * @property {number} volume  0 to 1
 * @property {string|null} voice
 * @property {number|null} speed  0.25 to 1.5
 * @property {string|null} instructions
 * @property {"server_vad"|"semantic_vad"|"push_to_talk"|null} turns
 * @property {number|null} threshold  0 to 1, of server_vad
 * @property {number|null} prefixMs  of server_vad
 * @property {number|null} silenceMs  of server_vad
 * @property {"low"|"medium"|"high"|"auto"|null} eagerness  of semantic_vad
 * @property {string|null} language  ISO 639-1, of the transcript
 * @property {boolean} isTextOnly  answers come in writing
 * @property {boolean} hasKeys  single letters do things
 * @property {boolean} keepsPast  conversations stay on this device
 */

import { keep, kept } from "./kept.js";

/** The names of the Realtime API; a server with other ones shows the one that applies. */
export const VOICES = ["alloy", "ash", "ballad", "cedar", "coral", "echo", "marin", "sage", "shimmer", "verse"];
export const TURNS = /** @type {const} */ (["server_vad", "semantic_vad", "push_to_talk"]);
export const EAGERNESS = /** @type {const} */ (["auto", "low", "medium", "high"]);

const SETTINGS_PLACE = "antiphon.settings";
const LONGEST_INSTRUCTIONS = 8000;
const TRANSCRIPTION = "gpt-4o-mini-transcribe";
/** What turn detection is where nothing else is known; a number alone cannot be sent without the rest. */
const SERVER_VAD = { threshold: 0.5, prefix_padding_ms: 300, silence_duration_ms: 500 };

/** @returns {Settings} */
export function usualSettings() {
  return {
    microphone: null, speaker: null, volume: 1, voice: null, speed: null, instructions: null, turns: null, threshold: null,
    prefixMs: null, silenceMs: null, eagerness: null, language: null, isTextOnly: false, hasKeys: true, keepsPast: true,
  };
}

/**
 * Settings from what was kept, of whatever age and shape: what is not understood is as usual.
 * @param {unknown} kept
 * @returns {Settings}
 */
export function settingsFrom(kept) {
  const given = /** @type {Record<string, unknown>} */ (typeof kept === "object" && kept !== null ? kept : {});
  const usual = usualSettings();
  return {
    microphone: shortText(given.microphone, 512),
    speaker: shortText(given.speaker, 512),
    volume: number(given.volume, 0, 1) ?? usual.volume,
    voice: shortText(given.voice, 64),
    speed: number(given.speed, 0.25, 1.5),
    instructions: shortText(given.instructions, LONGEST_INSTRUCTIONS),
    turns: oneOf(given.turns, TURNS),
    threshold: number(given.threshold, 0, 1),
    prefixMs: number(given.prefixMs, 0, 5000),
    silenceMs: number(given.silenceMs, 50, 5000),
    eagerness: oneOf(given.eagerness, EAGERNESS),
    language: shortText(given.language, 16),
    isTextOnly: given.isTextOnly === true,
    hasKeys: given.hasKeys !== false,
    keepsPast: given.keepsPast !== false,
  };
}

/**
 * What the session is asked for: only what the person chose, and the transcript that this page lives by.
 * @param {Settings} settings
 * @returns {Record<string, any>} a `session` of the Realtime API
 */
export function sessionOf(settings) {
  /** @type {Record<string, any>} */
  const input = { transcription: { model: TRANSCRIPTION, ...(settings.language ? { language: settings.language } : {}) } };
  const turns = turnDetectionOf(settings);
  if (turns !== undefined) input.turn_detection = turns;
  /** @type {Record<string, any>} */
  const output = {};
  if (settings.voice) output.voice = settings.voice;
  if (settings.speed !== null) output.speed = settings.speed;
  /** @type {Record<string, any>} */
  const session = { type: "realtime", audio: { input, ...(Object.keys(output).length > 0 ? { output } : {}) } };
  if (settings.instructions) session.instructions = settings.instructions;
  if (settings.isTextOnly) session.output_modalities = ["text"];
  return session;
}

/**
 * What to send in the middle of a call: like `sessionOf`, and what was taken back is named as well, as far as it was known.
 * @param {Settings} settings @param {Settings} before @param {any} original  the session as the call began
 */
export function changeOf(settings, before, original) {
  const session = sessionOf(settings);
  if (before.isTextOnly && !settings.isTextOnly) session.output_modalities = ["audio"];
  if (before.instructions && !settings.instructions && typeof original?.instructions === "string") session.instructions = original.instructions;
  const output = original?.audio?.output ?? {};
  const asked = (session.audio.output ??= {});
  if (before.speed !== null && settings.speed === null && typeof output.speed === "number") asked.speed = output.speed;
  if (before.voice && !settings.voice && output.voice) asked.voice = output.voice;
  if (before.voice === settings.voice) delete asked.voice; // it cannot change any more once the answer was heard
  if (Object.keys(asked).length === 0) delete session.audio.output;
  const wasOwn = turnDetectionOf(before) !== undefined;
  if (wasOwn && turnDetectionOf(settings) === undefined && original?.audio?.input && "turn_detection" in original.audio.input) {
    session.audio.input.turn_detection = original.audio.input.turn_detection;
  }
  return session;
}

/**
 * Which choices the server did not follow, as names of `Settings`.
 * @param {Settings} settings @param {any} applied  the session of `session.updated`
 * @returns {(keyof Settings)[]}
 */
export function notFollowed(settings, applied) {
  const input = applied?.audio?.input ?? {};
  const output = applied?.audio?.output ?? {};
  const turns = input.turn_detection;
  /** @type {(keyof Settings)[]} */
  const found = [];
  if (settings.voice && nameOf(output.voice) !== settings.voice) found.push("voice");
  if (settings.speed !== null && output.speed !== undefined && output.speed !== settings.speed) found.push("speed");
  if (settings.instructions && applied?.instructions !== settings.instructions) found.push("instructions");
  if (settings.turns && (turns?.type ?? "push_to_talk") !== settings.turns) found.push("turns");
  if (settings.language && input.transcription && input.transcription.language !== settings.language) found.push("language");
  if (settings.isTextOnly && applied?.output_modalities?.includes("audio")) found.push("isTextOnly");
  return found;
}

/** @param {Settings} settings @returns {object|null|undefined} undefined: nothing was chosen */
function turnDetectionOf(settings) {
  if (settings.turns === "push_to_talk") return null;
  if (settings.turns === "semantic_vad") return { type: "semantic_vad", ...(settings.eagerness ? { eagerness: settings.eagerness } : {}) };
  if (settings.turns === null) return undefined;
  return {
    type: "server_vad",
    threshold: settings.threshold ?? SERVER_VAD.threshold,
    prefix_padding_ms: settings.prefixMs ?? SERVER_VAD.prefix_padding_ms,
    silence_duration_ms: settings.silenceMs ?? SERVER_VAD.silence_duration_ms,
  };
}

/** @param {unknown} voice  a name, or an object with an id */
export function nameOf(voice) {
  return typeof voice === "object" && voice !== null && "id" in voice ? String(voice.id) : typeof voice === "string" ? voice : null;
}

/** @returns {Settings} */
export function loadSettings() {
  try {
    return settingsFrom(JSON.parse(kept(SETTINGS_PLACE) ?? "null"));
  } catch {
    return usualSettings(); // broken
  }
}

/** @param {Settings} settings */
export function saveSettings(settings) {
  keep(SETTINGS_PLACE, JSON.stringify(settings));
}

/** @param {unknown} value @param {number} longest */
function shortText(value, longest) {
  return typeof value === "string" && value.trim() !== "" ? value.slice(0, longest) : null;
}

/** @param {unknown} value @param {number} least @param {number} most */
function number(value, least, most) {
  return typeof value === "number" && Number.isFinite(value) ? Math.min(most, Math.max(least, value)) : null;
}

/** @template {string} T @param {unknown} value @param {readonly T[]} allowed @returns {T|null} */
function oneOf(value, allowed) {
  return allowed.find((one) => one === value) ?? null;
}
