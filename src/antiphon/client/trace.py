"""The trace of a call: a file of JSON lines that tells what went over the wire, when, and what was decided.

The first line is the header. Each other line has `t` (milliseconds since the trace began, monotonic) and `dir`: "in"
and "out" carry an `event` as it was on the wire, "note" a `decision`. Audio and pictures are left out and counted,
unless they are asked for; secrets are always left out. `replay` runs a trace through `antiphon.conversation` again, so
that a report of a fault becomes a test.
"""

from __future__ import annotations

import base64
import re
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, Literal, Self

import msgspec

from antiphon.client.errors import ClientError
from antiphon.protocol import ConversationItemCreate, Message, decode_event, decode_server_event

if TYPE_CHECKING:
    from antiphon.conversation import Conversation

FORMAT = 1
MOST_BYTES = 64 * 1024 * 1024

Direction = Literal["in", "out", "note"]

_AUDIO_KEYS = frozenset({"audio"})
_AUDIO_DELTAS = frozenset({"response.output_audio.delta", "response.audio.delta"})
_SECRET_KEYS = frozenset({"authorization", "client_secret", "api_key", "api-key", "headers", "token", "password"})
_SECRETS = re.compile(r"(?i)\bbearer\s+[^\s\"',)]+|\b(?:openai-insecure-api-key\.|sk-|ek_)[\w.~-]{6,}")
_DATA_URL = re.compile(r"data:[\w/+.-]+;base64,")
_SHORTEST_ELIDED = 64
_LONGEST_RAW = 1000


class TraceError(ClientError):
    """A file is no trace, or one of a format that is not known here."""


@dataclass(frozen=True, slots=True)
class Header:
    """target: the server's address without its query; started: ISO 8601, UTC; audio: whether it was kept."""

    version: str
    target: str
    transport: str
    started: str
    audio: bool = False


@dataclass(frozen=True, slots=True)
class Entry:
    """One line. t_ms: since the trace began. event: of the wire ("in", "out"); decision, data: of a "note".

    elided: where something was left out, and its bytes; set_up: it belongs to the set-up of a new session; hidden: the
    call did not get to see it.
    """

    t_ms: float
    dir: Direction
    event: Mapping[str, Any] = field(default_factory=dict)
    decision: str = ""
    data: Mapping[str, Any] = field(default_factory=dict)
    elided: Mapping[str, int] = field(default_factory=dict)
    set_up: bool = False
    hidden: bool = False


@dataclass(frozen=True, slots=True)
class Trace:
    """A trace that was read. complete: it has its end; without it the program was cut short, or the trace was full."""

    header: Header
    entries: Sequence[Entry]

    @property
    def started_ms(self) -> float:
        """When it began: milliseconds since 1970, 0.0 when the header does not say."""
        try:
            return datetime.fromisoformat(self.header.started).timestamp() * 1000
        except ValueError:
            return 0.0

    @property
    def complete(self) -> bool:
        return bool(self.entries) and self.entries[-1].decision == "trace_ended"


