"""What the server asks of whoever answers its calls: today the embedded engine, in the same process.

These are shapes only. The server never imports the engine, so a test (or an upstream) can stand in its place.
"""

from __future__ import annotations

from contextvars import ContextVar
from typing import TYPE_CHECKING, Any, Literal, Protocol

from antiphon.protocol import ErrorDetail, ErrorEvent, SessionConfig, encode, new_id

if TYPE_CHECKING:
    from antiphon.engine.stages import StageDescription

LinkKind = Literal["websocket", "webrtc"]
CallKind = Literal["realtime", "transcription"]


CURRENT_USER: ContextVar[Any] = ContextVar("antiphon_user", default=None)
"""Who is calling, as `ServerSettings.authenticate` told, while a request is answered and in the tasks of its call; with
an ephemeral key, who asked for the key. An answerer that wants to know asks in `open_call`. None where nobody knows."""


class Link(Protocol):
    """How an answered call reaches its peer. All methods return at once and are called on the event loop.

    max_event_bytes: the longest message that the peer takes (a data channel has such a limit), None for none.
    """

    @property
    def kind(self) -> LinkKind: ...

    @property
    def max_event_bytes(self) -> int | None: ...

    def send_event(self, data: str) -> None: ...

    def send_audio(self, pcm: bytes) -> None:
        """24 kHz PCM, on WebRTC only: on a WebSocket audio travels inside events."""
        ...

    def end_audio(self) -> None: ...

    def flush_audio(self) -> None: ...

    def close(self, code: int, reason: str) -> None:
        """Begin closing. code: a WebSocket close code; WebRTC has only the reason."""
        ...


class Seat(Protocol):
    """One peer's place at a call: the caller's, whose `hang_up` ends the call, or a further peer's, who just leaves.

    id: the call's. `run` returns when the seat is empty and everything that worked for it has ended.
    """

    id: str

    def receive_event(self, data: str | bytes) -> None: ...

    def hang_up(self, reason: str) -> None: ...

    async def run(self) -> None: ...


class AnsweredCall(Seat, Protocol):
    """One call, and its caller's seat. `run` owns everything that works for it."""

    def receive_audio(self, pcm: bytes) -> None: ...

    def audio_played(self, samples: int) -> None: ...

    def opened(self) -> None: ...

    def attach(self, link: Link) -> Seat:
        """Let a further peer take part (a sideband): `session.created` first, then every event. Raises InvalidEvent."""
        ...


class Description(Protocol):
    """What answers, stage by stage."""

    @property
    def recognizer(self) -> StageDescription: ...
    @property
    def model(self) -> StageDescription: ...
    @property
    def voice(self) -> StageDescription: ...
    @property
    def detector(self) -> StageDescription: ...
    @property
    def vision(self) -> StageDescription | None: ...


class Answerer(Protocol):
    """Whoever answers calls."""

    async def start(self) -> None: ...

    async def aclose(self) -> None: ...

    def describe(self) -> Description: ...

    def open_call(
        self, link: Link, *, model: str | None, session: SessionConfig | None = None, kind: CallKind = "realtime"
    ) -> AnsweredCall:
        """Raises InvalidEvent when `session` asks for what cannot be."""
        ...

    def effective_session(self, session: SessionConfig) -> SessionConfig:
        """What a call that is opened with `session` would show. Raises InvalidEvent as `open_call` does."""
        ...


def expiry_message(max_seconds: float) -> str:
    """What the hosted Realtime API says when it ends a session for its length, in its words."""
    return f"Your session hit the maximum duration of {max_seconds / 60:g} minutes."


def session_expired(max_seconds: float) -> str:
    """The last event of a call that has lasted as long as it may."""
    detail = ErrorDetail(type="invalid_request_error", code="session_expired", message=expiry_message(max_seconds))
    return encode(ErrorEvent(event_id=new_id("event"), error=detail))
