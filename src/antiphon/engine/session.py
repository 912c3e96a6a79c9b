"""The server side of one Realtime session, as a pure state machine.

Inputs go in as method calls, each with the time (`now`, seconds on any monotonic clock); effects come out of
`take_effects`, in order. There is no clock, socket, thread or task in here. The contract, after every single input:

1. carry out all of `take_effects()`, in order;
2. arrange to call `tick(now)` at `next_timeout()`, if there is one.

No input raises, whatever the peer sent: a client event that cannot be carried out becomes an `error` event, changes
nothing, and the session goes on. (`LocalProtocolError` means that the driver broke the contract.)

The parts: `listening` (audio in, turns, transcripts), `responding` (responses, audio out), `core` (what they share).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import msgspec
from msgspec import UNSET

from antiphon.engine.configuration import (
    SessionSettings,
    default_session,
    default_transcription_session,
    updated,
)
from antiphon.engine.core import Core
from antiphon.engine.created_items import refuse_impossible, spoken_part, without_audio
from antiphon.engine.effects import Close, Effect
from antiphon.engine.history import Entry, entry_of, retrieved
from antiphon.engine.listening import Listening
from antiphon.engine.responding import Responding
from antiphon.engine.stages import ModelDone, ModelTool, ToolCallDelta, Transcript, VoiceProbability, WordMark
from antiphon.engine.states import CONNECTION, ConnectionState, ConnectionTrigger, ItemState, Machine
from antiphon.engine.truncation import truncate
from antiphon.protocol import (
    ClientEvent,
    ConversationItemCreate,
    ConversationItemDelete,
    ConversationItemDeleted,
    ConversationItemRetrieve,
    ConversationItemRetrieved,
    ConversationItemTruncate,
    ErrorDetail,
    ErrorEvent,
    FunctionCall,
    FunctionTool,
    InputAudioBufferAppend,
    InputAudioBufferClear,
    InputAudioBufferCommit,
    InvalidEvent,
    Message,
    OutputAudioBufferClear,
    RealtimeSession,
    ResponseCancel,
    ResponseCreate,
    SessionConfig,
    SessionCreated,
    SessionUpdate,
    SessionUpdated,
    TranscriptionSession,
    decode_client_event,
    invalid_request,
    new_id,
)

Admit = Callable[[ClientEvent], ClientEvent | None]

SESSION_EXPIRED_CLOSE_CODE = 1001
"""What the Realtime API closes with at a session's maximum duration; clients reconnect on it."""


