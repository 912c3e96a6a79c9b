// @ts-check
/** Every word the page says, in each language side by side. Not here: which one is said when. */

import { PANEL_WORDS } from "./words-panels.js";

/** @typedef {"en"|"ru"} Language */
export const LANGUAGES = /** @type {const} */ (["en", "ru"]);

/** @type {Record<string, Record<Language, string>>} */
const WORDS = {
  ...PANEL_WORDS,

  // the page
  you: { en: "you", ru: "вы" },
  lede: { en: "Press start and speak. Or type.", ru: "Нажмите «Начать» и говорите. Или пишите." },
  start: { en: "Start", ru: "Начать" },
  start_again: { en: "Start again", ru: "Начать снова" },
  end: { en: "End call", ru: "Завершить" },
  cancel: { en: "Cancel", ru: "Отмена" },
  mute: { en: "Mute", ru: "Выключить микрофон" },
  mute_short: { en: "mute", ru: "микрофон" },
  unmute: { en: "Unmute", ru: "Включить микрофон" },
  unmute_short: { en: "unmute", ru: "включить" },
  add_microphone: { en: "Turn the microphone on", ru: "Включить микрофон" },
  add_microphone_short: { en: "use mic", ru: "включить" },
  photo: { en: "Add a photo", ru: "Добавить фото" },
  photo_turn: { en: "Other camera", ru: "Другая камера" },
  photo_remove: { en: "Remove the photo", ru: "Убрать фото" },
  photo_choose: { en: "Choose a picture", ru: "Выбрать картинку" },
  photo_camera: { en: "Use the camera", ru: "Снять камерой" },
  photo_take: { en: "Take the photo", ru: "Снять" },
  photo_yours: { en: "Your photo", ru: "Ваше фото" },
  type_here: { en: "Type a message", ru: "Напишите сообщение" },
  stop: { en: "Stop the answer", ru: "Остановить ответ" },
  inspect: { en: "Inspect", ru: "Подробности" },
  send: { en: "Send", ru: "Отправить" },
  close: { en: "Close", ru: "Закрыть" },
  transcript: { en: "Transcript", ru: "Разговор" },
  to_newest: { en: "Newest", ru: "К новым" },
  language: { en: "RU", ru: "EN" },
  language_name: { en: "По-русски", ru: "In English" },
  say_something: { en: "Say something, or type.", ru: "Скажите что-нибудь или напишите." },
  say_typing: { en: "Type something.", ru: "Напишите что-нибудь." },
  theme: { en: "Light or dark", ru: "Светлая или тёмная тема" },
  details: { en: "What answers, and the line", ru: "Кто отвечает и как связь" },
  sound_on: { en: "Turn the sound on", ru: "Включить звук" },

  // where the call is; in the mark and in the header
  phase_idle: { en: "ready", ru: "готов" },
  phase_connecting: { en: "connecting", ru: "соединяю" },
  phase_listening: { en: "listening", ru: "слушаю" },
  phase_heard: { en: "hearing you", ru: "слышу вас" },
  phase_thinking: { en: "thinking", ru: "думаю" },
  phase_speaking: { en: "speaking", ru: "говорю" },
  phase_muted: { en: "muted", ru: "микрофон выкл." },
  phase_typing: { en: "no microphone", ru: "без микрофона" },
  phase_shaky: { en: "one moment", ru: "минуту" },
  phase_reconnecting: { en: "calling again", ru: "перезваниваю" },
  phase_ended: { en: "ended", ru: "завершено" },
  phase_failed: { en: "no call", ru: "нет связи" },
  line_off: { en: "not connected", ru: "нет соединения" },
  line_connecting: { en: "connecting", ru: "соединение" },
  line_on: { en: "connected", ru: "на связи" },
  line_reconnecting: { en: "calling again", ru: "перезваниваю" },
  line_shaky: { en: "unsteady", ru: "связь прерывается" },

  // what answers
  answers: { en: "What answers", ru: "Кто отвечает" },
  about_recognizer: { en: "Hearing", ru: "Слух" },
  about_model: { en: "Mind", ru: "Ум" },
  about_voice: { en: "Voice", ru: "Голос" },
  about_vision: { en: "Sight", ru: "Зрение" },
  about_detector: { en: "Turns", ru: "Паузы" },
  about_improve: { en: "How to make it better", ru: "Как улучшить" },
  about_failed: { en: "The server did not say what answers.", ru: "Сервер не сообщил, кто отвечает." },

  // the line and the turns
  link: { en: "Line", ru: "Связь" },
  link_round_trip: { en: "round trip", ru: "туда и обратно" },
  link_loss: { en: "lost", ru: "потеряно" },
  ms: { en: "ms", ru: "мс" },
  seconds: { en: "s", ru: "с" },
  turns: { en: "Answers", ru: "Ответы" },
  turns_none: { en: "Time from your last word to the first sound of the answer.", ru: "Время от вашего последнего слова до первого звука ответа." },
  turn_one: { en: "answer", ru: "ответ" },
  turn_spoken: { en: "from your last word to the first sound", ru: "от последнего слова до первого звука" },
  turn_typed: { en: "from sending to the first sound", ru: "от отправки до первого звука" },

  // in the transcript
  interrupted: { en: "interrupted", ru: "прервано" },
  cut_title: { en: "Not heard: it was interrupted about here.", ru: "Не прозвучало: прервано примерно здесь." },
  no_words: { en: "(no words recognised)", ru: "(слов не разобрать)" },
  not_recognised: { en: "This could not be turned into text.", ru: "Не удалось записать это словами." },
  not_sent: { en: "Not sent.", ru: "Не отправлено." },
  tool_running: { en: "working", ru: "выполняется" },
  tool_arguments: { en: "with", ru: "данные" },
  tool_result: { en: "result", ru: "результат" },
  note_error: { en: "The server refused something.", ru: "Сервер кое-что отклонил." },
  note_failed: { en: "The answer failed. Say it again, or type it.", ru: "Ответ не получился. Повторите голосом или текстом." },
  note_incomplete: { en: "The answer was too long and stops here.", ru: "Ответ получился слишком длинным и обрывается здесь." },
  note_new_call: { en: "A new call. The one above is not remembered.", ru: "Новый звонок. Прежний разговор собеседник не помнит." },
  note_ended: { en: "The call has ended.", ru: "Звонок завершён." },

  // what went wrong, and what to do
  allow_microphone: { en: "Your browser asks for the microphone. Allow it to speak.", ru: "Браузер спрашивает о микрофоне. Разрешите его, чтобы говорить." },
  microphone_refused: {
    en: "Your browser blocked the microphone. Allow it in the address bar, then press “use mic”. You can type meanwhile.",
    ru: "Браузер не дал доступ к микрофону. Разрешите его в адресной строке и нажмите на значок микрофона. Писать можно уже сейчас.",
  },
  microphone_missing: {
    en: "No microphone was found. Plug one in, then press “use mic”. You can type meanwhile.",
    ru: "Микрофон не найден. Подключите его и нажмите на значок микрофона. Писать можно уже сейчас.",
  },
  microphone_busy: {
    en: "The microphone did not start. Another program may hold it; close that one, then press “use mic”. You can type meanwhile.",
    ru: "Микрофон не включился. Возможно, он занят другой программой: закройте её и нажмите на значок микрофона. Писать можно уже сейчас.",
  },
  microphone_insecure: {
    en: "Browsers give the microphone only to https pages and to localhost. Open this page in one of those ways. You can type meanwhile.",
    ru: "Микрофон доступен только страницам https и localhost. Откройте эту страницу так. Писать можно уже сейчас.",
  },
  microphone_gone: {
    en: "The microphone was unplugged. Plug it in, then press “use mic”. The call goes on, and you can type.",
    ru: "Микрофон отключился. Подключите его и нажмите на значок микрофона. Звонок продолжается, можно писать.",
  },
  microphone_silent: {
    en: "Your microphone sends only silence. Is it switched off on the headset or in the system settings?",
    ru: "Микрофон передаёт тишину. Не выключен ли он на гарнитуре или в настройках системы?",
  },
  sound_blocked: { en: "Your browser keeps the sound off until you ask for it.", ru: "Браузер не включает звук, пока вы не попросите." },
  server_gone: {
    en: "The server does not answer. See that it is running, then press Start again.",
    ru: "Сервер не отвечает. Проверьте, что он запущен, и нажмите «Начать снова».",
  },
  origin_not_allowed: {
    en: "This server does not let pages of this site call. Whoever runs it can allow them with --allow-origin.",
    ru: "Этот сервер не принимает звонки со страниц этого сайта. Тот, кто его запускает, может разрешить их: --allow-origin.",
  },
  server_slow: {
    en: "The server took too long to answer. Press Start again in a moment.",
    ru: "Сервер слишком долго не отвечал. Нажмите «Начать снова» чуть позже.",
  },
  server_error: {
    en: "The server could not take the call. Press Start again; if it stays so, its log says why.",
    ru: "Сервер не смог принять звонок. Нажмите «Начать снова»; если не поможет, причина есть в его журнале.",
  },
  server_full: {
    en: "All lines are taken. Press Start again in a minute.",
    ru: "Все линии заняты. Нажмите «Начать снова» через минуту.",
  },
  too_many: { en: "Too many calls at once. Wait a minute, then press Start again.", ru: "Слишком много звонков сразу. Подождите минуту и нажмите «Начать снова»." },
  not_allowed: {
    en: "The server does not let this page call. Open the address that it printed when it started.",
    ru: "Сервер не разрешает этой странице звонить. Откройте адрес, который он показал при запуске.",
  },
  refused: { en: "The server refused the call.", ru: "Сервер отклонил звонок." },
  bad_answer: {
    en: "The server answered in a way this browser does not understand. Try a current Chrome, Edge, Firefox or Safari.",
    ru: "Браузер не понял ответ сервера. Попробуйте свежий Chrome, Edge, Firefox или Safari.",
  },
  no_path: {
    en: "The server answered, but no sound gets through. A firewall or VPN may block it: try another network, then press Start again.",
    ru: "Сервер ответил, но звук не проходит. Возможно, мешает сетевой экран или VPN: попробуйте другую сеть и нажмите «Начать снова».",
  },
  connection_lost: {
    en: "The connection dropped and did not come back. Press Start again; what was said stays on this page.",
    ru: "Связь прервалась и не вернулась. Нажмите «Начать снова»; сказанное останется на странице.",
  },
  other_side_ended: {
    en: "The server ended the call. Press Start again for a new one.",
    ru: "Сервер завершил звонок. Нажмите «Начать снова».",
  },
  unexpected: { en: "Something went wrong here. Press Start again.", ru: "Что-то пошло не так. Нажмите «Начать снова»." },
  reconnecting: { en: "The connection dropped. Calling again, your conversation is kept.", ru: "Связь прервалась. Перезваниваю, разговор сохранён." },
  fallen_back: {
    en: "This network blocks voice traffic, so sound now travels another way and may lag a little.",
    ru: "Сеть блокирует голосовой трафик, звук идёт другим путём и может чуть запаздывать.",
  },
  setting_refused: { en: "The server refused this setting.", ru: "Сервер отклонил эту настройку." },
  speaker_unknown: { en: "This speaker cannot be used now. The sound stays where it was.", ru: "Этот динамик сейчас недоступен. Звук остаётся прежним." },
  queue_full: { en: "Too much waits to be sent. Wait until the call is back.", ru: "Слишком много неотправленного. Подождите, пока вернётся связь." },
  not_connected: { en: "There is no call. Press Start.", ru: "Звонка нет. Нажмите «Начать»." },
  session_expired: { en: "The call reached its time limit. Press Start again to go on.", ru: "Время звонка вышло. Нажмите «Начать снова», чтобы продолжить." },
  no_token: { en: "This page could not get a key for the call. Reload it, then press Start.", ru: "Страница не получила ключ для звонка. Обновите её и нажмите «Начать»." },
  aborted: { en: "The call was ended before it began.", ru: "Звонок завершён, не начавшись." },
  shaky: { en: "The connection is unsteady. Holding the line.", ru: "Связь прерывается. Держу линию." },
  message_too_large: { en: "This message is too long to send. Make it shorter.", ru: "Сообщение слишком длинное. Сократите его." },
  photo_unreadable: { en: "This file is not a picture that the browser can open. Try a JPEG or PNG.", ru: "Браузер не смог открыть этот файл как картинку. Подойдёт JPEG или PNG." },
  photo_too_large: { en: "This picture could not be made small enough to send. Try another.", ru: "Картинку не удалось достаточно уменьшить. Попробуйте другую." },
  camera_missing: { en: "No camera was found. Choose a picture instead.", ru: "Камера не найдена. Выберите картинку." },
  camera_refused: { en: "Your browser blocked the camera. Allow it in the address bar, or choose a picture.", ru: "Браузер не дал доступ к камере. Разрешите её в адресной строке или выберите картинку." },

  // keys
  keys: { en: "Keys", ru: "Клавиши" },
  key_m: { en: "mute", ru: "микрофон" },
  key_space: { en: "hold to talk while muted", ru: "удерживайте, чтобы сказать при выключенном микрофоне" },
  key_esc: { en: "interrupt the answer", ru: "прервать ответ" },
  key_slash: { en: "type a message", ru: "написать сообщение" },
  key_f: { en: "find in the transcript", ru: "найти в разговоре" },
  key_comma: { en: "settings", ru: "настройки" },
  key_question: { en: "these keys", ru: "эта подсказка" },
};

/** @returns {Language} */
export function preferredLanguage() {
  const chosen = localStorage.getItem("antiphon.language");
  if (chosen === "en" || chosen === "ru") return chosen;
  return navigator.language.toLowerCase().startsWith("ru") ? "ru" : "en";
}

/** @type {Language} */
let current = "en";

/** @param {Language} language */
export function speakIn(language) {
  current = language;
}

export function language() {
  return current;
}

/** @param {string} key */
export function word(key) {
  const entry = WORDS[key];
  if (!entry) throw new Error(`no words for ${key}`);
  return entry[current];
}

/** The keys and their words, for the test that reads them all. */
export const ALL_WORDS = WORDS;
