"""The stand-alone program that runs PocketSphinx for one utterance after another. It imports nothing of the server.

PocketSphinx holds the GIL while it works, so each utterance that is being spoken has a process of its own. The other
end is `pocketsphinx.py`; frames, both ways, are one byte of kind, a 32-bit big-endian length, and the payload.

    in   B  JSON {"hints": ["add two and five", …]}   begin an utterance
         P  int16 little-endian mono PCM at 16 kHz      about 100 ms of it; answered by H
         S  empty                                       the speaker pauses: a long utterance may be cut here; no answer
         F  empty                                       it is over; answered by T
         A  empty                                       give it up; answered by D
    out  R  JSON {"version": "…"}                       ready (once, first)
         H  JSON {"text": "…"}                          the hypothesis so far
         T  JSON {"text": "…", "hinted": "…", "hints": n}   the final text; the best hint, if any; how many were usable
         D  empty                                       given up
         X  JSON {"message": "…"}                       the utterance failed; begin another

Where the loudness and colour of a voice lie (the cepstral mean) decides much of the accuracy, and the model's own guess
is good for few voices. So the first second is held back, the mean is estimated from the loud parts of it, and then all
is decoded with that, several times faster than it arrives. Nothing is carried from one utterance to the next: whoever
spoke before on this worker was somebody else.

stdin's end ends the process.
"""

from __future__ import annotations

import json
import operator
import os
import re
import struct
import sys
from array import array
from collections import OrderedDict
from collections.abc import Sequence
from typing import Any, BinaryIO

import pocketsphinx

_HEADER = struct.Struct(">cI")
_BYTES_PER_MS = 32
_ESTIMATE_BYTES = 1000 * _BYTES_PER_MS
_CATCH_UP_BYTES = 400 * _BYTES_PER_MS  # decoded for each frame at most, so that no answer takes long
_STEP_BYTES = 100 * _BYTES_PER_MS
_FRAME_BYTES = 10 * _BYTES_PER_MS
# The library counts its prior mean as so many frames; it is given back its due weight when the mean is estimated.
_LIBRARY_PRIOR_FRAMES = 500
_PRIOR_FRAMES = 30
# Frames this far below the loudest are pauses, whose colour is the room's. (A ratio of powers: 20 dB.)
_PAUSE_POWER = 0.01
# The library's own starting mean for its bundled English model.
_PRIOR_MEAN = (41.0, -5.29, -0.12, 5.09, 2.48, -4.07, -1.37, -1.78, -5.08, -2.05, -6.45, -1.42, 1.17)
_GRAMMARS = 8
_FILLER = re.compile(r"<[^<>\s]*>|\[[^\[\]\s]*\]|\+\+[^+\s]*\+\+|\(\d+\)")

# How English letters mostly sound: enough for a name or a brand in a hint, where any near miss is better than none.
_LETTERS = {
    "a": "AE", "b": "B", "c": "K", "d": "D", "e": "EH", "f": "F", "g": "G", "h": "HH", "i": "IH", "j": "JH",
    "k": "K", "l": "L", "m": "M", "n": "N", "o": "AA", "p": "P", "q": "K", "r": "R", "s": "S", "t": "T", "u": "AH",
    "v": "V", "w": "W", "x": "K S", "y": "IY", "z": "Z",
    "ai": "EY", "ar": "AA R", "au": "AO", "aw": "AO", "ay": "EY", "ch": "CH", "ck": "K", "ea": "IY", "ee": "IY",
    "er": "ER", "ie": "IY", "ir": "ER", "ng": "NG", "oi": "OY", "oo": "UW", "or": "AO R", "ou": "AW", "ow": "OW",
    "oy": "OY", "ph": "F", "qu": "K W", "sh": "SH", "th": "TH", "ur": "ER", "wh": "W",
    "bb": "B", "dd": "D", "ff": "F", "gg": "G", "ll": "L", "mm": "M", "nn": "N", "pp": "P", "rr": "R", "ss": "S",
    "tt": "T", "zz": "Z",
}  # fmt: skip