class TraceWriter:
    """Writes one call's trace. Bounded: when it is full it says so and keeps nothing more.

    where: a path, or a text file that is open (and stays open). keep_audio: audio and pictures, too. secrets: words
    that must not be written, beside those that look like keys.
    """

    def __init__(
        self,
        where: str | Path | IO[str],
        *,
        target: str,
        transport: str,
        keep_audio: bool = False,
        secrets: Sequence[str] = (),
        most_bytes: int = MOST_BYTES,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._clock = clock
        self._began = clock()
        self._keep_audio = keep_audio
        self._secrets = [secret for secret in secrets if len(secret) >= 6]
        self._left = most_bytes
        self._owns = isinstance(where, str | Path)
        self._file: IO[str] | None = (
            Path(where).open("w", encoding="utf-8") if isinstance(where, str | Path) else where  # noqa: SIM115
        )
        # Written before anything is: the package's own version is asked for only here.
        from antiphon import __version__  # noqa: PLC0415 - the package imports its rooms

        started = datetime.now(UTC).isoformat(timespec="milliseconds")
        self._write(
            {
                "antiphon_trace": FORMAT,
                "version": __version__,
                "target": target,
                "transport": transport,
                "started": started,
                "audio": keep_audio,
            }
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        self.close()

    def hide(self, secret: str) -> None:
        """One more word that must not be written."""
        if len(secret) >= 6 and secret not in self._secrets:
            self._secrets.append(secret)

    def wire(self, dir_: Literal["in", "out"], data: str | bytes) -> None:
        """A frame of the call."""
        self._frame(dir_, data, {})

    def set_up(self, dir_: str, data: str | bytes, shown: bool) -> None:
        """A frame of a new session's set-up. shown: the call gets to see it."""
        self._frame(dir_, data, {"set_up": True} if shown else {"set_up": True, "hidden": True})

    def note(self, decision: str, **data: object) -> None:
        """Something that was decided, or happened beside the wire. data: plain JSON."""
        if self._file is not None:
            self._write(self._noted(decision, data))
            if self._file is not None:
                self._file.flush()

    def close(self) -> None:
        """The call is over. Twice is once."""
        if self._file is not None:
            self.note("trace_ended")
            self._finish()

    # ── inside ────────────────────────────────────────────────────────────────────────────────────────────────────

    def _noted(self, decision: str, data: Mapping[str, object]) -> dict[str, Any]:
        line: dict[str, Any] = {"t": self._now(), "dir": "note", "decision": decision}
        if data:
            line["data"] = _Scrubbed(keep_audio=True).value(dict(data), "")
        return line

    def _frame(self, dir_: str, data: str | bytes, marks: Mapping[str, Any]) -> None:
        if self._file is None:
            return
        line: dict[str, Any] = {"t": self._now(), "dir": dir_, **marks}
        try:
            event = msgspec.json.decode(data)
        except (msgspec.DecodeError, UnicodeError):
            event = None
        if isinstance(event, dict):
            scrubbed = _Scrubbed(keep_audio=self._keep_audio)
            line["event"] = scrubbed.event(event)
            if scrubbed.elided:
                line["elided"] = scrubbed.elided
        else:
            raw = data if isinstance(data, str) else data.decode(errors="replace")
            line["event"] = {"type": "", "raw": _SECRETS.sub("…", raw[:_LONGEST_RAW])}
        self._write(line)

    def _now(self) -> float:
        return round((self._clock() - self._began) * 1000, 3)

    def _write(self, line: dict[str, Any]) -> None:
        if self._file is None:
            return
        text = msgspec.json.encode(line).decode()
        for secret in self._secrets:
            text = text.replace(secret, "…")
        if len(text) > self._left:
            full = {"t": self._now(), "dir": "note", "decision": "trace_full"}
            self._file.write(msgspec.json.encode(full).decode() + "\n")
            self._finish()
            return
        self._left -= len(text) + 1
        self._file.write(text + "\n")

    def _finish(self) -> None:
        file, self._file = self._file, None
        if file is not None:
            file.flush()
            if self._owns:
                file.close()


class _Scrubbed:
    """One event without what does not belong in a trace. elided: where something was left out, and its bytes."""

    def __init__(self, *, keep_audio: bool) -> None:
        self._keep_audio = keep_audio
        self.elided: dict[str, int] = {}

    def event(self, event: dict[str, Any]) -> dict[str, Any]:
        if not self._keep_audio and event.get("type") in _AUDIO_DELTAS and isinstance(event.get("delta"), str):
            event = {**event, "delta": self._left_out(event["delta"], "delta")}
        scrubbed = self.value(event, "")
        assert isinstance(scrubbed, dict)
        return scrubbed

    def value(self, value: Any, path: str) -> Any:
        if isinstance(value, dict):
            return {key: self._member(key, member, f"{path}.{key}" if path else key) for key, member in value.items()}
        if isinstance(value, list):
            return [self.value(member, f"{path}.{index}") for index, member in enumerate(value)]
        if isinstance(value, str):
            url = None if self._keep_audio else _DATA_URL.match(value)
            if url is not None and len(value) > _SHORTEST_ELIDED:
                return url[0] + self._left_out(value[url.end() :], path)
            return _SECRETS.sub("…", value)
        return value

    def _member(self, key: str, value: Any, path: str) -> Any:
        if key.lower() in _SECRET_KEYS and value:
            # Its shape stays, so that the event can still be read: a number of tokens is no token.
            return "…" if isinstance(value, str) else {} if isinstance(value, dict) else value
        if key in _AUDIO_KEYS and isinstance(value, str) and not self._keep_audio:
            return self._left_out(value, path)
        return self.value(value, path)

    def _left_out(self, base64: str, path: str) -> str:
        self.elided[path] = len(base64.rstrip("=")) * 3 // 4
        return ""


# ── reading ──────────────────────────────────────────────────────────────────────────────────────────────────────────


def read_trace(path: str | Path) -> Trace:
    """Read a trace. A last line that was cut short is left out. Raises TraceError, OSError."""
    with Path(path).open("rb") as file:
        lines = _lines(file)
        first = next(lines, None)
        if first is None or not isinstance(first[1], dict) or "antiphon_trace" not in first[1]:
            raise TraceError(f"{path} is no trace: its first line has no `antiphon_trace`.")
        header = first[1]
        if header["antiphon_trace"] != FORMAT:
            raise TraceError(f"{path} is a trace of format {header['antiphon_trace']}; known here is {FORMAT}.")
        entries, broken = [], None
        for number, line in lines:
            if broken is not None:
                raise TraceError(f"{path}, line {broken}: this is no line of a trace.")
            entry = _entry(line)
            if entry is None:
                broken = number
            else:
                entries.append(entry)
    words = {name: str(header.get(name, "")) for name in ("version", "target", "transport", "started")}
    return Trace(Header(**words, audio=bool(header.get("audio"))), entries)


def _lines(file: IO[bytes]) -> Iterator[tuple[int, Any]]:
    for number, line in enumerate(file, start=1):
        if line.strip():
            try:
                yield number, msgspec.json.decode(line)
            except (msgspec.DecodeError, UnicodeError):
                yield number, None


def _entry(line: Any) -> Entry | None:
    try:
        return msgspec.convert(
            {
                "t_ms": line["t"],
                "dir": line["dir"],
                **{
                    name: line[name]
                    for name in ("event", "decision", "data", "elided", "set_up", "hidden")
                    if name in line
                },
            },
            Entry,
        )
    except (msgspec.ValidationError, KeyError, TypeError):
        return None


def replay(trace: Trace, conversation: Conversation | None = None) -> Conversation:
    """Run a trace through a conversation again, at the times it tells of. Returns the conversation.

    conversation: one of your own, with handlers or other settings; a new one otherwise.
    """
    from antiphon.conversation import Conversation as New  # noqa: PLC0415 - writing a trace needs none

    told = New() if conversation is None else conversation
    for entry in trace.entries:
        now_ms = trace.started_ms + entry.t_ms
        kind = entry.event.get("type")
        if entry.dir == "note":
            _replay_note(told, entry, now_ms)
        elif entry.hidden or not kind or kind == "input_audio_buffer.append":
            continue
        elif entry.dir == "in":
            told.receive(decode_server_event(_whole(entry)), now_ms)
        elif not entry.set_up:
            told.sent(decode_event(_whole(entry)), now_ms)  # type: ignore[arg-type]
    return told


def _replay_note(told: Conversation, entry: Entry, now_ms: float) -> None:
    if entry.decision == "session_gone":
        told.disconnected(now_ms)
    elif entry.decision == "played":
        told.played(str(entry.data["item_id"]), float(entry.data["played_ms"]), now_ms)
    elif entry.decision == "flushed":
        told.flushed(now_ms, entry.data.get("item_id"))
    elif entry.decision == "not_sent" and isinstance(item_id := entry.data.get("item_id"), str):
        item = Message(id=item_id, role="user", content=[])
        told.not_sent(ConversationItemCreate(item=item), str(entry.data.get("why", "")), now_ms)


def _whole(entry: Entry) -> bytes:
    """The event with silence where sound was left out: how long it was matters."""
    event = dict(entry.event)
    if "delta" in entry.elided:
        event["delta"] = base64.b64encode(bytes(entry.elided["delta"])).decode()
    return msgspec.json.encode(event)
