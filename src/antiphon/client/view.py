"""What a client knows of its session from the events alone. Pure: events in, facts out."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass

from msgspec import UNSET, UnsetType

from antiphon.agent import field_of
from antiphon.protocol import (
    AudioFormat,
    ConversationItemTruncate,
    InputAudioBufferCleared,
    InputAudioBufferCommitted,
    InputAudioBufferSpeechStarted,
    InputAudioBufferSpeechStopped,
    Message,
    OutputAudio,
    OutputText,
    RealtimeSession,
    Response,
    ResponseCreated,
    ResponseDone,
    ResponseOutputAudioDelta,
    ResponseOutputItemAdded,
    ServerEvent,
    ServerVad,
    SessionConfig,
    SessionCreated,
    SessionUpdated,
    TurnDetection,
    UnknownEvent,
)

_SEEN = frozenset(
    {
        SessionCreated,
        SessionUpdated,
        ResponseCreated,
        ResponseOutputItemAdded,
        ResponseOutputAudioDelta,
        ResponseDone,
        InputAudioBufferSpeechStarted,
        InputAudioBufferSpeechStopped,
        InputAudioBufferCommitted,
        InputAudioBufferCleared,
    }
)
_MOST_ITEMS = 16
_PCM = "audio/pcm"
_PCM_BYTES_PER_MS = 48
_G711_BYTES_PER_MS = 8


@dataclass(slots=True)
class _Spoken:
    """Audio that came for one item. data: bytes of it; response_id: which response speaks it."""

    response_id: str
    content_index: int
    data: int = 0


class SessionView:
    """The session as its events show it. One for each client, which alone feeds it."""

    def __init__(self) -> None:
        self.session: SessionConfig | None = None
        """The configuration that applies; None before the server has told it."""
        self.input_format = _PCM
        """What the session takes the user's voice in: "audio/pcm" (24 kHz int16 mono) or G.711."""
        self.output_format = _PCM
        """What the session's speech comes in: the same."""
        self.active_responses: list[str] = []
        self.user_speaking = False
        """Whether the server hears the user now."""
        self._turn_taken = False
        self._spoken: OrderedDict[str, _Spoken] = OrderedDict()
        self._done: set[str] = set()

    @property
    def session_id(self) -> str | None:
        if self.session is None or self.session.id is UNSET:
            return None
        return self.session.id

    def receive(self, event: ServerEvent | UnknownEvent) -> None:
        if type(event) not in _SEEN:
            return
        match event:
            case SessionCreated(session=session) | SessionUpdated(session=session):
                self.session = session
                self.input_format = self._format("input_format")
                self.output_format = self._format("output_format")
            case ResponseCreated(response=Response(id=str() as response_id)):
                self._turn_taken = False
                self._begin(response_id)
            case ResponseOutputItemAdded(response_id=response_id):
                self._begin(response_id)
            case ResponseOutputAudioDelta():
                self._begin(event.response_id)
                self._hear(event)
            case ResponseDone(response=Response(id=str() as response_id)):
                if response_id in self.active_responses:
                    self.active_responses.remove(response_id)
                self._done.add(response_id)
                spoken_by = {spoken.response_id for spoken in self._spoken.values()}
                self._done &= spoken_by

            case InputAudioBufferSpeechStarted():
                self.user_speaking = True
            case InputAudioBufferCommitted():
                self.user_speaking = False
                self._turn_taken = self.turn_detection is not None
            case InputAudioBufferSpeechStopped() | InputAudioBufferCleared():
                self.user_speaking = False

    def disconnected(self) -> None:
        """The connection is gone, and what was under way on it."""
        self.active_responses.clear()
        self.user_speaking = self._turn_taken = False

    @property
    def turn_taken(self) -> bool:
        """Whether the user has finished speaking, so that the server is about to answer."""
        return self._turn_taken

    @property
    def turn_detection(self) -> TurnDetection | None:
        """How the server finds the ends of turns; None when the app commits. Servers that do not say detect."""
        if not isinstance(self.session, RealtimeSession):
            return ServerVad()
        found: TurnDetection | UnsetType | None = field_of(self.session, "turn_detection")
        return ServerVad() if found is UNSET else found

    @property
    def interrupts(self) -> bool:
        """Whether the server stops an answer when the user begins to speak."""
        detection = self.turn_detection
        return detection is not None and detection.interrupt_response is not False

    def _begin(self, response_id: str) -> None:
        if response_id not in self.active_responses and response_id not in self._done:
            self.active_responses.append(response_id)
            del self.active_responses[:-_MOST_ITEMS]

    def _hear(self, event: ResponseOutputAudioDelta) -> None:
        spoken = self._spoken.get(event.item_id)
        if spoken is None:
            spoken = self._spoken[event.item_id] = _Spoken(event.response_id, event.content_index)
            while len(self._spoken) > _MOST_ITEMS:
                self._spoken.popitem(last=False)
        spoken.data += len(event.delta)

    def received_ms(self, item_id: str) -> int:
        """How much speech has come for an item."""
        spoken = self._spoken.get(item_id)
        return 0 if spoken is None else spoken.data // self._bytes_per_ms()

    def truncation(self, played_ms: float) -> ConversationItemTruncate | None:
        """What tells the server how much of the newest speech was heard; None when there is nothing to tell.

        Never more than was received, which servers refuse; and nothing when not a millisecond was heard, or all of a
        finished one.
        """
        if not self._spoken:
            return None
        item_id, spoken = next(reversed(self._spoken.items()))
        received = self.received_ms(item_id)
        heard = min(int(played_ms), received)
        finished = spoken.response_id not in self.active_responses
        if heard <= 0 or (finished and heard >= received):
            return None
        return ConversationItemTruncate(item_id=item_id, content_index=spoken.content_index, audio_end_ms=heard)

    def _format(self, field: str) -> str:
        format_: AudioFormat | UnsetType = UNSET
        if isinstance(self.session, RealtimeSession):
            format_ = field_of(self.session, field)
        return _PCM if format_ is UNSET else format_.type

    def _bytes_per_ms(self) -> int:
        return _PCM_BYTES_PER_MS if self.output_format == _PCM else _G711_BYTES_PER_MS


def text_of(response: Response) -> str:
    """All that a response said: its text, and the transcript of its speech."""
    words: list[str] = []
    for item in () if response.output is UNSET else response.output:
        if not isinstance(item, Message):
            continue
        for part in item.content:
            if isinstance(part, OutputText):
                words.append(part.text)
            elif isinstance(part, OutputAudio) and isinstance(part.transcript, str):
                words.append(part.transcript)
    return " ".join(word for word in words if word)
