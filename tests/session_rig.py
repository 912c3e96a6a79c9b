"""A session on a bench: virtual time, a voice detector that hears loud samples, and stages that answer when told to.

Every frame that the session sends is checked by stock clients' own parsers and by `WireWatch`.
"""

from __future__ import annotations

import base64
import itertools
import json
from array import array
from collections.abc import Iterable
from typing import Any

from antiphon.engine import SessionSettings
from antiphon.engine.effects import (
    AbandonRecognition,
    Close,
    DetectVoice,
    Effect,
    FeedRecognition,
    FinishRecognition,
    FlushAudio,
    Generate,
    OpenRecognition,
    PlayAudio,
    ResetVoice,
    Send,
    StopGenerating,
)
from antiphon.engine.session import Session
from antiphon.engine.stages import ModelDone, ToolCallDelta, Transcript, VoiceProbability, WordMark
from antiphon.protocol import SessionConfig, encode
from strict_parsers import assert_stock_clients_accept
from wire_watch import WireWatch

WINDOW = 768 * 2  # bytes of 32 ms at 24 kHz


_shapes: set[str] = set()


def _new_shape(event: dict[str, Any]) -> bool:
    """Whether no event of this type had these members before, at any depth. The parsers take milliseconds a frame."""
    shape = json.dumps(_shape(event), sort_keys=True)
    fresh = shape not in _shapes
    _shapes.add(shape)
    return fresh


def _shape(value: Any, name: str = "") -> Any:
    if isinstance(value, dict):
        return {key: _shape(member, key) for key, member in value.items()}
    if isinstance(value, list):
        return [_shape(member) for member in value[:2]]
    # What tells kinds of objects apart is part of the shape; other values are not.
    return value if name in ("type", "status", "role", "object", "code", "reason") else type(value).__name__


def loud(ms: float) -> bytes:
    return b"\x00\x20" * int(ms * 24)


def quiet(ms: float) -> bytes:
    return b"\x00\x00" * int(ms * 24)


