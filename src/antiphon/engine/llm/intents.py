"""The few things that the embedded model answers by itself: a table of phrases, and the replies to them. Data only.

Each reply is short and spoken; what it says about itself is true. `find_intent` compares whole utterances, so that a
phrase inside a longer sentence does not set it off.
"""

from __future__ import annotations

import enum
import functools
from collections.abc import Mapping, Sequence
from typing import Final

from rapidfuzz import fuzz

from antiphon.engine.llm.words import plain_words, word_set


class Intent(enum.Enum):
    GREETING = "greeting"
    HOW_ARE_YOU = "how are you"
    THANKS = "thanks"
    GOODBYE = "goodbye"
    IDENTITY = "identity"
    HELP = "help"
    IMPROVE = "improve"
    TIME = "time"
    DATE = "date"
    REPEAT = "repeat"
    PHOTO = "photo"
    STOP = "stop"
    HEARING = "hearing"
    TOOLS = "tools"
    AGREEMENT = "agreement"


PHRASES: Final[Mapping[Intent, tuple[str, ...]]] = {
    Intent.GREETING: (
        "hello", "hi", "hey", "hello there", "hi there", "good morning", "good afternoon", "good evening",
    ),
    Intent.HOW_ARE_YOU: (
        "how are you", "how are you doing", "how do you do", "how is it going", "what's up", "hello how are you",
    ),
    Intent.THANKS: (
        "thank you", "thanks", "thank you very much", "thanks a lot", "many thanks", "that was helpful",
    ),
    Intent.GOODBYE: (
        "goodbye", "good bye", "bye", "bye bye", "see you", "see you later", "good night", "talk to you later",
    ),
    Intent.IDENTITY: (
        "who are you", "what are you", "what is your name", "what's your name", "are you a robot", "are you an ai",
        "are you human", "are you a real person", "are you chat gpt", "introduce yourself",
        "tell me about yourself",
        "what model are you", "which model are you", "what language model are you",
    ),
    Intent.HELP: (
        "help", "help me", "what can you do", "what can i say", "what can you do for me", "what do you do",
        "how does this work", "what should i say", "how can you help me", "what are you able to do",
    ),
    Intent.IMPROVE: (
        "how do i give you a mind", "how can i improve you", "how do i make you better",
        "how can i make you smarter", "how do i connect a model", "how do i use a language model",
        "give you a mind", "get a mind", "how do i give you a brain", "how do i use ollama",
    ),
    Intent.TIME: (
        "what time is it", "what is the time", "what's the time", "tell me the time", "do you have the time",
    ),
    Intent.DATE: (
        "what day is it", "what day is it today", "what is the date", "what's the date", "what is today's date",
        "what date is it", "what is the date today", "which day is today",
    ),
    Intent.REPEAT: (
        "repeat that", "say that again", "can you repeat that", "could you repeat that", "please repeat that",
        "once more", "what did you say", "pardon", "come again", "i did not hear you", "can you say that again",
    ),
    Intent.PHOTO: (
        "describe the photo", "describe the picture", "describe the image", "what do you see",
        "what is in the picture", "what is in the photo", "what is on the picture", "look at the photo",
        "look at the picture", "what is this", "what can you see", "describe this photo", "describe this picture",
        "what do you see in the picture",
    ),
    Intent.STOP: (
        "stop", "stop it", "never mind", "nevermind", "cancel", "cancel that", "forget it", "forget about it",
        "no thanks", "be quiet", "stop talking", "shut up",
    ),
    Intent.HEARING: (
        "can you hear me", "do you hear me", "are you there", "is anybody there", "is this working", "testing",
    ),
    Intent.TOOLS: (
        "which tools do you have", "what tools do you have", "list your tools", "what tools can you use",
    ),
    Intent.AGREEMENT: (
        "okay", "ok", "all right", "yes", "no", "sure", "good", "great", "fine", "nice", "i see",
    ),
}  # fmt: skip

