"""The order and the gaps of one incoming RTP audio stream. Pure: time is an argument, nothing is decoded here.

Nobody listens to this stream at a steady pace, so nothing is delayed for smoothness: a packet in order leaves at once.
Only behind a gap packets are held for the missing one to come, for 20 ms where packets keep their order and for up to
250 ms where they do not; then the gap is declared lost.
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass
from typing import Final, NamedTuple

CLOCK: Final = 48_000
"""Ticks a second of Opus RTP timestamps."""

_STEP: Final = CLOCK // 400  # 2.5 ms, the grain of Opus durations
_MAX_HELD: Final = 64
_MAX_JUMP: Final = 1000
_MAX_CONCEALED: Final = CLOCK // 10
_MAX_FILLED: Final = 2 * CLOCK
_REMEMBERED: Final = 128
_DECAY: Final = 0.002


class Packet(NamedTuple):
    """A piece of output: decode this payload."""

    payload: bytes


class Lost(NamedTuple):
    """A piece of output: so many ticks are missing. following: the next packet, which may hold a copy (in-band FEC)."""

    ticks: int
    following: bytes | None


class Silence(NamedTuple):
    """A piece of output: the sender sent nothing for so many ticks (DTX, a muted microphone, a long outage)."""

    ticks: int


Piece = Packet | Lost | Silence


@dataclass(frozen=True, slots=True, kw_only=True)
class JitterSettings:
    """Seconds, all of them.

    min_wait, max_wait: how long packets behind a gap are held for the missing one; it adapts between the two, from
    first_wait on.
    stall: with no packet for so long, silence is made up in real time, so that a talker who mutes is heard to end;
    at most `stall_fill` of it. max_lead: how far a sender may run ahead of real time before packets are dropped.
    """

    min_wait: float = 0.02
    first_wait: float = 0.04
    max_wait: float = 0.25
    stall: float = 0.2
    stall_fill: float = 5.0
    max_lead: float = 2.0


@dataclass(slots=True)
class JitterStats:
    """Counters since the stream began, in packets. jitter: RFC 3550's estimate, in ticks of 1/48000 s."""

    received: int = 0
    duplicate: int = 0
    late: int = 0
    lost: int = 0
    dropped: int = 0
    jitter: float = 0.0


class _Held(NamedTuple):
    arrival: float
    timestamp: int
    ticks: int
    payload: bytes