class Rig:
    def __init__(
        self,
        *,
        media: bool = False,
        config: SessionConfig | None = None,
        settings: SessionSettings | None = None,
        open_now: bool = True,
        detect: bool = True,
        check_stock: bool = True,
    ) -> None:
        self.now = 100.0
        counter = itertools.count(1)
        self.session = Session(
            settings or SessionSettings(),
            media=media,
            now=self.now,
            unix_now=1_790_000_000.0,
            config=config,
            make_id=lambda prefix: f"{prefix}_{next(counter)}",
        )
        self.media = media
        self.events: list[dict[str, Any]] = []
        self.effects: list[Effect] = []
        self.watch = WireWatch()
        self.recognitions: dict[str, bytearray] = {}
        self.to_recognize: list[str] = []
        self.to_generate: list[Generate] = []
        self.played_out = bytearray()
        self.closes: list[Close] = []
        self._unheard = bytearray()
        self._heard_ms = 0.0
        self._detect = detect
        self._check_stock = check_stock
        if open_now:
            self.session.open(self.now)
            self.settle()

    # ── driving ───────────────────────────────────────────────────────────────────────────────────────────────────

    def settle(self) -> None:
        """Carry out effects until there are none."""
        while effects := self.session.take_effects():
            for effect in effects:
                self.effects.append(effect)
                self._do(effect)

    def _do(self, effect: Effect) -> None:
        match effect:
            case Send(event):
                frame = encode(event)
                decoded = json.loads(frame)
                if self._check_stock or _new_shape(decoded):
                    assert_stock_clients_accept(frame)
                self.watch.see(decoded)
                self.events.append(decoded)
            case DetectVoice(pcm):
                if self._detect:
                    self.hear_windows(pcm)
            case ResetVoice():
                pass
            case OpenRecognition(item_id):
                assert item_id not in self.recognitions
                self.recognitions[item_id] = bytearray()
            case FeedRecognition(item_id, pcm):
                self.recognitions[item_id] += pcm
            case FinishRecognition(item_id):
                self.to_recognize.append(item_id)
            case AbandonRecognition(item_id):
                del self.recognitions[item_id]
                if item_id in self.to_recognize:
                    self.to_recognize.remove(item_id)
            case Generate():
                self.to_generate.append(effect)
            case StopGenerating(response_id):
                self.to_generate = [wanted for wanted in self.to_generate if wanted.response_id != response_id]
            case PlayAudio(pcm):
                assert self.media
                self.played_out += pcm
            case FlushAudio():
                self.played_out.clear()
            case Close():
                self.closes.append(effect)

    def hear_windows(self, pcm: bytes) -> None:
        """A voice detector: loud samples are a voice."""
        self._unheard += pcm
        windows = []
        while len(self._unheard) >= WINDOW:
            window, self._unheard = self._unheard[:WINDOW], self._unheard[WINDOW:]
            self._heard_ms += 32
            windows.append(VoiceProbability(self._heard_ms, 0.95 if max(array("h", bytes(window))) > 1000 else 0.01))
        if windows:
            self.session.voice(windows, self.now)

    def send(self, event_type: str, **fields: Any) -> None:
        self.send_raw(json.dumps({"type": event_type, **fields}))

    def send_raw(self, data: str | bytes) -> None:
        self.session.receive(data, self.now)
        self.settle()

    def update(self, **session: Any) -> None:
        self.send("session.update", session={"type": "realtime", **session})

    def hear(self, pcm: bytes, step_ms: int = 20) -> None:
        """Audio from the caller, in real time, over whichever way this session has."""
        step = step_ms * 48
        for begin in range(0, len(pcm), step):
            piece = pcm[begin : begin + step]
            if self.media:
                self.session.hear(piece)
                self.settle()
            else:
                self.send("input_audio_buffer.append", audio=base64.b64encode(piece).decode())
            self.advance(len(piece) / 48_000)

    def say_turn(self, ms: float = 600, silence_ms: float = 700) -> str:
        """A whole voice turn. Returns its item id."""
        self.hear(loud(ms))
        self.hear(quiet(silence_ms))
        return str(self.last("input_audio_buffer.committed")["item_id"])

    def advance(self, seconds: float) -> None:
        """Let time pass, ticking when the session asked for it."""
        until = self.now + seconds
        while (due := self.session.next_timeout()) is not None and due <= until:
            self.now = max(self.now, due)
            self.session.tick(self.now)
            self.settle()
            if (again := self.session.next_timeout()) is not None and again <= due:
                break
        self.now = until

    # ── stages ────────────────────────────────────────────────────────────────────────────────────────────────────

    def recognize(self, text: str = "hello there", item_id: str | None = None) -> None:
        item_id = item_id or self.to_recognize[0]
        self.to_recognize.remove(item_id)
        seconds = len(self.recognitions.pop(item_id)) / 48_000
        self.session.recognized(item_id, Transcript(text, seconds), self.now)
        self.settle()

    def fail_recognition(self, message: str = "the recognizer broke", item_id: str | None = None) -> None:
        item_id = item_id or (self.to_recognize or list(self.recognitions))[0]
        if item_id in self.to_recognize:
            self.to_recognize.remove(item_id)
        self.recognitions.pop(item_id, None)
        self.session.recognition_failed(item_id, message, self.now)
        self.settle()

    def text(self, delta: str, wanted: Generate | None = None) -> None:
        self.session.generated_text((wanted or self.to_generate[0]).response_id, delta)
        self.settle()

    def speech(self, ms: float, marks: Iterable[tuple[int, float]] = (), wanted: Generate | None = None) -> None:
        pcm = loud(ms)
        marked = tuple(WordMark(start, at_ms) for start, at_ms in marks)
        self.session.generated_speech((wanted or self.to_generate[0]).response_id, pcm, marked, self.now)
        self.settle()

    def call(self, name: str | None, arguments: str, index: int = 0, wanted: Generate | None = None) -> None:
        delta = ToolCallDelta(index, arguments, name)
        self.session.generated_call((wanted or self.to_generate[0]).response_id, delta)
        self.settle()

    def done(self, finish: Any = "stop", wanted: Generate | None = None) -> None:
        wanted = wanted or self.to_generate[0]
        self.to_generate.remove(wanted)
        self.session.generation_done(wanted.response_id, ModelDone(finish, 7, 5), self.now)
        self.settle()

    def fail(self, message: str = "the model is gone", wanted: Generate | None = None) -> None:
        wanted = wanted or self.to_generate[0]
        self.to_generate.remove(wanted)
        self.session.generation_failed(wanted.response_id, message, self.now)
        self.settle()

    def answer(self, text: str = "Good day to you.", ms: float = 1000) -> None:
        """A whole spoken answer to the first thing that waits for one."""
        self.text(text)
        if self.to_generate[0].request.modality == "audio":
            self.speech(ms, [(0, 0.0)])
        self.done()

    def play(self, samples: int) -> None:
        self.session.played(samples, self.now)
        self.settle()

    def close(self) -> None:
        self.session.close(self.now, reason="test over")
        self.settle()

    # ── looking ───────────────────────────────────────────────────────────────────────────────────────────────────

    @property
    def types(self) -> list[str]:
        return [event["type"] for event in self.events]

    def last(self, event_type: str) -> dict[str, Any]:
        return next(event for event in reversed(self.events) if event["type"] == event_type)

    def all(self, event_type: str) -> list[dict[str, Any]]:
        return [event for event in self.events if event["type"] == event_type]

    def since(self, mark: int) -> list[str]:
        return self.types[mark:]