def sounds(word: str) -> str:
    """A plain guess at how an English word is pronounced, in the model's phones."""
    phones = []
    if len(word) > 3 and word.endswith("e") and word[-2] not in "aeiou":
        word = word[:-1]
    index = 0
    while index < len(word):
        for length in (2, 1):
            part = word[index : index + length]
            if part in _LETTERS:
                phones.append(_LETTERS[part])
                break
        index += length
    return " ".join(phones)


def clean(hypothesis: Any) -> str:
    """The words of a hypothesis, without the names of noises, silences and pronunciations."""
    return " ".join(_FILLER.sub(" ", hypothesis.hypstr).split()) if hypothesis is not None else ""


def _loud_frames(pcm: bytes) -> bytes:
    """The 10 ms frames of int16 PCM that are not pauses, one after the other."""
    frames = [pcm[start : start + _FRAME_BYTES] for start in range(0, len(pcm), _FRAME_BYTES)]
    powers = []
    for frame in frames:
        samples = array("h", frame)
        powers.append(sum(map(operator.mul, samples, samples)) / len(samples))
    least = max(powers) * _PAUSE_POWER
    return b"".join(frame for frame, power in zip(frames, powers, strict=True) if power >= least)


class _Listener:
    """The two decoders, and one utterance at a time: dictation always, a grammar of the hints where there are any."""

    def __init__(self) -> None:
        self._dictation = pocketsphinx.Decoder(loglevel="FATAL", fwdflat=False)
        self._grammar: Any = None
        self._known: OrderedDict[tuple[str, ...], tuple[str, int]] = OrderedDict()
        self._count = 0
        self._active: list[Any] = []
        self._waiting = bytearray()
        self._started = False
        self._texts: list[str] = []
        self._usable = 0

    def begin(self, hints: Sequence[str]) -> None:
        self.abort()
        self._active = [self._dictation]
        self._texts = []
        self._usable = self._listen_for(tuple(hints)) if hints else 0
        if self._usable:
            self._active.append(self._grammar)

    def hear(self, pcm: bytes) -> str:
        self._waiting += pcm
        if not self._started and len(self._waiting) < _ESTIMATE_BYTES:
            return ""
        self._decode(_CATCH_UP_BYTES)
        return self._so_far()

    def pause(self) -> None:
        """End the dictation's search here and go on with a fresh one, so that its memory stays bounded."""
        if self._started:
            self._decode(len(self._waiting))
            self._dictation.end_utt()
            self._texts.append(clean(self._dictation.hyp()))
            self._dictation.start_utt()
            self._give_up_grammar()

    def finish(self) -> tuple[str, str, int]:
        """(dictated text, the hint that fits best or "", how many hints could be listened for)"""
        self._decode(len(self._waiting))
        hinted = ""
        if self._started:
            self._dictation.end_utt()
            self._texts.append(clean(self._dictation.hyp()))
            if len(self._active) > 1:
                self._grammar.end_utt()
                hinted = clean(self._grammar.hyp())
        self._started = False
        return " ".join(text for text in self._texts if text), hinted, self._usable

    def abort(self) -> None:
        if self._started:
            for decoder in self._active:
                decoder.end_utt()
        self._started = False
        self._active = []
        self._waiting.clear()

    def _so_far(self) -> str:
        return " ".join(text for text in (*self._texts, clean(self._dictation.hyp())) if text)

    def _give_up_grammar(self) -> None:
        """What was said is far longer than any hint."""
        if len(self._active) > 1:
            self._active.pop().end_utt()

    def _decode(self, limit: int) -> None:
        if not self._started and self._waiting:
            self._start()
        end = min(limit, len(self._waiting))
        for offset in range(0, end, _STEP_BYTES):
            step = bytes(self._waiting[offset : min(offset + _STEP_BYTES, end)])
            for decoder in self._active:
                decoder.process_raw(step, False, False)
        del self._waiting[:end]

    def _start(self) -> None:
        mean = self._estimate(bytes(self._waiting[:_ESTIMATE_BYTES]))
        for decoder in self._active:
            decoder.set_cmn(mean)
            decoder.start_utt()
        self._started = True

    def _estimate(self, pcm: bytes) -> str:
        """The cepstral mean of the voice, drawn a little towards the prior, in the form that `set_cmn` takes."""
        decoder = self._dictation
        pcm = _loud_frames(pcm)
        frames = len(pcm) / _FRAME_BYTES
        decoder.set_cmn(",".join(map(str, _PRIOR_MEAN)))
        decoder.start_utt()
        decoder.process_raw(pcm, True, False)
        mixed = [float(value) for value in decoder.get_cmn(True).split(",")]
        decoder.end_utt()
        mean = []
        for value, prior in zip(mixed, _PRIOR_MEAN, strict=True):
            total = value * (_LIBRARY_PRIOR_FRAMES + frames) - prior * _LIBRARY_PRIOR_FRAMES
            mean.append((prior * _PRIOR_FRAMES + total) / (_PRIOR_FRAMES + frames))
        return ",".join(f"{value:.4f}" for value in mean)

    # ── hints ───────────────────────────────────────────────────────────────────────────────────────────────────────

    def _listen_for(self, hints: tuple[str, ...]) -> int:
        """Activate the grammar of these hints; how many of them it has. A hint that cannot be spelled is left out."""
        if hints in self._known:
            self._known.move_to_end(hints)
        else:
            self._known[hints] = self._build(hints)
            if len(self._known) > _GRAMMARS:
                _, (oldest, count) = self._known.popitem(last=False)
                if count:
                    self._grammar.remove_search(oldest)
        name, count = self._known[hints]
        if count:
            self._grammar.activate_search(name)
        return count

    def _build(self, hints: Sequence[str]) -> tuple[str, int]:
        if self._grammar is None:
            self._grammar = pocketsphinx.Decoder(loglevel="FATAL", fwdflat=False, lm=None)
        self._count += 1
        name = f"hints{self._count}"
        phrases = [hint for hint in hints if all(self._spell(word) for word in hint.split())]
        if not phrases:
            return name, 0
        body = "#JSGF V1.0;\ngrammar hints;\npublic <hint> = " + " | ".join(phrases) + " ;\n"
        try:
            self._grammar.add_jsgf_string(name, body)
        except ValueError:  # it is better to have no hints than no utterance
            return name, 0
        return name, len(phrases)

    def _spell(self, word: str) -> bool:
        if self._grammar.lookup_word(word) is not None:
            return True
        phones = sounds(word)
        if not phones:
            return False
        try:
            self._grammar.add_word(word, phones, False)
        except RuntimeError:
            return False
        return True


