"""What of a client outlives its calls: who is told, what was said, the microphone and the loudspeaker.

It is the `Seat` of every call that the client makes, one after the other. Everything in here returns at once.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Callable, Sequence
from typing import TYPE_CHECKING, Any

from antiphon.agent import Notice
from antiphon.audio import WIRE_FORMATS, FormatEncoder, open_encoder
from antiphon.client.audio import AudioSource
from antiphon.client.capturing import Capturing
from antiphon.client.continuity import LineState
from antiphon.client.errors import ClientError, ClosedError
from antiphon.client.lifecycle import ConnectionState, Fault, FaultStage, Lifecycle, Severity, Stage, fault_of
from antiphon.client.middleware import STOP, Middleware, checked, passed
from antiphon.client.ongoing import OngoingCall
from antiphon.client.own_tasks import OwnTasks
from antiphon.client.speaking import Speaking
from antiphon.client.subscribing import Subscription
from antiphon.client.transport import NORMAL_CLOSE, MediaTransport, Transport
from antiphon.client.waiting import Event
from antiphon.errors import AntiphonError, RemoteProtocolError
from antiphon.protocol import (
    ClientEvent,
    ErrorEvent,
    InputAudioBufferAppend,
    InputAudioBufferSpeechStarted,
    Item,
    OutputAudioBufferCleared,
    OutputAudioBufferStopped,
    ResponseOutputAudioDelta,
    ResponseOutputAudioDone,
)

if TYPE_CHECKING:
    from antiphon.conversation import Conversation, HandlerFailure

logger = logging.getLogger("antiphon.client")

PLAYED_EVERY_S = 0.05
TICK_EVERY_S = 1.0
MOST_UNSENT_SPEECH_BYTES = 256 * 1024
"""About four seconds as they are sent. A server that takes the microphone no faster loses what comes on top of it."""

_PLAYED = frozenset(
    {
        ResponseOutputAudioDelta,
        ResponseOutputAudioDone,
        OutputAudioBufferStopped,
        OutputAudioBufferCleared,
        InputAudioBufferSpeechStarted,
    }
)
_SHOWN = 200


class ClientSeat:
    """The lasting parts of one client. `client`: the client itself, for its middleware.

    on_event: is told of every server event. on_notice: of what tools do. on_reconnecting, on_reconnected: see
    `RealtimeClient`.
    """

    def __init__(
        self,
        client: Any,
        *,
        conversation: Conversation | None,
        speaking: Speaking,
        incoming: Sequence[Middleware[Event]] = (),
        outgoing: Sequence[Middleware[ClientEvent]] = (),
        on_event: Callable[[Event], None] | None = None,
        on_notice: Callable[[Notice], None] | None = None,
        on_reconnecting: Callable[[int, float], None] | None = None,
        on_reconnected: Callable[[int], None] | None = None,
    ) -> None:
        self._client = client
        self.conversation = conversation
        self.speaking = speaking
        self.capturing = Capturing(self._heard, turn_open=self._turn_open, on_end=self._source_ended)
        self.lifecycle = Lifecycle()
        self.call: OngoingCall | None = None
        self.media: MediaTransport | None = None
        """What carries audio beside the events, if anything does."""
        self.listening = True
        """Whether the user's voice goes out."""
        self.hanging_up = False
        self.subscriptions: list[Subscription] = []
        self.dropped_blocks = 0
        """Blocks of the user's voice that the server did not take in time."""
        self._incoming: tuple[Middleware[Event], ...] = checked(incoming)
        self._outgoing: tuple[Middleware[ClientEvent], ...] = checked(outgoing)
        self._on_event = on_event
        self._on_notice = on_notice
        self._on_reconnecting = on_reconnecting
        self._on_reconnected = on_reconnected
        self.tasks = OwnTasks()
        self._encoder: FormatEncoder | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._beating: asyncio.TimerHandle | None = None
        self._granted = False
        self._sounded: str | None = None
        self._epoch_ms = 1000 * (time.time() - time.monotonic())
        if conversation is not None:
            conversation.handlers.own = self.tasks.own
            conversation.handlers.failed = self._handler_failed

    # ── what goes by ──────────────────────────────────────────────────────────────────────────────────────────────

    def admitted(self, event: Event) -> Event | None:
        if not self._incoming:
            return event
        answer = passed(self._incoming, event, self._client)
        return None if answer is STOP else answer

    def let_out(self, event: ClientEvent) -> ClientEvent | None:
        if not self._outgoing:
            return event
        answer = passed(self._outgoing, event, self._client)
        return None if answer is STOP else answer

    def came(self, event: Event) -> None:
        if self.lifecycle.listens_to(Stage.DATA_CHANNEL_MESSAGE):
            self.lifecycle.done(Stage.DATA_CHANNEL_MESSAGE, event)
        if self._on_event is not None:
            try:
                self._on_event(event)
            except Exception:
                logger.exception("on_event failed on %s", event.type)
        kind = type(event)
        if kind in _PLAYED:
            self._play(event)
        if self.conversation is not None:
            self.conversation.receive(event, self._now())
            if self._beating is None and self.conversation.activity.is_waiting:
                self._beat()
        if isinstance(event, ErrorEvent):
            self.lifecycle.fault(fault_of(event.error))

    def went(self, event: ClientEvent) -> None:
        if self.conversation is not None and not isinstance(event, InputAudioBufferAppend):
            self.conversation.sent(event, self._now())
            if self._beating is None and self.conversation.activity.is_waiting:
                self._beat()

    def not_sent(self, event: ClientEvent, why: str) -> None:
        if self.conversation is not None:
            self.conversation.not_sent(event, why, self._now())

    def noticed(self, notice: Notice) -> None:
        if self._on_notice is not None:
            self._on_notice(notice)

    # ── how the call stands ───────────────────────────────────────────────────────────────────────────────────────

    def opened(self, transport: Transport) -> None:
        """A connection stands."""
        self.switched(transport)
        self.lifecycle.done(Stage.PEER_CONNECTION_CREATED, transport)
        self.lifecycle.done(Stage.REMOTE_STREAM_SET, self.speaking.sink)
        self.lifecycle.done(Stage.DATA_CHANNEL_OPEN)
        self._rest()
        self._beat()

    def switched(self, transport: Transport) -> None:
        inner = getattr(transport, "inner", transport)
        self.media = inner if isinstance(inner, MediaTransport) and inner.media else None
        if self.media is not None:
            self.media.on_audio = self.media_heard
            self.media.on_stage = self.lifecycle.done
            self.media.on_shaky = self.shaky

    def shaky(self, shaky: bool) -> None:
        """The media path has fallen silent, or is back."""
        if self.call is not None:
            self.call.connection.path(works=not shaky)

    def line(self, state: LineState) -> None:
        lifecycle = self.lifecycle
        if lifecycle.state not in (ConnectionState.CONNECTED, ConnectionState.RECONNECTING):
            return
        if state in (LineState.LOST, LineState.RECONNECTING):
            lifecycle.enter(ConnectionState.RECONNECTING)
        elif state is not LineState.OVER:
            lifecycle.enter(ConnectionState.CONNECTED)

    def waiting(self, attempt: int, wait_s: float, why: ClientError) -> None:
        context = {"attempt": attempt, "wait_s": wait_s}
        self.lifecycle.fault(Fault(FaultStage.PEER_CONNECTION, why, Severity.WARNING, True, context=context))
        if self._on_reconnecting is not None:
            self._on_reconnecting(attempt, wait_s)

    def renewed(self, replayed: int) -> None:
        if self._on_reconnected is not None:
            self._on_reconnected(replayed)

    def lost(self) -> None:
        self.speaking.lost()
        if self.conversation is not None:
            self.conversation.disconnected(self._now())

    def remembered(self, open_calls: set[str] | None) -> list[Item]:
        return [] if self.conversation is None else self.conversation.record.items(open_calls)

    def over(self, error: ClosedError) -> None:
        self._rest()
        self.lifecycle.done(Stage.DATA_CHANNEL_CLOSED, error)
        if self.conversation is not None:
            self.conversation.disconnected(self._now())
        if self.lifecycle.state is ConnectionState.CONNECTING:
            return  # whoever waits already for what is said may yet hear it: in the next attempt
        self._end_reading()
        if self.hanging_up:
            return
        if error.code == NORMAL_CLOSE:
            self.lifecycle.enter(ConnectionState.DISCONNECTED)
        else:
            self.lifecycle.fault(Fault(FaultStage.DATA_CHANNEL, error, Severity.CRITICAL, recoverable=True))

    def _end_reading(self) -> None:
        """There will be nothing more to read: what came is still read to its end."""
        self.speaking.close()
        for subscription in self.subscriptions:
            subscription.close()
        self.subscriptions.clear()

    def unreadable(self, error: RemoteProtocolError, data: str | bytes) -> None:
        text = data if isinstance(data, str) else data.decode(errors="replace")
        wrong = RemoteProtocolError(f"the server sent what is no event: {error}")
        context = {"raw": text[:_SHOWN], "characters": len(text)}
        self.lifecycle.fault(Fault(FaultStage.DATA_CHANNEL, wrong, Severity.WARNING, True, context=context))

    def media_heard(self, pcm: bytes) -> None:
        """What the server says, beside the events."""
        self.speaking.receive_media(pcm)
        if self.conversation is None:
            return
        playing = self.conversation.router.playout.playing
        if playing is not None and playing != self._sounded and any(pcm):
            self._sounded = playing
            self.conversation.sounded(self._now())

    def now_ms(self) -> float:
        """The conversation's clock: milliseconds, steady, and reading like unix time."""
        return self._now()

    async def use_microphone(self, source: AudioSource | AsyncIterator[bytes] | None) -> None:
        """Speak through another source, or through none."""
        before = self.capturing.source
        if source is None and before is None:
            return
        self._granted = False
        await self.capturing.use(source)
        if self.conversation is not None:
            self.conversation.microphone.capturing(source is not None)
        if before is not None:
            self.lifecycle.done(Stage.LOCAL_TRACK_REMOVED, before)
        if source is not None:
            for stage in (Stage.MICROPHONE_OPENED, Stage.LOCAL_STREAM_SET, Stage.LOCAL_TRACK_ADDED):
                self.lifecycle.done(stage, source)

    # ── the user's voice ──────────────────────────────────────────────────────────────────────────────────────────

    def _heard(self, pcm: bytes) -> None:
        if not self._granted:
            self._granted = True
            self.lifecycle.done(Stage.MICROPHONE_PERMISSION_GRANTED)
        if self.conversation is not None:
            self.conversation.microphone.hear(pcm, self._now())
        call = self.call
        if call is None or call.connection.closed is not None or not self.listening:
            return
        if self.media is not None:
            try:
                self.media.send_audio(pcm)
            except AntiphonError:
                self.dropped_blocks += 1  # more waits than a line that stands still may leave
        elif call.connection.outbox.unsent_bytes > MOST_UNSENT_SPEECH_BYTES:
            self.dropped_blocks += 1
        else:
            call.stream(InputAudioBufferAppend(audio=self._encoded(pcm, call.view.input_format)))

    def _encoded(self, pcm: bytes, format_name: str) -> bytes:
        if format_name == "audio/pcm":
            return pcm
        if self._encoder is None or self._encoder.format is not WIRE_FORMATS[format_name]:
            self._encoder = open_encoder(format_name)
        return self._encoder.encode(pcm)

    def _turn_open(self) -> bool:
        return self.call is not None and self.call.view.turn_detection is not None and self.call.view.user_speaking

    def _source_ended(self, failure: Exception | None) -> None:
        self.lifecycle.done(Stage.LOCAL_TRACK_REMOVED, self.capturing.source)
        if failure is None:
            return
        if not self._granted:
            self.lifecycle.done(Stage.MICROPHONE_PERMISSION_DENIED, failure)
        stage = FaultStage.LOCAL_STREAM if self._granted else FaultStage.MICROPHONE_PERMISSION
        self.lifecycle.fault(Fault(stage, failure, Severity.WARNING, recoverable=True))

    # ── the assistant's voice ─────────────────────────────────────────────────────────────────────────────────────

    def _play(self, event: Event) -> None:
        call = self.call
        if call is None:
            return
        match event:
            case ResponseOutputAudioDelta():
                try:
                    self.speaking.receive(event, call.view.output_format)
                except AntiphonError as error:
                    self.speaking.set_on(False)
                    self.lifecycle.fault(Fault(FaultStage.REMOTE_STREAM, error, Severity.WARNING, recoverable=False))
                self._watch_playing()
            case ResponseOutputAudioDone() | OutputAudioBufferStopped():
                self.speaking.ended()
            case InputAudioBufferSpeechStarted() if self.media is None and call.view.interrupts:
                self.silence()
            case OutputAudioBufferCleared():
                self.speaking.flush()

    def silence(self) -> bool:
        """Somebody interrupts: nothing more is heard, and the server is told how much was. False when nothing was
        being heard, or nobody here knows how much."""
        call = self.call
        if call is None or self.media is not None:
            return False
        self._report_played()
        heard, unheard = self.speaking.heard, self.speaking.waiting
        truncation = self.speaking.interrupt(call.view, call.view.active_responses)
        if self.conversation is not None and heard is not None:
            call.connection.note("flushed")
            self.conversation.flushed(self._now())
            for item_id in unheard:
                call.connection.note("flushed", item_id=item_id)
                self.conversation.flushed(self._now(), item_id)
        if truncation is not None:
            call.put(truncation)
        return heard is not None

    def _watch_playing(self) -> None:
        if self._timer is None and self.conversation is not None and self.speaking.counts:
            self._timer = asyncio.get_running_loop().call_later(PLAYED_EVERY_S, self._tick)

    def _tick(self) -> None:
        self._timer = None
        self._report_played()
        if self.speaking.heard is not None:
            self._watch_playing()

    def _report_played(self) -> None:
        if self.conversation is None:
            return
        for item_id, played_ms in self.speaking.progress():
            if self.call is not None:
                self.call.connection.note("played", item_id=item_id, played_ms=round(played_ms))
            self.conversation.played(item_id, played_ms, self._now())

    # ── time ──────────────────────────────────────────────────────────────────────────────────────────────────────

    def _beat(self) -> None:
        """The conversation is told that time passes, while that can change anything."""
        self._beating = None
        if self.conversation is None:
            return
        self.conversation.tick(self._now())
        if self.conversation.activity.is_waiting:
            self._beating = asyncio.get_running_loop().call_later(TICK_EVERY_S, self._beat)

    def _rest(self) -> None:
        if self._beating is not None:
            self._beating.cancel()
            self._beating = None

    # ── the end ─────────────────────────────────────────────────────────────────────────────────────────────────────

    async def aclose(self) -> None:
        """The client hangs up: handlers that still run are cancelled and waited for, microphone and speaker closed."""
        self._rest()
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self._end_reading()
        await self.use_microphone(None)
        sink = self.speaking.use(None)
        if sink is not None:
            await sink.aclose()
        await self.tasks.aclose()

    def _handler_failed(self, failure: HandlerFailure) -> None:
        logger.error("a handler failed on %s", failure.event.type, exc_info=failure.error)

    def _now(self) -> float:
        """Milliseconds on a steady clock that reads like unix time."""
        return self._epoch_ms + 1000 * time.monotonic()
