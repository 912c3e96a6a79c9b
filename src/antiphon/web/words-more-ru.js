// @ts-check
/** The words of calls and sheets in Russian, in the order of its twin words-more-en.js: what a page says only later. */

/** @type {Record<keyof typeof import("./words-more-en.js").WORDS, string>} */
export const WORDS = {
  // the page
  photo_yours: "Ваше фото",

  // the line and the turns
  link_round_trip: "задержка",
  link_loss: "потеряно",
  seconds: "с",
  turns_none: "Время от вашего последнего слова до первого звука ответа.",
  turn_spoken: "от последнего слова до первого звука",
  turn_typed: "от отправки до первого звука",

  // in the transcript
  interrupted: "прервано",
  cut_title: "Не прозвучало: прервано примерно здесь.",
  no_words: "(слов не разобрать)",
  not_recognised: "Не удалось записать это словами.",
  not_sent: "Не отправлено.",
  tool_running: "выполняется",
  tool_arguments: "данные",
  tool_result: "результат",
  note_error: "Сервер сообщил об ошибке.",
  note_failed: "Ответ не получился. Повторите голосом или текстом.",
  note_incomplete: "Ответ получился слишком длинным и обрывается здесь.",
  note_ended: "Звонок завершён.",
  note_new_call: "Новый звонок. Прежний разговор собеседник не помнит.",

  // settings
  settings_sound: "Звук",
  settings_voice: "Голос собеседника",
  settings_turns: "Чья очередь говорить",
  settings_transcript: "Запись разговора",
  settings_reset: "Сбросить настройки",
  setting_microphone: "Микрофон",
  setting_speaker: "Динамик",
  setting_volume: "Громкость",
  setting_voice: "Голос",
  setting_speed: "Темп речи",
  setting_isTextOnly: "Письменно: без микрофона и голоса",
  setting_instructions: "Как ему себя вести",
  setting_turns: "Чья очередь говорить",
  setting_threshold: "Порог громкости речи",
  setting_prefixMs: "Сколько звука сохранять до начала речи",
  setting_silenceMs: "Пауза, после которой он отвечает",
  setting_eagerness: "Как скоро отвечать",
  setting_language: "Ваш язык",
  setting_hasKeys: "Клавиши вроде M и F",
  setting_keepsPast: "Хранить разговоры на этом устройстве",
  as_the_server_likes: "По умолчанию сервера",
  not_followed: "Здесь сервер оставил своё.",
  device: "Устройство",
  device_absent: "Сейчас не подключено",
  device_default_in: "Системный микрофон",
  device_default_out: "Системный динамик",
  turns_server: "По умолчанию сервера",
  turns_server_hint: "Так решил его владелец.",
  turns_server_vad: "По паузе",
  turns_server_vad_hint: "Отвечает после тишины.",
  turns_semantic_vad: "По смыслу",
  turns_semantic_vad_hint: "Ждёт конца мысли, если сервер это умеет.",
  turns_push_to_talk: "Пока держу кнопку",
  turns_push_to_talk_hint: "Слышит вас только тогда: кнопка или пробел.",
  eagerness_auto: "Как обычно",
  eagerness_low: "Не спешить",
  eagerness_medium: "Умеренно",
  eagerness_high: "Сразу",
  language_any: "Любой язык",

  // this conversation
  find_none: "нет",
  copied: "Скопировано",
  copy_refused: "Браузер не дал скопировать.",
  past_none: "Пока пусто. Ваши разговоры сохраняются здесь, только на этом устройстве.",
  past_unavailable: "Браузер ничего не хранит (так бывает в приватном окне).",
  past_back: "Все разговоры",
  past_forget: "Удалить",
  past_forget_sure: "Удалить? Да",
  past_forget_all: "Удалить все прошлые разговоры",
  past_forget_all_sure: "Удалить все? Да",
  past_forgotten: "Удалены",

  // the line
  link_jitter: "разброс задержки",
  link_rate: "трафик",
  link_good: "хорошая",
  link_fair: "средняя",
  link_poor: "плохая",
  link_unknown: "–",
  link_poor_lossPercent: "Часть звука теряется по дороге. Подойдите ближе к роутеру или смените сеть.",
  link_poor_roundTripMs: "Связь медленная: ответы запаздывают. Попробуйте другую сеть.",
  link_poor_jitterMs: "Связь неровная, звук может прерываться. Возможно, канал занят чем-то ещё.",
  link_fallback: "Звук идёт через WebSocket: голосовой трафик эта сеть не пропускает.",
  kbps: "кбит/с",

  // how an answer came about
  fall_recognized: "пауза и слова",
  fall_token: "мысль",
  fall_audio: "голос",
  fall_heard: "слышно",

  // cost
  cost: "Всего",
  cost_tokens: "токены",

  // keys
  key_m: "микрофон",
  key_space: "удерживайте, чтобы сказать при выключенном микрофоне",
  key_esc: "прервать ответ",
  key_slash: "написать сообщение",
  key_f: "найти в разговоре",
  key_comma: "настройки",
  key_question: "эта подсказка",
};