def _answer(listener: _Listener, kind: bytes, payload: bytes) -> tuple[bytes, object] | None:
    if kind == b"B":
        listener.begin(json.loads(payload)["hints"])
        return None
    if kind == b"P":
        return b"H", {"text": listener.hear(payload)}
    if kind == b"S":
        listener.pause()
        return None
    if kind == b"F":
        text, hinted, usable = listener.finish()
        return b"T", {"text": text, "hinted": hinted, "hints": usable}
    listener.abort()
    return b"D", {}


def _serve(source: BinaryIO, sink: BinaryIO) -> None:
    def send(kind: bytes, value: object) -> None:
        payload = json.dumps(value).encode()
        sink.write(_HEADER.pack(kind, len(payload)) + payload)
        sink.flush()

    listener = _Listener()
    send(b"R", {"version": str(getattr(pocketsphinx, "__version__", ""))})
    while len(header := source.read(_HEADER.size)) == _HEADER.size:
        kind, length = _HEADER.unpack(header)
        try:
            answer = _answer(listener, kind, source.read(length))
        except RuntimeError as error:  # what the library raises
            answer = (b"X", {"message": str(error)})
        if answer is not None:
            send(*answer)


def main() -> None:
    # The library may print; what it prints must not land between two frames.
    sink = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    try:
        _serve(sys.stdin.buffer, sink)
    except BrokenPipeError:
        os._exit(0)  # the server is gone


if __name__ == "__main__":
    main()
