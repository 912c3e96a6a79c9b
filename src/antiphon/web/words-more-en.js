// @ts-check
/** The words of calls and sheets in English, in the order of its twin words-more-ru.js: what a page says only later. */

export const WORDS = {
  // the page
  photo_yours: "Your photo",

  // the line and the turns
  link_round_trip: "round trip",
  link_loss: "lost",
  seconds: "s",
  turns_none: "Time from your last word to the first sound of the answer.",
  turn_spoken: "from your last word to the first sound",
  turn_typed: "from sending to the first sound",

  // in the transcript
  interrupted: "interrupted",
  cut_title: "Not heard: it was interrupted about here.",
  no_words: "(no words recognised)",
  not_recognised: "This could not be turned into text.",
  not_sent: "Not sent.",
  tool_running: "working",
  tool_arguments: "with",
  tool_result: "result",
  note_error: "The server reported an error.",
  note_failed: "The answer failed. Say it again, or type it.",
  note_incomplete: "The answer was too long and stops here.",
  note_new_call: "A new call. The one above is not remembered.",

  // settings
  settings_sound: "Sound",
  settings_voice: "The other voice",
  settings_turns: "Taking turns",
  settings_transcript: "Transcript",
  settings_reset: "Reset all settings",
  setting_microphone: "Microphone",
  setting_speaker: "Speaker",
  setting_volume: "Volume",
  setting_voice: "Voice",
  setting_speed: "Pace",
  setting_isTextOnly: "In writing: no microphone, no voice",
  setting_instructions: "How it should behave",
  setting_turns: "Taking turns",
  setting_threshold: "How loud speech must be",
  setting_prefixMs: "Sound kept from just before you speak",
  setting_silenceMs: "Silence that ends your turn",
  setting_eagerness: "How soon it answers",
  setting_language: "Your language",
  setting_keepsPast: "Keep conversations on this device",
  as_the_server_likes: "Server's default",
  not_followed: "The server keeps its own choice here.",
  device: "Device",
  device_absent: "Not plugged in now",
  device_default_in: "The system's microphone",
  device_default_out: "The system's speaker",
  turns_server: "Server's default",
  turns_server_hint: "What its operator chose.",
  turns_server_vad: "When I pause",
  turns_server_vad_hint: "It answers after a silence.",
  turns_semantic_vad: "When I have finished",
  turns_semantic_vad_hint: "It waits for the thought to end, where the server can tell.",
  turns_push_to_talk: "While I hold a button",
  turns_push_to_talk_hint: "It hears you only then: hold the button, or Space.",
  eagerness_auto: "As usual",
  eagerness_low: "Patiently",
  eagerness_medium: "Balanced",
  eagerness_high: "At once",
  language_any: "Any language",

  // this conversation
  find_none: "none",
  copied: "Copied",
  copy_refused: "The browser did not let this page copy.",
  past_none: "Nothing yet. Conversations that you have are kept here, on this device only.",
  past_unavailable: "This browser keeps nothing here (a private window does not).",
  past_back: "All conversations",
  past_forget: "Delete",
  past_forget_sure: "Delete? Yes",
  past_forget_all: "Delete all past conversations",
  past_forget_all_sure: "Delete all of them? Yes",
  past_forgotten: "Deleted",

  // the line
  link_jitter: "jitter",
  link_rate: "traffic",
  link_good: "good",
  link_fair: "fair",
  link_poor: "poor",
  link_unknown: "–",
  link_poor_lossPercent: "Part of the sound gets lost on the way. Move closer to the router, or try another network.",
  link_poor_roundTripMs: "The line is slow: answers come late. Another network may be quicker.",
  link_poor_jitterMs: "The line is uneven, and the sound may stutter. Something else may be using it.",
  link_fallback: "Sound goes over the WebSocket here, since this network lets no voice traffic through.",
  kbps: "kbit/s",

  // how an answer came about
  fall_recognized: "pause and words",
  fall_token: "thought",
  fall_audio: "voice",
  fall_heard: "heard",

  // cost
  cost: "So far",
  cost_tokens: "tokens",

  // keys
  key_m: "mute",
  key_space: "hold to talk while muted",
  key_esc: "interrupt the answer",
  key_slash: "type a message",
  key_f: "find in the transcript",
  key_comma: "settings",
  key_question: "these keys",
};