class Session:
    """One session. Only its driver calls it, from one thread.

    settings: the operator's bounds and defaults. media: audio travels beside the events (WebRTC).
    config: what the session is to be at first, over the defaults; None for the defaults. Raises InvalidEvent when it
        asks for what this engine refuses.
    unix_now: wall-clock seconds at `now`, for `expires_at`. hints: see `LanguageModel.hints`.
    """

    def __init__(
        self,
        settings: SessionSettings,
        *,
        media: bool,
        now: float,
        unix_now: float = 0.0,
        config: SessionConfig | None = None,
        hints: Callable[[Sequence[ModelTool]], Sequence[str]] = lambda _tools: (),
        make_id: Callable[[str], str] = new_id,
    ) -> None:
        self.id = make_id("sess")
        self._settings = settings
        self._expires = now + settings.max_session_s
        make = default_transcription_session if isinstance(config, TranscriptionSession) else default_session
        effective: SessionConfig = make(settings, session_id=self.id, expires_at=int(unix_now + settings.max_session_s))
        if config is not None:
            effective = updated(effective, config, settings, voice_locked=False)
        self._core = Core(effective, settings, media=media, new_id=make_id)
        self._derive_hints = hints
        self._hints: Sequence[str] = ()
        self._find_hints()
        self._connection = Machine("connection", CONNECTION, ConnectionState.NEW)
        self._responding = Responding(self._core)
        self._listening = Listening(self._core, self._responding, lambda: self._hints)

    # ── what a driver and a test may look at ──────────────────────────────────────────────────────────────────────

    @property
    def config(self) -> SessionConfig:
        return self._core.config

    @property
    def closed(self) -> bool:
        return self._connection.state is ConnectionState.CLOSED

    @property
    def listening(self) -> Listening:
        return self._listening

    @property
    def responding(self) -> Responding:
        return self._responding

    @property
    def items(self) -> tuple[Entry, ...]:
        """The conversation, in order."""
        return tuple(self._core.history)

    def take_effects(self) -> list[Effect]:
        """Everything to be done since the last call, in order."""
        return self._core.take_effects()

    # ── the connection ────────────────────────────────────────────────────────────────────────────────────────────

    def open(self, now: float) -> None:
        """The peer can receive events."""
        self._connection.fire(ConnectionTrigger.OPEN)
        self._core.send(SessionCreated(session=self._core.config))
        self.tick(now)

    def close(self, now: float, code: int = 1000, reason: str = "") -> None:
        """The session is over: by the peer, by the driver, or by time. Closing twice is closing once."""
        was = self._connection.state
        self._connection.fire(ConnectionTrigger.CLOSE)
        if was is ConnectionState.CLOSED:
            return
        self._responding.close(now)
        self._listening.close()
        self._core.put(Close(code, reason))

    # ── time ──────────────────────────────────────────────────────────────────────────────────────────────────────

    def next_timeout(self) -> float | None:
        """When `tick` is due, on the clock of `now`; None when the session is closed."""
        if self.closed:
            return None
        idle = self._idle_deadline()
        return self._expires if idle is None else min(idle, self._expires)

    def tick(self, now: float) -> None:
        if self.closed:
            return
        if now >= self._expires:
            limit = f"{self._settings.max_session_s / 60:g} minutes"
            self._error(
                ErrorDetail(
                    type="invalid_request_error",
                    code="session_expired",
                    message=f"Your session hit the maximum duration of {limit}.",
                )
            )
            self.close(now, SESSION_EXPIRED_CLOSE_CODE, f"session hit the maximum duration of {limit}")
            return
        idle = self._idle_deadline()
        if idle is not None and now >= idle:
            self._listening.idle(now)

    def _idle_deadline(self) -> float | None:
        timeout = self._listening.idle_timeout_s()
        quiet = self._responding.quiet_since()
        if timeout is None or quiet is None or self._listening.speaking or self._listening.transcribing:
            return None
        return quiet + timeout

    # ── client events ─────────────────────────────────────────────────────────────────────────────────────────────

    def receive(self, data: str | bytes, now: float, admit: Admit | None = None) -> None:
        """One message from a peer, as it came. bytes: a binary message, which the protocol does not have.

        admit: what of a well-formed event is carried out (see `link.Policy`); None for all of it.
        """
        if self._connection.state is not ConnectionState.OPEN:
            return
        try:
            if isinstance(data, bytes):
                raise invalid_request("invalid_event", "Binary messages are not part of the protocol: send JSON text.")
            event = decode_client_event(data)
        except InvalidEvent as refusal:
            self._error(refusal.error)
            return
        admitted = event if admit is None else admit(event)
        if admitted is not None:
            self.receive_event(admitted, now)

    def receive_event(self, event: ClientEvent, now: float) -> None:
        """One decoded client event."""
        if self._connection.state is not ConnectionState.OPEN:
            return
        try:
            self._carry_out(event, now)
        except InvalidEvent as refusal:
            self._error(msgspec.structs.replace(refusal.error, event_id=event.event_id))

    def _carry_out(self, event: ClientEvent, now: float) -> None:
        if isinstance(event, InputAudioBufferAppend):
            self._listening.append(event.audio)
        elif isinstance(event, SessionUpdate):
            self._update(event.session)
        elif isinstance(event, InputAudioBufferCommit):
            self._listening.commit()
        elif isinstance(event, InputAudioBufferClear):
            self._listening.clear()
        elif isinstance(event, ConversationItemCreate):
            self._create_item(event)
        elif isinstance(event, ConversationItemRetrieve):
            entry = self._find(event.item_id, "retrieve")
            self._core.send(ConversationItemRetrieved(item=retrieved(entry)))
        elif isinstance(event, ConversationItemTruncate):
            truncate(self._core, event)
        elif isinstance(event, ConversationItemDelete):
            self._delete_item(event.item_id, now)
        elif isinstance(event, ResponseCreate):
            if not isinstance(self._core.config, RealtimeSession):
                raise invalid_request("invalid_value", "A transcription session makes no responses.")
            self._responding.create(None if event.response is UNSET else event.response, "client", now)
        elif isinstance(event, ResponseCancel):
            self._responding.cancel(event, now)
        elif isinstance(event, OutputAudioBufferClear):
            self._responding.clear_output(now)

    def _update(self, wanted: SessionConfig) -> None:
        config = updated(self._core.config, wanted, self._settings, voice_locked=self._responding.spoke)
        self._core.config = config
        self._find_hints()
        self._listening.configured()
        self._core.send(SessionUpdated(session=config))

    def _find_hints(self) -> None:
        config = self._core.config
        tools = config.tools if isinstance(config, RealtimeSession) and isinstance(config.tools, list) else []
        functions = [
            ModelTool(
                tool.name,
                tool.description if isinstance(tool.description, str) else "",
                tool.parameters if isinstance(tool.parameters, dict) else {},
            )
            for tool in tools
            if isinstance(tool, FunctionTool)
        ]
        self._hints = self._derive_hints(functions) if functions else ()

    # ── items ─────────────────────────────────────────────────────────────────────────────────────────────────────

    def _find(self, item_id: str, verb: str) -> Entry:
        entry = self._core.history.get(item_id)
        if entry is None:
            raise invalid_request(
                f"item_{verb}_invalid_item_id",
                f"Error {verb[:-1]}ing item: item with id '{item_id}' does not exist.",
                "item_id",
            )
        return entry

    def _create_item(self, event: ConversationItemCreate) -> None:
        after = refuse_impossible(event, self._core.history)
        item = event.item
        changes: dict[str, object] = {"object": "realtime.item"}
        if not isinstance(item.id, str):
            changes["id"] = self._core.new_id("item")
        if isinstance(item, FunctionCall) and not isinstance(item.call_id, str):
            changes["call_id"] = self._core.new_id("call")
        item = msgspec.structs.replace(item, **changes)
        audio = spoken_part(item) if isinstance(item, Message) else None
        if audio is not None and isinstance(item, Message):
            item = without_audio(item)
        entry = entry_of(item)
        self._core.add_item(entry, after)
        self._core.finish_item(entry)
        if audio is not None:
            entry.audio += audio[1]
            self._listening.spoken_item(entry, audio[0])
        self._core.keep_bounds(self._responding.needs() | {entry.id})

    def _delete_item(self, item_id: str, now: float) -> None:
        entry = self._find(item_id, "delete")
        if entry.machine.state is ItemState.IN_PROGRESS:
            raise invalid_request(
                "invalid_value", f"Item '{item_id}' is being generated: cancel the response first.", "item_id"
            )
        self._core.history.delete(item_id)
        self._listening.forget_item(item_id, now)
        self._core.send(ConversationItemDeleted(item_id=item_id))

    # ── what the stages report ────────────────────────────────────────────────────────────────────────────────────

    def hear(self, pcm: bytes) -> None:
        """Audio from the media channel: 24 kHz int16 mono."""
        if self._connection.state is ConnectionState.OPEN:
            self._listening.hear(pcm)

    def voice(self, windows: Sequence[VoiceProbability], now: float) -> None:
        """The voice detector's answer to `DetectVoice`. end_ms: of all audio it was given in this session."""
        if not self.closed:
            self._listening.voice(windows, now)

    def hypothesis(self, item_id: str, text: str) -> None:
        if not self.closed:
            self._listening.hypothesis(item_id, text)

    def recognized(self, item_id: str, transcript: Transcript, now: float) -> None:
        if not self.closed:
            self._listening.recognized(item_id, transcript, now)

    def recognition_failed(self, item_id: str, message: str, now: float) -> None:
        """message: for the peer, so without anything secret."""
        if not self.closed:
            self._listening.recognition_failed(item_id, message, now)

    def generated_text(self, response_id: str, delta: str) -> None:
        self._responding.text(response_id, delta)

    def generated_speech(self, response_id: str, pcm: bytes, marks: Sequence[WordMark], now: float) -> None:
        """marks: `start` in the text of the response's message, `at_ms` in its audio."""
        self._responding.speech(response_id, pcm, marks, now)

    def generated_call(self, response_id: str, delta: ToolCallDelta) -> None:
        self._responding.tool_call(response_id, delta)

    def generation_done(self, response_id: str, outcome: ModelDone, now: float) -> None:
        self._responding.done(response_id, outcome, now)

    def generation_failed(self, response_id: str, message: str, now: float) -> None:
        """message: for the peer, so without anything secret."""
        self._responding.model_failed(response_id, message, now)

    def played(self, samples: int, now: float) -> None:
        """samples: what has left of `PlayAudio` since the last `FlushAudio`, in all, at 24 kHz."""
        if not self.closed:
            self._responding.played(samples, now)

    def _error(self, detail: ErrorDetail) -> None:
        self._core.send(ErrorEvent(error=detail))
