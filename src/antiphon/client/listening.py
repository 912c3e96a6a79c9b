"""What an app hears and sees of a call through a client: friendly events, sound, states; and who speaks and listens."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar, overload

from antiphon.client.audio import AudioSink, AudioSource, Levels, measure
from antiphon.client.errors import AnswerTimeoutError
from antiphon.client.lifecycle import FaultListener, Stage, StateListener
from antiphon.client.seated import Seated
from antiphon.client.subscribing import Subscription
from antiphon.client.transport import stats_of
from antiphon.errors import LocalProtocolError

if TYPE_CHECKING:
    from antiphon.conversation import Chat, Conversation, MicrophoneActivity, SpeechActivity, Turns, UsageMeter
    from antiphon.rtc import ConnectionStats


class CallLevels(NamedTuple):
    """How loud both sides of a call are."""

    user: Levels
    assistant: Levels


AnyHandler = TypeVar("AnyHandler", bound=Callable[[Any], Any])


class Listening(Seated):
    """The listening of a `RealtimeClient`."""

    _microphone: AudioSource | AsyncIterator[bytes] | None

    # ── how the call is doing ─────────────────────────────────────────────────────────────────────────────────────

    @property
    def dropped_events(self) -> int:
        """How many events were dropped because nobody read them in time."""
        return 0 if self._seat.call is None else self._seat.call.inbox.dropped

    async def stats(self) -> ConnectionStats:
        """How the connection is doing; over a WebSocket only the round trip is known, measured now. Raises ClosedError
        and AnswerTimeoutError."""
        try:
            async with asyncio.timeout(self._settings.answer_timeout_s):
                return await stats_of(self._running.connection.transport)
        except TimeoutError:
            raise AnswerTimeoutError("The server gives no sign of life.") from None

    # ── what was said ─────────────────────────────────────────────────────────────────────────────────────────────

    @property
    def conversation(self) -> Conversation:
        """What was said, who speaks, how fast it went. Raises LocalProtocolError for a client made without."""
        if self._seat.conversation is None:
            raise LocalProtocolError("This client keeps no conversation: it was made with conversation=False.")
        return self._seat.conversation

    @property
    def chat(self) -> Chat:
        """The messages of the conversation."""
        return self.conversation.chat

    @property
    def activity(self) -> SpeechActivity:
        """Who speaks now."""
        self.conversation.tick(self._seat.now_ms())
        return self.conversation.activity

    @property
    def microphone_activity(self) -> MicrophoneActivity:
        """Whether somebody speaks into the microphone, by its level, by the server, or by both."""
        return self.conversation.microphone

    @property
    def is_microphone_active(self) -> bool:
        """Whether somebody speaks into the microphone now, or did a moment ago."""
        return self.microphone_activity.is_active(self._seat.now_ms())

    @property
    def turns(self) -> Turns:
        """The turns taken, and how long each step of them took."""
        return self.conversation.turns

    @property
    def usage(self) -> UsageMeter:
        """Tokens used, and what they cost."""
        return self.conversation.usage

    # ── listening ─────────────────────────────────────────────────────────────────────────────────────────────────

    @overload
    def on(self, pattern: str) -> Callable[[AnyHandler], AnyHandler]: ...

    @overload
    def on(self, pattern: str, handler: Callable[[Any], Any]) -> Callable[[], None]: ...

    def on(self, pattern: str, handler: Callable[[Any], Any] | None = None) -> Any:
        """Call `handler` at every friendly event of a pattern: "user.completed", "assistant.*", "*".

        Returns what ends it. Without a handler it decorates one. A handler may be async: its task is the call's. One
        that returns "consume" keeps the event from later handlers and from the chat.
        """
        if handler is not None:
            return self.conversation.handlers.on(pattern, handler)

        def decorate(decorated: AnyHandler) -> AnyHandler:
            self.conversation.handlers.on(pattern, decorated)
            return decorated

        return decorate

    def events(self, *patterns: str) -> Subscription:
        """Friendly events from now on, for `async for`: of these patterns, or all. Ends when the call does."""
        subscription = Subscription(self.conversation.handlers, patterns, self._settings.max_events or 1024)
        self._seat.subscriptions.append(subscription)
        return subscription

    def audio(self) -> AsyncIterator[bytes]:
        """What the assistant says, as 24 kHz int16 mono, block by block; one reader at a time. What was read counts as
        heard. Ends when the call does."""
        return self._seat.speaking.read()

    def on_audio(self, listener: Callable[[bytes], None]) -> Callable[[], None]:
        """Be given the same at once, before it is heard. Returns what ends it."""
        listeners = self._seat.speaking.on_audio
        listeners.append(listener)
        return lambda: listeners.remove(listener) if listener in listeners else None

    def on_state(self, listener: StateListener) -> Callable[[], None]:
        """Be told of every change of `state`. Returns what ends it."""
        return self._seat.lifecycle.on_state(listener)

    def on_stage(self, stage: Stage, listener: Callable[[object], None]) -> Callable[[], None]:
        """Be told when a stage is done. Returns what ends it."""
        return self._seat.lifecycle.on_stage(stage, listener)

    def on_fault(self, listener: FaultListener) -> Callable[[], None]:
        """Be told of everything that goes wrong. Returns what ends it."""
        return self._seat.lifecycle.on_fault(listener)

    # ── who speaks, and how ───────────────────────────────────────────────────────────────────────────────────────

    async def set_microphone(self, source: AudioSource | AsyncIterator[bytes] | None) -> None:
        """Speak through another source from now on, or through none. The one before is closed; the call goes on."""
        self._microphone = source
        if self._started:
            await self._seat.use_microphone(source)

    @property
    def dropped_microphone_blocks(self) -> int:
        """Blocks of the user's voice that the server did not take in time."""
        return self._seat.dropped_blocks

    async def set_speaker(self, sink: AudioSink | None) -> None:
        """Hear the assistant elsewhere from now on, or nowhere. The sink before is closed."""
        before = self._seat.speaking.use(sink)
        self._seat.lifecycle.done(Stage.REMOTE_STREAM_SET, sink)
        if before is not None and before is not sink:
            await before.aclose()

    def set_remote_audio(self, on: bool) -> None:
        """Hear the assistant, or do not. What it says meanwhile is lost to the ear, not to the transcript."""
        self._seat.speaking.set_on(on)

    @property
    def heard(self) -> tuple[str, int] | None:
        """The item that is being heard, and how many milliseconds of it; None while nothing is, or nobody counts."""
        return self._seat.speaking.heard

    @property
    def levels(self) -> CallLevels:
        """How loud the user and the assistant are now, from their latest blocks."""
        return CallLevels(measure(self._seat.capturing.last_block), measure(self._seat.speaking.last_block))


def conversation_of(conversation: Conversation | bool) -> Conversation | None:
    """What a client keeps: the app's own conversation, a new one (True), or none (False)."""
    if conversation is False:
        return None
    if conversation is not True:
        return conversation
    from antiphon.conversation import Conversation as New  # noqa: PLC0415 - a sideband does without it

    return New()
