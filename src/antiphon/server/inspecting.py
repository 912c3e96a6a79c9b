"""What calls said, kept for a while so that their developers can look: events both ways, notes, and sound. Pure.

Everything is bounded: the oldest goes first, and it is counted. Lines are those of a trace (`client.trace`), as the
caller would have written it: "out" is what the caller sent, "in" what it got. Who records, and who may look, is not
decided here.
"""

from __future__ import annotations

import binascii
import io
from base64 import b64decode
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import IO, Any, Literal, cast

import msgspec

from antiphon.client.trace import TraceWriter
from antiphon.server.settings import InspectionLimits
from antiphon.server.tracks import Track

Kind = Literal["websocket", "webrtc", "hosted"]

_PINNED = frozenset({"session.update", "session.created", "session.updated"})
_MOST_PINNED = 64
_FOREVER = 1 << 62
_COUNTED_EACH = 64
"""Lines after which what all calls hold is added up."""


@dataclass(frozen=True, slots=True)
class Line:
    """One line of the trace. number: from 1, in order. size: bytes on the wire, 0 for a note."""

    number: int
    text: str
    size: int


class _Head(msgspec.Struct):
    """What of a frame decides how it is kept. Everything else passes unread."""

    type: str = ""
    audio: Any = None
    delta: Any = None
    session: Any = None


