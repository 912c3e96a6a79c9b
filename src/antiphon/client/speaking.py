"""The assistant's voice at the caller's side: to the loudspeaker and the app, and silenced at once on an interruption.

Over a WebSocket the server generates faster than it is heard, so that only this side knows what was heard: the sink
counts samples, `audio.PlaybackLedger` knows whose they were, and the truncation that the server needs is made here
(`protocol.md` A.3, E.3). Where audio travels beside the events the server does all of that.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import AsyncIterator, Callable, Iterable
from typing import TYPE_CHECKING

from antiphon.audio import PCM_RATE, WIRE_FORMATS, FormatDecoder, open_decoder
from antiphon.client.audio import AudioSink, PlaybackLedger
from antiphon.protocol import ConversationItemTruncate, ResponseOutputAudioDelta

if TYPE_CHECKING:
    from antiphon.client.view import SessionView

logger = logging.getLogger("antiphon.client")

MOST_UNREAD_S = 600.0
"""Speech that waits for the app's `audio()`; what comes on top of it is dropped. One response is rarely a minute."""

_BYTES = 2
_MOST_CUT = 16


class Speaking:
    """The assistant's voice in one client. Only the client feeds it.

    It knows how much was heard as long as there is a sink, or one reader of `audio`: what was read counts as heard.
    on_audio: is told all PCM as it comes, heard or not.
    """

    def __init__(self, sink: AudioSink | None = None) -> None:
        self._sink = sink
        self._ledger = PlaybackLedger(0 if sink is None else sink.played_samples)
        self._reader: _Reader | None = None
        self._on = True
        self._cut: deque[str] = deque(maxlen=_MOST_CUT)
        self._decoder: FormatDecoder | None = None
        self._watched: dict[str, int] = {}
        self._told: dict[str, int] = {}
        self.on_audio: list[Callable[[bytes], None]] = []
        self.last_block = b""
        self.dropped_samples = 0
        """Of speech that fitted nowhere."""

    # ── who listens ───────────────────────────────────────────────────────────────────────────────────────────────

    @property
    def sink(self) -> AudioSink | None:
        return self._sink

    @property
    def on(self) -> bool:
        """Whether the voice is heard."""
        return self._on

    def use(self, sink: AudioSink | None) -> AudioSink | None:
        """Play on another sink from now on, or on none. Returns the one before, silenced, for its owner to close."""
        before = self._sink
        if before is not None:
            before.flush()
        self._sink = sink
        self._ledger = PlaybackLedger(0 if sink is None else sink.played_samples)
        return before

    def set_on(self, on: bool) -> None:
        """Hear the voice, or do not: what comes meanwhile is lost."""
        self._on = on
        if not on:
            self._drop()

    async def read(self) -> AsyncIterator[bytes]:
        """The voice, block by block as it comes; one reader at a time. Ends when the call does."""
        if self._reader is not None:
            self._reader.close()
        reader = self._reader = _Reader()
        try:
            while (block := await reader.next()) is not None:
                yield block
        finally:
            if self._reader is reader:
                self._reader = None

    def close(self) -> None:
        """The call is over: what is left is still read and played, and nothing comes after it."""
        if self._reader is not None:
            self._reader.close()
        if self._sink is not None:
            self._sink.end()

    # ── what is said ──────────────────────────────────────────────────────────────────────────────────────────────

    def receive(self, event: ResponseOutputAudioDelta, format_name: str) -> None:
        """Speech of one item, over a WebSocket. format_name: of the session's output, "audio/pcm" or G.711."""
        if event.response_id in self._cut or not self._on:
            return
        if not self.counts and not self.on_audio:
            # Nobody listens, as in a sideband: nothing is decoded for nobody.
            self.last_block = event.delta if format_name == "audio/pcm" else b""
            return
        pcm = self._decoded(event.delta, format_name)
        accepted = self._give(pcm)
        if accepted is not None:
            self._ledger.wrote(event.item_id, accepted, content_index=event.content_index, received=len(pcm) // _BYTES)

    def receive_media(self, pcm: bytes) -> None:
        """Speech beside the events (WebRTC), at the pace of speaking."""
        if self._on:
            self._give(pcm)

    def flush(self) -> None:
        """Drop what is not heard yet."""
        self._drop()

    def lost(self) -> None:
        """The connection is gone: what came is played to its end, and nothing of it can be truncated any more."""
        self.ended()

    def ended(self) -> None:
        """An utterance is complete."""
        if self._sink is not None:
            self._sink.end()

    # ── what is heard ─────────────────────────────────────────────────────────────────────────────────────────────

    @property
    def counts(self) -> bool:
        """Whether it is known how much is heard: there is a sink, or a reader."""
        return self._sink is not None or self._reader is not None

    def progress(self) -> list[tuple[str, int]]:
        """Items of which more was heard since it was asked last, with the milliseconds of each heard so far."""
        awaited = {heard.item_id: heard.content_index for heard in self._ledger.awaited}
        self._watched.update(awaited)
        self._look()
        found = []
        for item_id, content_index in tuple(self._watched.items()):
            heard = self._ledger.heard(item_id, content_index)
            if heard is not None and heard.ms != self._told.get(item_id):
                self._told[item_id] = heard.ms
                found.append((item_id, heard.ms))
            if heard is None or heard.complete or item_id not in awaited:
                self._watched.pop(item_id)
                self._told.pop(item_id, None)
        return found

    @property
    def heard(self) -> tuple[str, int] | None:
        """The item that is being heard, and how many milliseconds of it; None while nothing is."""
        self._look()
        current = self._ledger.current
        return None if current is None else (current.item_id, current.ms)

    @property
    def waiting(self) -> list[str]:
        """The items of which not a sample has been heard yet, in the order in which they would be."""
        self._look()
        return [part.item_id for part in self._ledger.awaited if not part.samples]

    def heard_of(self, item_id: str, content_index: int = 0) -> int | None:
        """Milliseconds of an item that were heard; None for one that nobody listens to."""
        self._look()
        heard = self._ledger.heard(item_id, content_index)
        return None if heard is None else heard.ms

    def interrupt(self, view: SessionView, responses: Iterable[str]) -> ConversationItemTruncate | None:
        """Silence it at once. responses: those being made, of which nothing more is to be heard.

        Returns what tells the server how much was heard: never more than came, and None when there is nothing to tell,
        because nothing was being heard, not a millisecond of it, or all of it.
        """
        self._cut.extend(response_id for response_id in responses if response_id not in self._cut)
        self._look()
        current = self._ledger.current
        left = self._drop()
        if current is None:
            return None
        # What the device can no longer hold back will be heard too.
        heard = min(current.samples + left, current.received_samples) * 1000 // PCM_RATE
        heard = min(heard, view.received_ms(current.item_id))
        if heard <= 0:
            return None
        return ConversationItemTruncate(
            item_id=current.item_id, content_index=current.content_index, audio_end_ms=heard
        )

    # ── inside ────────────────────────────────────────────────────────────────────────────────────────────────────

    def _give(self, pcm: bytes) -> int | None:
        """Hand PCM to whoever listens. Returns how many samples will be heard; None when nobody counts them."""
        self.last_block = pcm
        for listener in tuple(self.on_audio):
            try:
                listener(pcm)
            except Exception:
                logger.exception("a listener of audio failed")
        accepted = None
        if self._reader is not None:
            accepted = self._reader.write(pcm)
        if self._sink is not None:
            accepted = self._sink.write(pcm)
        if accepted is not None and (lost := len(pcm) // _BYTES - accepted):
            if not self.dropped_samples:
                logger.warning("speech is dropped, for it is not listened to: the buffer is full")
            self.dropped_samples += lost
        return accepted

    def _look(self) -> None:
        if self._sink is not None:
            self._ledger.update(self._sink.played_samples)
        elif self._reader is not None:
            self._ledger.update(self._reader.read_samples)

    def _drop(self) -> int:
        """Drop what is not heard yet. Returns how many samples will be heard all the same."""
        left = 0
        if self._reader is not None:
            self._reader.flush()
            self._ledger.flushed(self._reader.read_samples, 0)
        if self._sink is not None:
            self._sink.flush()
            left = self._sink.pending_samples
            self._ledger.flushed(self._sink.played_samples, left)
        return left

    def _decoded(self, data: bytes, format_name: str) -> bytes:
        if format_name == "audio/pcm":
            return data
        if self._decoder is None or self._decoder.format is not WIRE_FORMATS[format_name]:
            self._decoder = open_decoder(format_name)
        return self._decoder.decode(data)


class _Reader:
    """Speech that waits for `audio()`. Bounded: what no longer fits is dropped, newest first."""

    def __init__(self) -> None:
        self._blocks: deque[bytes] = deque()
        self._waiting = 0
        self._changed = asyncio.Event()
        self._closed = False
        self.read_samples = 0

    def write(self, pcm: bytes) -> int:
        room = int(MOST_UNREAD_S * PCM_RATE) * _BYTES - self._waiting
        taken = pcm[: max(0, room)]
        if taken:
            self._blocks.append(taken)
            self._waiting += len(taken)
            self._changed.set()
        return len(taken) // _BYTES

    def flush(self) -> None:
        self._blocks.clear()
        self._waiting = 0

    def close(self) -> None:
        self._closed = True
        self._changed.set()

    async def next(self) -> bytes | None:
        while not self._blocks:
            if self._closed:
                return None
            self._changed.clear()
            await self._changed.wait()
        block = self._blocks.popleft()
        self._waiting -= len(block)
        self.read_samples += len(block) // _BYTES
        return block