class JitterBuffer:
    """Puts packets back in order. Belongs to one call's receiving side; at most 64 packets are held."""

    def __init__(self, settings: JitterSettings | None = None) -> None:
        self.settings: Final = settings or JitterSettings()
        self.stats = JitterStats()
        self.highest: int | None = None
        """Highest sequence number seen, extended with the number of wraps (RFC 3550's extended highest)."""
        self._first: int | None = None
        self._next: int | None = None
        self._time: int | None = None
        self._frame = CLOCK // 50
        self._wait = self.settings.first_wait
        self._held: dict[int, _Held] = {}
        self._given_up: OrderedDict[int, float] = OrderedDict()
        self._suspect: int | None = None
        self._last_arrival: float | None = None
        self._filled = 0
        self._transit: float | None = None
        self._credit_since: float | None = None
        self._credit_used = 0

    @property
    def wait(self) -> float:
        """Seconds that packets behind a gap are held for the missing one, as adapted so far."""
        return self._wait

    @property
    def expected(self) -> int:
        """Packets that the sender has sent, by its numbering."""
        return 0 if self.highest is None or self._first is None else self.highest - self._first + 1

    def restart(self) -> None:
        """The sender has begun a new stream: its numbers and timestamps mean nothing to the old ones."""
        self.highest = self._first = self._next = self._time = self._suspect = self._transit = None
        self._held.clear()
        self._given_up.clear()

    def put(self, sequence: int, timestamp: int, ticks: int, payload: bytes, now: float) -> None:
        """Take one packet: its 16-bit number, its 32-bit timestamp, how long it lasts in ticks."""
        if self._over_speed(ticks, now):
            self.stats.dropped += 1
            return
        if self._next is None:
            # 2**16 and 2**32 leave room for packets from before the first one.
            self._next = self._first = sequence + 0x10000
            self._time = timestamp + 0x100000000
        number = self._extended(sequence)
        distance = number - self._next
        if abs(distance) > _MAX_JUMP:
            self._jump(sequence, timestamp, ticks, payload, now)
            return
        self._suspect = None
        self.stats.received += 1
        self._last_arrival, self._filled = now, 0
        self._measure(timestamp, now)
        if self.highest is None or number > self.highest:
            self.highest = number
        if distance < 0:
            self._late(number, now)
        elif number in self._held:
            self.stats.duplicate += 1
        else:
            assert self._time is not None
            offset = ((timestamp - self._time + 0x80000000) & 0xFFFFFFFF) - 0x80000000
            self._held[number] = _Held(now, self._time + offset, ticks, payload)

    def take(self, now: float) -> list[Piece]:
        """What is to be heard now, in order; empty when nothing is due."""
        pieces: list[Piece] = []
        while self._held:
            assert self._next is not None
            if (ready := self._held.pop(self._next, None)) is not None:
                self._deliver(ready, pieces)
                continue
            deadline = self.deadline
            if len(self._held) < _MAX_HELD and deadline is not None and now < deadline:
                break
            self._give_up(now, pieces)
        if not self._held:
            self._fill_stall(now, pieces)
        return pieces

    @property
    def deadline(self) -> float | None:
        """When the gap in front of the held packets is declared lost, or None when there is none."""
        if not self._held or self._next in self._held:
            return None
        return min(held.arrival for held in self._held.values()) + self._wait

    def _extended(self, sequence: int) -> int:
        assert self._next is not None
        return self._next + ((sequence - self._next + 0x8000) & 0xFFFF) - 0x8000

    def _deliver(self, held: _Held, pieces: list[Piece]) -> None:
        assert self._next is not None and self._time is not None
        silent = held.timestamp - self._time
        if silent > 0:
            # Numbers without a gap but time with one: the sender was silent on purpose.
            pieces.append(Silence(min(silent, _MAX_FILLED)))
        pieces.append(Packet(held.payload))
        self._next += 1
        self._time = held.timestamp + held.ticks
        self._frame = held.ticks
        self._wait -= (self._wait - self.settings.min_wait) * _DECAY

    def _give_up(self, now: float, pieces: list[Piece]) -> None:
        assert self._next is not None and self._time is not None
        first = min(self._held)
        held = self._held[first]
        waited_since = min(h.arrival for h in self._held.values())
        for number in range(max(self._next, first - _REMEMBERED), first):
            self._given_up[number] = waited_since
            if len(self._given_up) > _REMEMBERED:
                self._given_up.popitem(last=False)
        self.stats.lost += first - self._next
        missing = (held.timestamp - self._time) // _STEP * _STEP
        if missing > 0:
            concealed = min(missing, _MAX_CONCEALED)
            if missing > concealed:
                # Concealment that goes on sounds like a robot; a longer outage is silence with sound at its edges.
                pieces.append(Silence(min(missing - concealed, _MAX_FILLED)))
            while concealed > 0:
                ticks = min(self._frame, concealed)
                concealed -= ticks
                pieces.append(Lost(ticks, held.payload if concealed == 0 else None))
        self._next, self._time = first, held.timestamp

    def _late(self, number: int, now: float) -> None:
        since = self._given_up.pop(number, None)
        if since is None:
            self.stats.duplicate += 1
            return
        self.stats.late += 1
        self.stats.lost -= 1
        needed = now - since + 0.005
        self._wait = min(max(self._wait, needed), self.settings.max_wait)

    def _jump(self, sequence: int, timestamp: int, ticks: int, payload: bytes, now: float) -> None:
        """A number far off is an error of one packet, unless the next one follows it (RFC 3550 appendix A.1)."""
        if sequence == self._suspect:
            self.restart()
            self._next = self._first = sequence + 0x10000
            self._time = timestamp + 0x100000000
            self.put(sequence, timestamp, 0, b"", now)
            self._held = {self._next: _Held(now, self._time, ticks, payload)}
        else:
            self._suspect = (sequence + 1) & 0xFFFF
            self.stats.dropped += 1

    def _fill_stall(self, now: float, pieces: list[Piece]) -> None:
        if self._last_arrival is None or self._time is None:
            return
        quiet = min(now - self._last_arrival - self.settings.stall, self.settings.stall_fill)
        due = int(quiet * CLOCK) // self._frame * self._frame if quiet > 0 else 0
        if due > self._filled:
            pieces.append(Silence(due - self._filled))
            self._time += due - self._filled
            self._filled = due

    def _measure(self, timestamp: int, now: float) -> None:
        transit = now * CLOCK - timestamp
        if self._transit is not None:
            difference = abs(transit - self._transit)
            if difference < CLOCK:  # a wrap or a jump of the timestamp is no jitter
                self.stats.jitter += (difference - self.stats.jitter) / 16
        self._transit = transit

    def _over_speed(self, ticks: int, now: float) -> bool:
        """Whether the sender is further ahead of real time than allowed: more sound than seconds."""
        if self._credit_since is None:
            self._credit_since = now
        allowed = (now - self._credit_since + self.settings.max_lead) * CLOCK
        if self._credit_used + ticks > allowed:
            return True
        self._credit_used += ticks
        return False