class CallRecord:
    """One call's record. Written by whoever stands in the call's way (`inspection.py`), read by whoever looks.

    now: seconds of a monotonic clock, an argument everywhere. began_at, ended_at: unix seconds.
    """

    def __init__(self, kind: Kind, *, now: float, unix_now: float, limits: InspectionLimits) -> None:
        self.id = ""
        self.kind = kind
        self.began_at = unix_now
        self.ended_at: float | None = None
        self.count = 0
        self.dropped = 0
        self.wire_bytes = 0
        self.caller = Track(limits.sound_bytes)
        self.answer = Track(limits.sound_bytes)
        self.on_change: Callable[[], None] = lambda: None
        self._limits = limits
        self._began = self._now = now
        self._lines: deque[Line] = deque()
        self._lines_bytes = 0
        self._pinned: deque[Line] = deque(maxlen=_MOST_PINNED)
        self._pins = False
        self._size = 0
        self._speaks = {"caller": True, "answer": True}
        self.header = ""
        self._writer = TraceWriter(
            cast("IO[str]", _Sink(self._keep)), target="", transport=kind, most_bytes=_FOREVER, clock=lambda: self._now
        )

    # ── writing ───────────────────────────────────────────────────────────────────────────────────────────────────

    def wire(self, direction: Literal["in", "out"], data: str | bytes, now: float) -> None:
        """A frame that passed."""
        if self.ended_at is not None:
            return
        self._now = now
        self._size = len(data) if isinstance(data, bytes) or data.isascii() else len(data.encode())
        self.wire_bytes += self._size
        head = _head(data)
        self._pins = head.type in _PINNED
        if head.type in ("session.created", "session.updated"):
            self._learn(head.session)
        self._listen(head, now)
        self._writer.wire(direction, data)

    def note(self, decision: str, now: float, **data: object) -> None:
        """Something beside the wire. data: plain JSON."""
        if self.ended_at is not None:
            return
        self._now, self._size = now, 0
        self._pins = decision == "session_asked"
        self._writer.note(decision, **data)

    def heard(self, pcm: bytes, now: float) -> None:
        """The caller's sound, 24 kHz int16 mono, as it came."""
        self.caller.add(pcm, self._ms(now))

    def spoke(self, pcm: bytes, now: float) -> None:
        """The answer's sound, also when it comes faster than it is heard."""
        self.answer.add(pcm, self._ms(now))

    def silenced(self, now: float) -> None:
        """What the answer had not said yet, it will not say."""
        self.answer.cut(self._ms(now))

    def end(self, now: float, unix_now: float) -> None:
        """The call is over. Twice is once."""
        if self.ended_at is None:
            self._now, self._size, self._pins = now, 0, False
            self._writer.close()
            self.ended_at = unix_now
            self.on_change()

    # ── reading ───────────────────────────────────────────────────────────────────────────────────────────────────

    def lines(self, after: int = 0) -> Sequence[Line]:
        """What came after that line, in order. What was dropped meanwhile is missing: `dropped` counts."""
        fresh: list[Line] = []
        for line in reversed(self._lines):
            if line.number <= after:
                break
            fresh.append(line)
        fresh.reverse()
        first = fresh[0].number if fresh else self.count + 1
        return [line for line in self._pinned if after < line.number < first] + fresh

    @property
    def bytes(self) -> int:
        """What this record holds."""
        return self._lines_bytes + self.caller.bytes + self.answer.bytes

    def summary(self) -> dict[str, object]:
        """The call as a list shows it. Plain JSON."""
        return {
            "id": self.id,
            "kind": self.kind,
            "began_at": self.began_at,
            "ended_at": self.ended_at,
            "events": self.count,
            "dropped": self.dropped,
            "bytes": self.wire_bytes,
            "caller_seconds": round(self.caller.seconds, 1),
            "answer_seconds": round(self.answer.seconds, 1),
        }

    def trace(self) -> Iterator[str]:
        """The lines of a trace file, the header first."""
        yield self.header
        for line in self.lines():
            yield line.text

    def shrink(self) -> None:
        """Give up something, for all calls together hold too much: sound first."""
        if self.caller.bytes or self.answer.bytes:
            self.caller.halve()
            self.answer.halve()
        else:
            for _ in range(max(1, len(self._lines) // 2)):
                self._drop()

    # ── inside ────────────────────────────────────────────────────────────────────────────────────────────────────

    def _ms(self, now: float) -> float:
        return (now - self._began) * 1000

    def _keep(self, text: str) -> None:
        if not self.header:
            self.header = text
            return
        self.count += 1
        line = Line(self.count, text, self._size)
        self._lines.append(line)
        self._lines_bytes += len(text)
        if self._pins:
            self._pinned.append(line)
        while self._lines_bytes > self._limits.lines_bytes and len(self._lines) > 1:
            self._drop()
        self.on_change()

    def _drop(self) -> None:
        if self._lines:
            self._lines_bytes -= len(self._lines.popleft().text)
            self.dropped += 1

    def _learn(self, session: object) -> None:
        """Only PCM is kept as sound: whoever speaks G.711 has a recording of its own."""
        for side, of in (("caller", "input"), ("answer", "output")):
            kind: Any = session
            for name in ("audio", of, "format", "type"):
                kind = kind.get(name) if isinstance(kind, dict) else None
            if isinstance(kind, str):
                self._speaks[side] = kind == "audio/pcm"

    def _listen(self, head: _Head, now: float) -> None:
        if head.type == "input_audio_buffer.append" and self._speaks["caller"]:
            self.heard(_pcm(head.audio), now)
        elif head.type in ("response.output_audio.delta", "response.audio.delta") and self._speaks["answer"]:
            self.spoke(_pcm(head.delta), now)
        elif head.type == "conversation.item.truncated":
            self.silenced(now)


class Inspector:
    """The records of a server's calls, live ones and the last that ended. Used on one event loop only."""

    def __init__(self, limits: InspectionLimits | None = None) -> None:
        self._limits = limits or InspectionLimits()
        self._records: dict[str, CallRecord] = {}
        self._since_counted = 0
        self._watchers: set[Callable[[], None]] = set()

    def begin(self, kind: Kind, *, now: float, unix_now: float) -> CallRecord:
        """A record that is not listed yet: its call has no id."""
        return CallRecord(kind, now=now, unix_now=unix_now, limits=self._limits)

    def list(self, record: CallRecord, call_id: str) -> None:
        """Show the record under its call's id."""
        record.id = call_id
        record.on_change = self._changed
        self._records[call_id] = record
        ended = [one for one in self._records.values() if one.ended_at is not None]
        for old in ended[: max(0, len(ended) - self._limits.ended_calls)]:
            del self._records[old.id]
        self._changed()

    def find(self, call_id: str) -> CallRecord | None:
        return self._records.get(call_id)

    def calls(self) -> Sequence[CallRecord]:
        """The newest first."""
        return [*reversed(self._records.values())]

    def watch(self, changed: Callable[[], None]) -> Callable[[], None]:
        """Be called after each change, until what is returned is called. `changed` must return at once."""
        self._watchers.add(changed)
        return lambda: self._watchers.discard(changed)

    def _changed(self) -> None:
        self._since_counted += 1
        if self._since_counted >= _COUNTED_EACH:
            self._since_counted = 0
            self._keep_to_limit()
        for changed in tuple(self._watchers):
            changed()

    def _keep_to_limit(self) -> None:
        while sum(record.bytes for record in self._records.values()) > self._limits.all_bytes:
            self._give_up_something()

    def _give_up_something(self) -> None:
        ended = next((one for one in self._records.values() if one.ended_at is not None), None)
        if ended is not None:
            del self._records[ended.id]
        else:
            max(self._records.values(), key=lambda one: one.bytes).shrink()


class _Sink(io.TextIOBase):
    """What the trace's writer writes to: each write is one line."""

    def __init__(self, keep: Callable[[str], None]) -> None:
        self._keep = keep

    def write(self, text: str, /) -> int:
        self._keep(text.removesuffix("\n"))
        return len(text)

    def flush(self) -> None:
        """Nothing waits."""


_HEADS = msgspec.json.Decoder(_Head)


def _head(data: str | bytes) -> _Head:
    try:
        return _HEADS.decode(data)
    except (msgspec.DecodeError, UnicodeError):
        return _Head()


def _pcm(base64: object) -> bytes:
    if not isinstance(base64, str):
        return b""
    try:
        return b64decode(base64, validate=True)
    except (binascii.Error, ValueError):
        return b""


def as_json(session: object) -> Mapping[str, object]:
    """A session as plain JSON, for a note."""
    plain = msgspec.json.decode(msgspec.json.encode(session))
    assert isinstance(plain, dict)
    return plain
