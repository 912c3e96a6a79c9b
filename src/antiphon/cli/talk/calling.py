"""The call behind the screen: a client, its sound, and their states made into what the screen shows.

It is one conversation over any number of calls: calling again goes on with it.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from antiphon.cli.talk.faults import is_worth_a_note
from antiphon.cli.talk.keeping import save_chat
from antiphon.cli.talk.photos import read_photo
from antiphon.cli.talk.script import Line, script, seconds
from antiphon.cli.talk.seen import Kind, Levels, SoundDevice, TurnTime
from antiphon.cli.talk.sound import Sound, SoundWish, open_sound
from antiphon.cli.talk.state import Link, TalkState
from antiphon.cli.targets import Target, client_of, explained
from antiphon.client import ClientError, RealtimeClient
from antiphon.client.audio import AudioUnavailable, DeviceChange, Direction, GateEffect, Microphone, list_devices
from antiphon.client.lifecycle import ConnectionState, Fault
from antiphon.conversation import Conversation, FriendlyEvent, events
from antiphon.errors import AntiphonError, ConfigurationError
from antiphon.protocol import RealtimeSession, SessionConfig

if TYPE_CHECKING:
    from antiphon.agent import Agent
    from antiphon.client.opening import TransportKind
    from antiphon.client.trace import TraceWriter
    from antiphon.rtc import ConnectionStats

STATS_EVERY_S = 2.0
_NAMES = {"openai": "OpenAI", "azure": "Azure", "server": "Antiphon"}
_CARRIERS = {"websocket": "WebSocket", "webrtc": "WebRTC", "other": "-"}


@dataclass(frozen=True, slots=True, kw_only=True)
class CallOptions:
    """How one calls. session: settings to ask for; trace: makes the file that each call is written down in."""

    transport: TransportKind = "auto"
    session: SessionConfig | None = None
    agent: Agent | None = None
    sound: SoundWish = field(default_factory=SoundWish)
    trace: Callable[[], TraceWriter] | None = None


class TalkCall:
    """A `seen.Call`. One event loop's; `run` owns the call while it lasts."""

    def __init__(self, target: Target, options: CallOptions) -> None:
        self.on_change: Callable[[], None] = lambda: None
        self.state = TalkState()
        self.notes: list[str] = []
        """What there is to say besides, oldest first; a view takes them out."""
        self._target = target
        self._options = options
        self._conversation = Conversation()
        self._conversation.handlers.on("*", self._heard)
        self._client: RealtimeClient | None = None
        self._sound = Sound()
        self._stats: ConnectionStats | None = None
        self._over = asyncio.Event()
        self._decided = asyncio.Event()
        """Whether a call came about is known."""
        self._began = self._ended = 0.0
        self._wish = options.sound
        self._tasks: set[asyncio.Task[None]] = set()

    # ── what is shown ─────────────────────────────────────────────────────────────────────────────────────────────

    @property
    def name(self) -> str:
        return _NAMES[self._target.kind]

    @property
    def where(self) -> str:
        return self._target.shown

    def lines(self) -> Sequence[Line]:
        return script(self._conversation.chat.messages, self._conversation.turns.all)

    def turn_times(self) -> Sequence[TurnTime]:
        turns = self._conversation.turns.all
        return [TurnTime(ms) for turn in turns if turn.kind != "unasked" and (ms := turn.answer_ms) is not None]

    def levels(self) -> Levels:
        if self._client is None or self.state.link is not Link.UP:
            return Levels(-100.0, -100.0)
        you, them = (level.rms_dbfs for level in self._client.levels)
        if self._sound.speaker is not None:
            # What is really played now: over a WebSocket the client gets it long before.
            them = self._sound.speaker.levels.rms_dbfs
        elif self.state.phase != "speaking":
            them = -100.0
        return Levels(you, them)

    def facts(self) -> Sequence[tuple[str, str]]:
        facts = [("calls", self.where)]
        client = self._client
        if client is not None and self.state.link is Link.UP:
            carrier = _CARRIERS[client.transport_kind]
            trip = None if self._stats is None else self._stats.round_trip_ms
            facts.append(("over", carrier if trip is None else f"{carrier}, {seconds(trip)}"))
            if self._stats is not None and self._stats.loss_in:
                facts.append(("lost", f"{self._stats.loss_in:.0%}"))
            facts += _session_facts(client.session)
        if (microphone := self._sound.microphone) is not None and microphone.device is not None:
            facts.append(("microphone", microphone.device.name))
        if (speaker := self._sound.speaker) is not None and speaker.device is not None:
            facts.append(("speaker", speaker.device.name))
        if self._began:
            facts.append(("lasted", _clock((self._ended or time.monotonic()) - self._began)))
        usage = self._conversation.usage
        if usage.total.tokens_in or usage.total.tokens_out:
            facts.append(("tokens", f"{usage.total.tokens_in} in, {usage.total.tokens_out} out"))
        if usage.cost:
            facts.append(("cost", f"${usage.cost:.3f}"))
        return facts

    # ── the call ──────────────────────────────────────────────────────────────────────────────────────────────────

    async def run(self) -> None:
        self._over = asyncio.Event()
        self._ended = self._began = 0.0
        self._link(Link.CONNECTING)
        self._sound = await open_sound(self._wish, on_gate=self._gate, on_change=self._device_changed)
        for sentence in self._sound.missing:
            self.notes.append(sentence)
        self._refresh()
        trace = None
        try:
            trace = None if self._options.trace is None else self._options.trace()
            client = self._client = self._make_client(trace)
            await client.connect()
        except (AntiphonError, OSError) as error:
            self._link(Link.ERROR, f"{explained(error, self._target)} F5 calls again.")
        else:
            self._began = time.monotonic()
            self._link(Link.UP)
            await self._last(client)
        finally:
            await self._clear_up()
            if trace is not None:
                trace.close()

    def _make_client(self, trace: TraceWriter | None) -> RealtimeClient:
        options = self._options
        client = client_of(
            self._target,
            transport=options.transport,
            session=options.session,
            agent=options.agent,
            setup="if_different",
            microphone=self._sound.microphone,
            speaker=self._sound.speaker,
            conversation=self._conversation,
            on_reconnecting=self._reconnecting,
            on_reconnected=lambda _items: self._link(Link.UP),
            trace=trace,
        )
        client.on_state(self._state_changed)
        client.on_fault(self._fault)
        return client

    async def _last(self, client: RealtimeClient) -> None:
        """Stay until the call is over."""
        watching = asyncio.create_task(self._watch(client), name="talk stats")
        try:
            await self._over.wait()
        finally:
            watching.cancel()
            await asyncio.gather(watching, return_exceptions=True)
        self._ended = time.monotonic()
        lasted = _clock(self._ended - self._began)
        if (closed := client.closed) is not None and closed.code != 1000:
            reason = (closed.reason or "the connection was lost").rstrip(".")
            self._link(Link.ENDED, f"The call broke off after {lasted}: {reason}. F5 calls again, /save FILE keeps it.")
        else:
            self._link(Link.ENDED, f"The call has ended after {lasted}. F5 calls again, /save FILE keeps it.")

    async def _watch(self, client: RealtimeClient) -> None:
        while True:
            with contextlib.suppress(ClientError):
                self._stats = await client.stats()
            self._refresh()
            await asyncio.sleep(STATS_EVERY_S)

    async def _clear_up(self) -> None:
        if self._client is not None:
            await self._client.aclose()
        for device in (self._sound.microphone, self._sound.speaker):
            if device is not None:
                await device.aclose()
        for task in tuple(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._stats = None

    async def hang_up(self) -> None:
        self._over.set()
        if self._client is not None:
            await self._client.aclose()

    # ── what a person does ────────────────────────────────────────────────────────────────────────────────────────

    async def say(self, text: str) -> None:
        await self._connected()
        await self._up().send_text(text)

    async def show(self, path: Path, question: str) -> None:
        image = await asyncio.to_thread(read_photo, path)
        await self._connected()
        await self._up().send_image(image, text=question or None)

    async def interrupt(self) -> None:
        if self.state.link is Link.UP:
            await self._up().interrupt()

    def toggle_mute(self) -> None:
        gate = self._microphone().gate
        (gate.unmute if gate.is_muted else gate.mute)()
        self._refresh()

    def toggle_push_to_talk(self) -> None:
        gate = self._microphone().gate
        gate.set_push_to_talk(not gate.is_push_to_talk)
        self._refresh()

    def press_or_release(self) -> None:
        gate = self._microphone().gate
        if not gate.is_push_to_talk:
            gate.set_push_to_talk(True)
        (gate.release if gate.is_open else gate.press)()
        self._refresh()

    async def devices(self, kind: Kind) -> Sequence[SoundDevice]:
        direction = Direction(kind)
        used = self._sound.microphone if kind == "input" else self._sound.speaker
        current = None if used is None or used.device is None else used.device.index
        found = await asyncio.to_thread(list_devices)
        return [
            SoundDevice(device.index, device.name, device.index == current)
            for device in found
            if device.channels(direction)
        ]

    async def use_device(self, kind: Kind, choice: int | str) -> None:
        device = self._sound.microphone if kind == "input" else self._sound.speaker
        if device is None:
            raise AudioUnavailable("This call has no sound: F5 calls again, once there is a device.")
        await device.switch(choice)
        self._refresh()

    def save(self, path: Path) -> None:
        save_chat(self._conversation.chat, path)

    # ── what happens ──────────────────────────────────────────────────────────────────────────────────────────────

    def _heard(self, event: FriendlyEvent) -> None:
        if isinstance(event, events.Error) and not event.ordinary:
            self.notes.append(f"The server says: {event.error.message}")
        self._refresh()

    def _gate(self, effect: GateEffect) -> None:
        if effect is GateEffect.STARTED and self.state.phase == "speaking":
            self._own(self.interrupt())
        self._refresh()

    def _device_changed(self, change: DeviceChange) -> None:
        if change.reason:
            self.notes.append(change.reason)
        self._refresh()

    def _reconnecting(self, _attempt: int, _wait_s: float) -> None:
        if self.state.link is not Link.RECONNECTING:
            self._link(Link.RECONNECTING, "The connection dropped. Calling again, your conversation is kept.")

    def _state_changed(self, state: ConnectionState) -> None:
        if state in (ConnectionState.DISCONNECTED, ConnectionState.ERROR):
            self._over.set()

    def _fault(self, fault: Fault) -> None:
        # While it calls again, one sentence has been said already.
        if is_worth_a_note(fault) and self.state.link is not Link.RECONNECTING:
            self.notes.append(str(fault.error))
            self._refresh()

    def _link(self, link: Link, trouble: str = "") -> None:
        self.state.linked(link, trouble)
        if link is Link.CONNECTING:
            self._decided.clear()
        else:
            self._decided.set()
        self._refresh()

    def _refresh(self) -> None:
        self.state.ear = self._sound.ear
        if self.state.link is Link.UP:
            self.state.phase = self._conversation.activity.phase
        self.on_change()

    async def _connected(self) -> None:
        """What is said before there is a call is said as soon as there is one."""
        await self._decided.wait()

    def _up(self) -> RealtimeClient:
        if self._client is None or self.state.link not in (Link.UP, Link.RECONNECTING):
            raise ConfigurationError("There is no call now. F5 calls again.")
        return self._client

    def _microphone(self) -> Microphone:
        if self._sound.microphone is None:
            raise AudioUnavailable("There is no microphone in this call. Type instead.")
        return self._sound.microphone

    def _own(self, work: Coroutine[None, None, None]) -> None:
        task = asyncio.create_task(self._quietly(work))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _quietly(self, work: Coroutine[None, None, None]) -> None:
        try:
            await work
        except AntiphonError as error:
            self.notes.append(str(error))
            self._refresh()


def _session_facts(session: SessionConfig | None) -> list[tuple[str, str]]:
    if not isinstance(session, RealtimeSession):
        return []
    facts = []
    if isinstance(session.model, str) and session.model:
        facts.append(("model", session.model))
    output = getattr(session.audio, "output", None)
    voice = getattr(output, "voice", None)
    if isinstance(voice, str):
        facts.append(("voice", voice))
    return facts


def _clock(seconds_: float) -> str:
    minutes, rest = divmod(int(seconds_), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"
