"""Which response is being heard, from the server (WebRTC, SIP) or from whoever plays it (WebSocket). Pure.

Held here: how much audio came for each item, how much was played, which response sounds now, which were interrupted.
`Router` feeds it with the wire and alone writes it; a player's reports come in through `Conversation`.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from antiphon.conversation.events import (
    AssistantAudioReceived,
    AssistantAudioStarted,
    AssistantAudioStopped,
    AssistantInterrupted,
    FriendlyEvent,
)

MOST_RESPONSES = 64
PLAYED_TO_THE_END_MS = 25
"""Players count in blocks: what is missing of the last one does not keep an answer sounding for ever."""

_PCM_BYTES_PER_MS = 48
_G711_BYTES_PER_MS = 8


@dataclass(slots=True)
class _Sound:
    """Audio of one response. received: bytes by item and part; played: milliseconds by item."""

    received: dict[tuple[str, int], int] = field(default_factory=dict)
    played: dict[str, float] = field(default_factory=dict)
    is_complete: bool = False
    is_interrupted: bool = False
    was_heard: bool = False


class Playout:
    """What is heard of the assistant. One for each conversation."""

    def __init__(self) -> None:
        self.playing: str | None = None
        """The response that sounds now."""
        self._sounds: dict[str, _Sound] = {}
        self._response_of: dict[str, str] = {}
        self._bytes_per_ms = _PCM_BYTES_PER_MS
        self._is_told_by_server = False

    def begin_session(self, *, is_g711: bool) -> None:
        """A session's audio format applies from here."""
        self._bytes_per_ms = _G711_BYTES_PER_MS if is_g711 else _PCM_BYTES_PER_MS

    def received_ms(self, item_id: str, content_index: int = 0) -> int | None:
        """How much audio came for a part; None when its audio does not come as events."""
        sound = self._sounds.get(self._response_of.get(item_id, ""))
        size = None if sound is None else sound.received.get((item_id, content_index))
        return None if size is None else size // self._bytes_per_ms

    # ── the wire ─────────────────────────────────────────────────────────────────────────────────────────────────

    def receive(self, response_id: str, item_id: str, content_index: int, size: int) -> list[FriendlyEvent]:
        """size: bytes of audio that came."""
        sound = self._sounds.get(response_id)
        if sound is None:
            sound = self._sound(response_id)
        is_first = not sound.received
        part = (item_id, content_index)
        sound.received[part] = sound.received.get(part, 0) + size
        if not is_first:
            self._response_of[item_id] = response_id
            return []
        self._response_of[item_id] = response_id
        return [AssistantAudioReceived(response_id=response_id, item_id=item_id)]

    def complete(self, response_id: str) -> list[FriendlyEvent]:
        """No more audio will come for a response."""
        sound = self._sounds.get(response_id)
        if sound is None:
            return []
        sound.is_complete = True
        return self._settle(response_id, sound)

    def server_started(self, response_id: str) -> list[FriendlyEvent]:
        self._is_told_by_server = True
        return self._start(response_id)

    def server_stopped(self, response_id: str) -> list[FriendlyEvent]:
        self._is_told_by_server = True
        return self._stop() if self.playing == response_id else []

    def server_cleared(self, response_id: str, *, is_active: bool) -> list[FriendlyEvent]:
        self._is_told_by_server = True
        if self.playing == response_id:
            return self.interrupt(response_id)
        # Clearing an empty buffer interrupts nobody.
        return self.interrupt(response_id) if is_active else []

    # ── the player ───────────────────────────────────────────────────────────────────────────────────────────────

    def played(self, item_id: str, played_ms: float) -> list[FriendlyEvent]:
        """played_ms: how much of the item has been heard so far."""
        response_id = self._response_of.get(item_id)
        if response_id is None or self._is_told_by_server:
            return []
        sound = self._sounds[response_id]
        if sound.is_interrupted or played_ms <= sound.played.get(item_id, 0):
            return []
        sound.played[item_id] = played_ms
        begun = [] if self.playing == response_id or sound.was_heard else self._start(response_id)
        return begun + self._settle(response_id, sound)

    def flushed(self, item_id: str | None = None) -> list[FriendlyEvent]:
        """The player threw away what it had not played. item_id: of what, when not of what sounds now."""
        response_id = self.playing if item_id is None else self._response_of.get(item_id)
        return [] if response_id is None else self.interrupt(response_id)

    def interrupt(self, response_id: str) -> list[FriendlyEvent]:
        """A response was stopped: told once."""
        sound = self._sound(response_id)
        events: list[FriendlyEvent] = []
        if not sound.is_interrupted:
            sound.is_interrupted = True
            events.append(AssistantInterrupted(response_id=response_id))
        return events + (self._stop() if self.playing == response_id else [])

    def end_session(self) -> list[FriendlyEvent]:
        """The connection is gone, and its audio with it."""
        self._is_told_by_server = False
        return self._stop()

    # ── one response at a time ───────────────────────────────────────────────────────────────────────────────────

    def _start(self, response_id: str) -> list[FriendlyEvent]:
        if self.playing == response_id:
            return []
        before = self._stop()
        self.playing = response_id
        self._sound(response_id).was_heard = True
        return [*before, AssistantAudioStarted(response_id=response_id)]

    def _stop(self) -> list[FriendlyEvent]:
        if self.playing is None:
            return []
        response_id, self.playing = self.playing, None
        return [AssistantAudioStopped(response_id=response_id)]

    def _settle(self, response_id: str, sound: _Sound) -> list[FriendlyEvent]:
        """Stops what was played to its end."""
        if self.playing != response_id or not sound.is_complete or self._is_told_by_server:
            return []
        received: dict[str, int] = {}
        for (item_id, _), size in sound.received.items():
            received[item_id] = received.get(item_id, 0) + size
        for item_id, size in received.items():
            if sound.played.get(item_id, 0.0) < size / self._bytes_per_ms - PLAYED_TO_THE_END_MS:
                return []
        return self._stop()

    def _sound(self, response_id: str) -> _Sound:
        sound = self._sounds.get(response_id)
        if sound is None:
            sound = self._sounds[response_id] = _Sound()
            while len(self._sounds) > MOST_RESPONSES:
                self._forget(next(iter(self._sounds)))
        return sound

    def _forget(self, response_id: str) -> None:
        for item_id, _ in self._sounds.pop(response_id).received:
            self._response_of.pop(item_id, None)
