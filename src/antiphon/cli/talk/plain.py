"""`antiphon talk` through pipes and files: turns go in as lines, recordings or pictures, words or events come out.

Standard output holds what was asked for and nothing else; how it goes is told on standard error.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import sys
import threading
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from pathlib import Path

import click

from antiphon.audio import PCM_RATE
from antiphon.audio.wav import UnreadableAudio, wav_bytes
from antiphon.cli.agents import load_agent
from antiphon.cli.exits import FAILED, OK
from antiphon.cli.talk.faults import is_worth_a_note
from antiphon.cli.talk.photos import read_photo
from antiphon.cli.talk.session import ends_turns_by_hand, is_transcribed, wanted_session
from antiphon.cli.talk.start import TalkOptions, trace_maker
from antiphon.cli.talk.turn_watch import TurnWatch
from antiphon.cli.targets import Target, client_of, ended, explained
from antiphon.client import AnswerTimeoutError, ClosedError, ConnectError, RealtimeClient
from antiphon.client.audio import read_speech
from antiphon.client.lifecycle import Fault
from antiphon.conversation import Conversation, FriendlyEvent, events, to_wire
from antiphon.errors import ConfigurationError

ANSWER_S = 120.0
"""For one turn, tools included."""
HEARD_S = 10.0
"""After a recording, for the server to find that somebody has spoken."""
MOST_SAVED_S = 3600


@dataclass(frozen=True, slots=True)
class TypedTurn:
    text: str


@dataclass(frozen=True, slots=True)
class SpokenTurn:
    """pcm: 24 kHz. name: of the file, for messages."""

    pcm: bytes
    name: str


PlainTurn = TypedTurn | SpokenTurn


async def talk_plainly(options: TalkOptions, target: Target) -> int:
    """Take all turns, one after the other; the exit code. Raises AntiphonError."""
    spoken = [_recording(Path(path)) for path in options.files]
    photos = [read_photo(Path(path)) for path in options.photos]
    by_hand = bool(spoken) and options.transport in (None, "websocket")
    session = wanted_session(options, spoken=bool(spoken), written=options.save is None and not spoken, by_hand=by_hand)
    make_trace = trace_maker(options, target, options.transport or "websocket")
    trace = None if make_trace is None else make_trace()
    page = _Page(options, speaks=bool(spoken))
    conversation = Conversation()
    conversation.handlers.on("*", page.receive)
    client = client_of(
        target,
        transport=options.transport or "websocket",
        session=session,
        agent=None if options.agent is None else load_agent(options.agent),
        conversation=conversation,
        on_fault=_told,
        on_reconnecting=_dropped,
        trace=trace,
    )
    client.on_audio(page.sounded)
    try:
        async with client:
            click.echo(f"Connected to {target.shown}.", err=True)
            await _take_turns(client, _turns(spoken), photos, page)
    except (ConnectError, ClosedError) as error:
        click.echo(f"antiphon: {explained(error, target)}", err=True)
        return FAILED
    finally:
        page.close()
        if trace is not None:
            trace.close()
    return FAILED if page.failed else OK


def _told(fault: Fault) -> None:
    if is_worth_a_note(fault):
        click.echo(f"antiphon: {fault.error}", err=True)


def _dropped(attempt: int, _wait_s: float) -> None:
    if attempt == 1:
        click.echo("antiphon: The connection dropped. Calling again, the conversation is kept.", err=True)


async def _take_turns(
    client: RealtimeClient, turns: AsyncIterator[PlainTurn], photos: list[bytes], page: _Page
) -> None:
    async for turn in turns:
        page.begin()
        # All pictures but the last are only shown; what is asked, is asked of the last.
        for photo in photos[:-1]:
            await client.send_image(photo, respond=False)
        match turn:
            case TypedTurn(text):
                if photos:
                    await client.send_image(photos[-1], text=text)
                else:
                    await client.send_text(text)
                await page.answered()
            case SpokenTurn():
                if photos:
                    await client.send_image(photos[-1], respond=False)
                await _speak(client, turn, page)
        photos = []
        await _played(client, page)
    if photos:
        page.begin()
        for photo in photos[:-1]:
            await client.send_image(photo, respond=False)
        await client.send_image(photos[-1])
        await page.answered()
        await _played(client, page)


async def _speak(client: RealtimeClient, turn: SpokenTurn, page: _Page) -> None:
    """Say a recording, and wait for all that is answered to it."""
    if client.transport_kind == "websocket" and ends_turns_by_hand(client.session):
        await client.send_audio(turn.pcm)
        await client.commit()
        await page.answered()
    else:
        # The server finds the end of the speech itself; after the recording the client goes on with silence.
        await client.set_microphone(_paced(turn.pcm))
        try:
            async with asyncio.timeout(len(turn.pcm) / 2 / PCM_RATE + HEARD_S):
                await page.answering.wait()
        except TimeoutError:
            raise ConfigurationError(f"The server heard nobody speak in {turn.name}.") from None
        await page.answered()
        await client.set_microphone(None)
    if is_transcribed(client.session):
        # Some recognizers are done after the answer; one that is never done must not hold up the rest.
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(HEARD_S):
                await page.understood.wait()


async def _paced(pcm: bytes) -> AsyncIterator[bytes]:
    """PCM in blocks of 20 ms, each when its time has come."""
    block, loop = PCM_RATE // 50 * 2, asyncio.get_running_loop()
    began = loop.time()
    for number, at in enumerate(range(0, len(pcm), block)):
        await asyncio.sleep(max(0.0, began + number * 0.02 - loop.time()))
        yield pcm[at : at + block]


async def _played(client: RealtimeClient, page: _Page) -> None:
    """Wait until nothing that is kept is still on its way: over WebRTC sound comes at the pace of speaking."""
    if page.keeps_sound and client.transport_kind == "webrtc":
        async with asyncio.timeout(ANSWER_S):
            await page.quiet.wait()


# ── what goes in ──────────────────────────────────────────────────────────────────────────────────────────────────────


async def _turns(spoken: list[SpokenTurn]) -> AsyncIterator[PlainTurn]:
    """The recordings, or else the lines of standard input."""
    for turn in spoken:
        yield turn
    if spoken:
        return
    async for line in _lines():
        if line.strip():
            yield TypedTurn(line.strip())


async def _lines() -> AsyncIterator[str]:
    """Lines of standard input as they come. The thread that reads is a daemon: nobody waits for a silent pipe."""
    loop = asyncio.get_running_loop()
    queue: asyncio.Queue[str | None] = asyncio.Queue()
    room = threading.Semaphore(100)

    def read() -> None:
        for line in _stdin_lines():
            room.acquire()
            loop.call_soon_threadsafe(queue.put_nowait, line)
        loop.call_soon_threadsafe(queue.put_nowait, None)

    threading.Thread(target=read, name="stdin", daemon=True).start()
    while (line := await queue.get()) is not None:
        room.release()
        yield line


def _stdin_lines() -> Iterator[str]:
    # Not through sys.stdin: a thread that waits in it holds its lock, and the interpreter cannot end then.
    begun = b""
    while data := os.read(0, 65_536):
        *lines, begun = (begun + data).split(b"\n")
        for line in lines:
            yield line.decode("utf-8", errors="replace")
    yield begun.decode("utf-8", errors="replace")


def _recording(path: Path) -> SpokenTurn:
    """A recording as 24 kHz PCM. Raises ConfigurationError."""
    try:
        pcm = read_speech(path)
    except UnreadableAudio as error:
        raise ConfigurationError(ended(f"{path}: {error}")) from None
    except OSError as error:
        raise ConfigurationError(f"{path} cannot be read: {error.strerror or type(error).__name__}.") from None
    if not pcm:
        raise ConfigurationError(f"{path} holds no sound.")
    return SpokenTurn(pcm, path.name)


# ── what comes out ────────────────────────────────────────────────────────────────────────────────────────────────────


class _Page:
    """Standard output. Words as they come, or events; with recordings, who says what."""

    def __init__(self, options: TalkOptions, *, speaks: bool) -> None:
        self._json = options.as_json
        self._speaks = speaks
        self._save = None if options.save is None else Path(options.save)
        self._sound = bytearray()
        self._open_item: str | None = None
        self._watch = TurnWatch()
        self._over = asyncio.Event()
        self._left: BrokenPipeError | None = None
        """Whoever read the output is gone (`| head`), and with them what there was to do."""
        self.failed = False
        self.answering = asyncio.Event()
        """A response to what was said has begun."""
        self.understood = asyncio.Event()
        """The words of what was said are known, or never will be."""
        self.quiet = asyncio.Event()
        """No answer is being heard."""
        self.quiet.set()

    def begin(self) -> None:
        """A new turn begins."""
        self.answering.clear()
        self.understood.clear()
        self._watch.begin()
        if self._left is None:
            self._over.clear()

    async def answered(self) -> None:
        """Wait until the turn has been answered for good. Raises AnswerTimeoutError, BrokenPipeError."""
        try:
            async with asyncio.timeout(ANSWER_S):
                await self._over.wait()
            if self._left is not None:
                raise self._left
        except TimeoutError:
            owed = f"nobody has run {', '.join(self._watch.owed)}" if self._watch.owed else "the answer has no end"
            raise AnswerTimeoutError(f"After {ANSWER_S:g} s {owed}.") from None

    def receive(self, event: FriendlyEvent) -> None:
        if self._json:
            self._write(f"{json.dumps(to_wire(event), ensure_ascii=False)}\n")
        match event:
            case events.AssistantResponseStarted():
                self.answering.set()
            case events.AssistantDelta(item_id=item_id, delta=delta):
                if item_id != self._open_item:
                    self._end_line()
                    self._open_item = item_id
                    self._words("Antiphon: " if self._speaks else "")
                self._words(delta)
            case events.AssistantItemDone():
                self._end_line()
            case events.UserCompleted(transcript=transcript):
                self._end_line()
                if self._speaks:
                    self._words(f"You: {transcript}\n")
                self.understood.set()
            case events.AssistantAudioStarted():
                self.quiet.clear()
            case events.AssistantAudioStopped():
                self.quiet.set()
            case events.UserFailed(error=error):
                click.echo(f"antiphon: What you said was not understood: {error.message}", err=True)
                self.understood.set()
            case events.AssistantCompleted(status="failed" | "incomplete" as status):
                self.failed = True
                self._end_line()
                click.echo(f"antiphon: The answer {status}: {event.error or event.reason or 'no reason'}.", err=True)
            case events.Error(ordinary=False):
                click.echo(f"antiphon: The server says: {event.error.message}", err=True)
            case _:
                pass
        self._watch.receive(event)
        if self._watch.is_over:
            self._over.set()

    @property
    def keeps_sound(self) -> bool:
        """Whether somebody wants to hear the answers later."""
        return self._save is not None

    def sounded(self, pcm: bytes) -> None:
        """A piece of the answers' sound."""
        if self._save is not None and len(self._sound) < MOST_SAVED_S * PCM_RATE * 2:
            self._sound += pcm

    def close(self) -> None:
        """The call is over. Raises ConfigurationError when the sound cannot be written."""
        self._end_line()
        if self._save is not None and self._sound:
            try:
                self._save.write_bytes(wav_bytes(bytes(self._sound), PCM_RATE))
            except OSError as error:
                reason = error.strerror or type(error).__name__
                raise ConfigurationError(f"{self._save} cannot be written: {reason}.") from None

    def _words(self, text: str) -> None:
        if not self._json:
            self._write(text)

    def _end_line(self) -> None:
        if self._open_item is not None:
            self._open_item = None
            self._words("\n")

    def _write(self, text: str) -> None:
        if self._left is not None:
            return
        try:
            sys.stdout.write(text)
            sys.stdout.flush()
        except BrokenPipeError as gone:
            # An event's handler writes, and what it raises ends nothing: whoever waits for the turn is told.
            self._left = gone
            self.answering.set()
            self.understood.set()
            self._over.set()
