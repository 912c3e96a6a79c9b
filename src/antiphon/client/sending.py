"""What an app says to the server through a client: words, pictures, sound, outputs, wishes, settings.

The methods, and no state but the mode of the call.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any, Literal

import msgspec
from msgspec import UNSET

from antiphon.agent import words_to_say
from antiphon.client.errors import OverflowingError, RejectedError
from antiphon.client.messages import appended, shown_image, typed
from antiphon.client.pictures import fitting
from antiphon.client.seated import Seated
from antiphon.client.setup import Difference, differences, read_session
from antiphon.errors import ConfigurationError, LocalProtocolError
from antiphon.protocol import (
    ClientEvent,
    ConversationItemCreate,
    ErrorEvent,
    FunctionCallOutput,
    ImageDetail,
    InputAudioBufferAppend,
    InputAudioBufferClear,
    InputAudioBufferCommit,
    InvalidEvent,
    Modality,
    OutputAudioBufferClear,
    RealtimeSession,
    ResponseCancel,
    ResponseParams,
    SessionConfig,
    SessionUpdate,
    SessionUpdated,
    decode_client_event,
    encode,
    new_id,
)

logger = logging.getLogger("antiphon.client")

Mode = Literal["voice", "text"]


class Sending(Seated):
    """The sends of a `RealtimeClient`."""

    _mode: Mode
    differences: tuple[Difference, ...]

    async def send(self, event: ClientEvent | Mapping[str, Any]) -> None:
        """Send any event, checked; waits while too much is unsent. Raises LocalProtocolError for one that is wrong in
        itself, and ClosedError."""
        await self._running.send(_checked(event, self.max_event_bytes))

    def post(self, event: ClientEvent | Mapping[str, Any]) -> None:
        """The same without waiting, as middleware does. Raises OverflowingError when too much is unsent."""
        self._running.post(_checked(event, self.max_event_bytes))

    async def send_raw(self, event: Mapping[str, Any] | str) -> None:
        """Send anything, unchecked and past all middleware. Raises ClosedError."""
        await self._running.send_raw(event if isinstance(event, str) else msgspec.json.encode(event).decode())

    # ── words and pictures ────────────────────────────────────────────────────────────────────────────────────────

    async def send_text(
        self,
        text: str,
        *,
        respond: bool = True,
        modality: Modality | None = None,
        instructions: str | None = None,
        conversation: Literal["auto", "none"] | None = None,
    ) -> str:
        """What the user typed. Returns the item's id. respond: let the assistant answer.

        modality, instructions, conversation: of this answer alone; instructions replace the session's for it.
        """
        params = None
        if modality is not None or instructions is not None or conversation is not None:
            params = ResponseParams(
                output_modalities=UNSET if modality is None else [modality],
                instructions=UNSET if instructions is None else instructions,
                conversation=UNSET if conversation is None else conversation,
            )
        return await self._add(typed(text), respond, params)

    async def send_image(
        self,
        image: bytes | str,
        *,
        text: str | None = None,
        detail: ImageDetail | None = None,
        respond: bool = True,
    ) -> str:
        """A picture from the user: a PNG or JPEG file, or its data URL. Returns the item's id.

        One that is larger than the transport carries is made smaller, which needs Pillow. Raises LocalProtocolError.
        """
        return await self._add(
            shown_image(await fitting(image, self.max_event_bytes), text=text, detail=detail), respond
        )

    async def send_output(self, call_id: str, output: str, *, respond: bool = True) -> None:
        """The output of a function call that the app ran by itself."""
        item = FunctionCallOutput(id=new_id("item"), call_id=call_id, output=output)
        await self._add(ConversationItemCreate(item=item), respond)

    # ── sound ─────────────────────────────────────────────────────────────────────────────────────────────────────

    async def send_audio(self, audio: bytes | bytearray | memoryview) -> None:
        """What the user says: 24 kHz int16 mono over WebRTC, over a WebSocket in the session's input format (which is
        the same unless it says otherwise)."""
        if self._say_aloud(bytes(audio)):
            return
        for event in appended(audio):
            await self.send(event)

    async def commit(self, *, respond: bool = True) -> None:
        """The user has finished speaking; for sessions without turn detection. respond: let the assistant answer."""
        await self.send(InputAudioBufferCommit())
        if respond:
            self.respond()

    async def clear_audio(self) -> None:
        """Throw away what was sent of the user's speech and not committed."""
        await self.send(InputAudioBufferClear())

    # ── wishes ────────────────────────────────────────────────────────────────────────────────────────────────────

    def respond(self, params: ResponseParams | None = None) -> None:
        """Ask for a response, as soon as one can be made: never into another one. Raises ClosedError,
        OverflowingError."""
        if not self._ask(params):
            raise OverflowingError("Too many responses are waiting to be asked for.")

    def say(self, text: str) -> None:
        """Have the assistant say these words, as soon as it can."""
        self.respond(words_to_say(text))

    async def interrupt(self, *, played_ms: float | None = None) -> None:
        """Stop what the assistant is saying, and tell the server how much of it was heard.

        played_ms: how much of its newest speech was heard, where the app plays it without a `speaker` or `audio`.
        """
        call = self._running
        for response_id in list(call.view.active_responses):
            await call.send(ResponseCancel(response_id=response_id))
        if call.connection.transport.media:
            await call.send(OutputAudioBufferClear())
        elif not self._seat.silence() and played_ms is not None:
            truncation = call.view.truncation(played_ms)
            if truncation is not None:
                await call.send(truncation)

    def approve(self, call_id: str) -> bool:
        """Let a tool run that waits for it. False when it does not wait (any more)."""
        return self._running.runner.approve(call_id)

    def reject(self, call_id: str, reason: str = "") -> bool:
        """Do not let a tool run; the model reads the reason. False when it does not wait (any more)."""
        return self._running.runner.reject(call_id, reason)

    # ── the session ───────────────────────────────────────────────────────────────────────────────────────────────

    async def update(self, session: SessionConfig | Mapping[str, Any]) -> SessionConfig:
        """Change the session. Returns what applies, and keeps in `differences` what is not as it was asked for.

        Raises LocalProtocolError when the update is wrong in itself, RejectedError when the server refuses it (whole:
        one wrong field is enough), AnswerTimeoutError.
        """
        call, session = self._running, read_session(session)
        update = _checked(SessionUpdate(event_id=new_id("event"), session=session))
        answer = call.inbox.expect(
            lambda event: (
                isinstance(event, SessionUpdated)
                or (isinstance(event, ErrorEvent) and event.error.event_id == update.event_id)
            )
        )
        await call.send(update)
        event = await call.in_time(answer, "session.updated")
        if isinstance(event, ErrorEvent):
            raise RejectedError("the session", event.error)
        assert isinstance(event, SessionUpdated)
        self.differences = differences(session, event.session)
        for difference in self.differences:
            logger.warning("the session is not as it was asked for: %s", difference)
        return event.session

    @property
    def mode(self) -> Mode:
        """Whether the call is spoken or typed."""
        return self._mode

    async def switch_mode(self, mode: Mode) -> SessionConfig:
        """Go over to typing, or back to speaking: returns once the server has confirmed the session.

        In "text" the assistant writes, the microphone is held, and what it was saying ends. Raises as `update` does,
        and then all is as before.
        """
        if mode not in ("voice", "text"):
            raise ConfigurationError(f"mode is {mode!r}; allowed are 'voice' and 'text'")
        before = self._seat.listening
        if mode == "text":
            self._seat.listening = False
            await self.interrupt()
            await self.clear_audio()
        try:
            applies = await self.update(RealtimeSession(output_modalities=["audio" if mode == "voice" else "text"]))
        except BaseException:
            self._seat.listening = before
            raise
        self._seat.listening = mode == "voice"
        self._mode = mode
        return applies

    # ── inside ────────────────────────────────────────────────────────────────────────────────────────────────────

    @property
    def max_event_bytes(self) -> int | None:
        """Bytes of the largest event that the transport carries; None for no limit that an app would meet."""
        return getattr(self._seat.media, "max_event_bytes", None)

    def _ask(self, params: ResponseParams | None) -> bool:
        return self._running.runner.ask(params)

    def _say_aloud(self, audio: bytes) -> bool:
        if self._seat.media is None:
            return False
        self._seat.media.send_audio(audio)
        return True

    async def _add(self, event: ConversationItemCreate, respond: bool, params: ResponseParams | None = None) -> str:
        await self.send(event)
        if respond:
            self.respond(params)
        return str(event.item.id)


def _checked(event: ClientEvent | Mapping[str, Any], most_bytes: int | None = None) -> ClientEvent:
    """The event as the protocol has it. Raises LocalProtocolError, which names what is wrong."""
    if isinstance(event, InputAudioBufferAppend):
        return event  # nothing can be wrong with it, and there are many
    data = msgspec.json.encode(event).decode() if isinstance(event, Mapping) else encode(event)
    if most_bytes is not None and len(data) > most_bytes:
        raise LocalProtocolError(f"This event has {len(data)} characters, and the connection carries {most_bytes}.")
    try:
        decoded = decode_client_event(data)
    except InvalidEvent as wrong:
        what = "This session cannot be asked for" if _type_of(event) == "session.update" else "This cannot be sent"
        raise LocalProtocolError(f"{what}: {wrong}") from wrong
    return decoded if isinstance(event, Mapping) else event


def _type_of(event: ClientEvent | Mapping[str, Any]) -> object:
    return event.get("type") if isinstance(event, Mapping) else event.type