REPLIES: Final[Mapping[Intent, tuple[str, ...]]] = {
    Intent.GREETING: ("Hello again.", "Hello. I am listening.", "Hi. Go ahead."),
    Intent.HOW_ARE_YOU: ("I am a small script, so there is nothing to feel, but everything runs. And you?",),
    Intent.THANKS: ("You are welcome.", "My pleasure.", "Glad that it worked."),
    Intent.GOODBYE: ("Goodbye.", "Bye. Talk to you later.", "Goodbye, and thanks for the visit."),
    Intent.STOP: ("All right.", "Okay, I stop.", "Never mind, then."),
    Intent.HEARING: ("Yes, I hear you.", "Yes, I am here.", "It works: your words reach me."),
    Intent.AGREEMENT: ("Okay.", "All right. Go on.", "Good. What next?"),
}

IDENTITY: Final = (
    "I am Antiphon's built-in model: a small script, not an AI. I listen and speak, "
    "but I do not understand what you say."
)
ABILITIES: Final = "I repeat what I hear, tell the time, measure a photo"
IMPROVEMENT: Final = (
    "To give me a mind, start Ollama on this machine and then start me again: I find it by myself. "
    "Or start me with --llm URL --llm-model NAME to use any other model."
)
HOW_TO_ASK: Final = "Ask me how to make me better."

HEARD: Final = (
    "I heard: “{words}”.",
    "You said: “{words}”.",
    "This is what reached me: “{words}”.",
    "My ears say: “{words}”.",
    "I understood these words: “{words}”.",
)
READ: Final = ("You wrote: “{words}”.", "I read: “{words}”.", "This is what I got: “{words}”.")
NOT_A_MIND: Final = (
    "What it means is beyond me, as I have no language model.",
    "I can only repeat it, as I have no language model.",
    "For a real answer I need a language model.",
)
NO_WORDS: Final = (
    "I heard you, but could not make out any words. Please say it again, close to the microphone.",
    "Sorry, no words came through. Once more, please?",
)
NO_PHOTO: Final = "I have not got a photo yet. Send me one, and I tell what I can measure in it."

_CLOSE_ENOUGH: Final = 88
_CONTRACTED: Final = {"what's": "what is", "who's": "who is", "that's": "that is", "i'm": "i am", "there's": "there is"}
_ASKED_POLITELY: Final = word_set("can could would will")
_POINTING: Final = word_set("this that these my")
_COURTESY: Final = word_set("please hey ok okay well um uh so now antiphon computer")


def find_intent(utterance: str) -> Intent | None:
    """The intent whose phrase is nearly the whole utterance, or None."""
    words = plain_words(utterance)
    readings = {" ".join(words), _bare(words)}
    best: tuple[float, Intent | None] = (_CLOSE_ENOUGH, None)
    for intent, phrases in PHRASES.items():
        for phrase in phrases:
            # One word has too few letters to be recognised by likeness ("hi", "his").
            if " " in phrase:
                forms = {phrase, _bare(plain_words(phrase))}
                likeness = max(fuzz.ratio(said, form) for said in readings for form in forms)
            else:
                likeness = 100.0 * (phrase in readings)
            if likeness > best[0]:
                best = (likeness, intent)
    return best[1]


@functools.lru_cache(maxsize=1024)
def _bare_form(words: tuple[str, ...]) -> str:
    expanded = [part for word in words for part in _CONTRACTED.get(word, word).split() if part not in _COURTESY]
    if len(expanded) > 3 and expanded[0] in _ASKED_POLITELY and expanded[1] == "you":
        expanded = expanded[2:]
    if len(expanded) > 3 and expanded[-2:] == ["for", "me"]:
        expanded = expanded[:-2]
    return " ".join("the" if word in _POINTING else word for word in expanded)


def _bare(words: Sequence[str]) -> str:
    """Without courtesy and contractions, and with "this" and "my" as "the": how a phrase is varied most."""
    return _bare_form(tuple(words))
