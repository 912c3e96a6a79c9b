"""The other half, played: an answerer whose calls record what they get and do what a test tells them to."""

from __future__ import annotations

import asyncio
import json
from dataclasses import dataclass, field
from typing import Any

import msgspec
from msgspec import UNSET

from antiphon.engine.stages import StageDescription
from antiphon.protocol import RealtimeSession, SessionConfig, invalid_request
from antiphon.server.answering import CallKind, Link


class ScriptedDescription:
    """One stage of each kind, each telling another combination."""

    recognizer = StageDescription("ears", "hears well", "use better ears")
    model = StageDescription("mind at 127.0.0.1:1", "thinks", None, embedded=False)
    voice = StageDescription("mouth", "speaks")
    detector = StageDescription("detector", "notices")
    vision: StageDescription | None = None


@dataclass
class ScriptedSeat:
    """A further peer's seat: answers each event with {"echo": event}, and is empty when its peer has hung up."""

    id: str
    link: Link
    events: list[str | bytes] = field(default_factory=list)
    over: asyncio.Event = field(default_factory=asyncio.Event)

    def send(self, event: Any) -> None:
        self.link.send_event(json.dumps(event))

    def receive_event(self, data: str | bytes) -> None:
        self.events.append(data)
        self.send({"echo": data})

    def hang_up(self, reason: str) -> None:
        self.over.set()

    async def run(self) -> None:
        await self.over.wait()


@dataclass
class ScriptedCall:
    """Answers each event with {"echo": event}, and ends when it is hung up. `fail_on` makes it raise on that text."""

    id: str
    link: Link
    model: str | None
    session: SessionConfig | None
    kind: CallKind
    events: list[str | bytes] = field(default_factory=list)
    heard: bytes = b""
    played: int = 0
    reasons: list[str] = field(default_factory=list)
    finished: bool = False
    fail_on: str = "\0"
    got: asyncio.Event = field(default_factory=asyncio.Event)
    over: asyncio.Event = field(default_factory=asyncio.Event)
    linger: asyncio.Event | None = None
    crash: Exception | None = None
    seats: list[ScriptedSeat] = field(default_factory=list)
    refuse_seats: Exception | None = None

    def opened(self) -> None:
        self.send({"type": "session.created", "id": self.id})

    def send(self, event: Any) -> None:
        self.link.send_event(json.dumps(event))

    def receive_event(self, data: str | bytes) -> None:
        if isinstance(data, str) and self.fail_on in data:
            raise RuntimeError("secret detail of a bug")
        self.events.append(data)
        self.got.set()
        self.send({"echo": data if isinstance(data, str) and len(data) < 1000 else f"<{len(data)}>"})

    def receive_audio(self, pcm: bytes) -> None:
        self.heard += pcm

    def audio_played(self, samples: int) -> None:
        self.played += samples

    def hang_up(self, reason: str) -> None:
        self.reasons.append(reason)
        self.over.set()

    def fail(self, error: Exception) -> None:
        self.crash = error
        self.over.set()

    def attach(self, link: Link) -> ScriptedSeat:
        if self.refuse_seats is not None:
            raise self.refuse_seats
        seat = ScriptedSeat(self.id, link)
        self.seats.append(seat)
        seat.send({"type": "session.created", "id": self.id})
        return seat

    async def run(self) -> None:
        try:
            await self.over.wait()
            for seat in self.seats:
                if not seat.over.is_set():
                    seat.link.close(1000, "the call is over")
            if self.crash is not None:
                raise self.crash
            if self.linger is not None:
                await self.linger.wait()
        finally:
            self.finished = True


class ScriptedAnswerer:
    """Keeps every call it made. start_gate: when set to an Event, `start` waits for it."""

    def __init__(self, *, start_gate: asyncio.Event | None = None, start_error: Exception | None = None) -> None:
        self.made: list[ScriptedCall] = []
        self.called = asyncio.Event()
        self.started = False
        self.closed = False
        self.next_call_error: Exception | None = None
        self._start_gate = start_gate
        self._start_error = start_error

    @property
    def last(self) -> ScriptedCall:
        return self.made[-1]

    async def start(self) -> None:
        if self._start_gate is not None:
            await self._start_gate.wait()
        if self._start_error is not None:
            raise self._start_error
        self.started = True

    async def aclose(self) -> None:
        self.closed = True

    def describe(self) -> ScriptedDescription:
        return ScriptedDescription()

    def open_call(
        self, link: Link, *, model: str | None, session: SessionConfig | None = None, kind: CallKind = "realtime"
    ) -> ScriptedCall:
        if self.next_call_error is not None:
            raise self.next_call_error
        prefix = "sess" if link.kind == "websocket" else "rtc"
        call = ScriptedCall(f"{prefix}_{len(self.made) + 1}", link, model, session, kind)
        self.made.append(call)
        self.called.set()
        return call

    def effective_session(self, session: SessionConfig) -> SessionConfig:
        if isinstance(session, RealtimeSession) and session.prompt is not UNSET:
            raise invalid_request("invalid_value", "No prompts here.", "session.prompt")
        return msgspec.structs.replace(session, id="sess_shown")
