"""Inspection: who stands in a call's way and records it. What is kept is `inspecting.py`'s business; who may look is
decided at the door (`door.may_inspect`).

A call is recorded by wrapping what it is made of (the answerer, its calls and their links; a hosted call's sideband),
so that no driver knows of it, and a server without inspection has nothing of it.
"""

from __future__ import annotations

import time
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import msgspec

from antiphon.protocol import SessionConfig
from antiphon.server.answering import AnsweredCall, Answerer, CallKind, Description, Link, LinkKind, Seat
from antiphon.server.calls import Calls
from antiphon.server.inspecting import CallRecord, Inspector, Kind, as_json
from antiphon.server.offers import Offers, TakesOffers
from antiphon.server.settings import ServerSettings

if TYPE_CHECKING:
    from antiphon.client import Transport
    from antiphon.upstream import HostedUpstream


def begin(inspector: Inspector, kind: Kind, asked: SessionConfig | None) -> CallRecord:
    record = inspector.begin(kind, now=time.monotonic(), unix_now=time.time())
    if asked is not None:
        record.note("session_asked", time.monotonic(), session=as_json(asked))
    return record


class InspectedAnswerer:
    """An answerer each of whose calls is recorded."""

    def __init__(self, answerer: Answerer, inspector: Inspector) -> None:
        self._answerer = answerer
        self._inspector = inspector

    async def start(self) -> None:
        await self._answerer.start()

    async def aclose(self) -> None:
        await self._answerer.aclose()

    def describe(self) -> Description:
        return self._answerer.describe()

    def effective_session(self, session: SessionConfig) -> SessionConfig:
        return self._answerer.effective_session(session)

    def open_call(
        self, link: Link, *, model: str | None, session: SessionConfig | None = None, kind: CallKind = "realtime"
    ) -> AnsweredCall:
        record = begin(self._inspector, link.kind, session)
        call = self._answerer.open_call(InspectedLink(link, record), model=model, session=session, kind=kind)
        self._inspector.list(record, call.id)
        return InspectedCall(call, record)


class InspectedOfferTaker(InspectedAnswerer):
    """The same for one whose WebRTC calls are another's: it is told of the inspector, and records them itself."""

    def __init__(self, answerer: Answerer, taker: TakesOffers, inspector: Inspector) -> None:
        super().__init__(answerer, inspector)
        self._taker = taker

    def offers(self, calls: Calls, settings: ServerSettings) -> Offers:
        return self._taker.offers(calls, settings, self._inspector)


def inspected(answerer: Answerer, inspector: Inspector) -> Answerer:
    """The answerer, recorded."""
    if isinstance(answerer, TakesOffers):
        return InspectedOfferTaker(answerer, answerer, inspector)
    return InspectedAnswerer(answerer, inspector)


class InspectedLink:
    """A call's way to its peer, recorded."""

    def __init__(self, link: Link, record: CallRecord) -> None:
        self._link = link
        self._record = record

    @property
    def kind(self) -> LinkKind:
        return self._link.kind

    @property
    def max_event_bytes(self) -> int | None:
        return self._link.max_event_bytes

    def send_event(self, data: str) -> None:
        self._record.wire("in", data, time.monotonic())
        self._link.send_event(data)

    def send_audio(self, pcm: bytes) -> None:
        self._record.spoke(pcm, time.monotonic())
        self._link.send_audio(pcm)

    def end_audio(self) -> None:
        self._link.end_audio()

    def flush_audio(self) -> None:
        self._record.silenced(time.monotonic())
        self._link.flush_audio()

    def close(self, code: int, reason: str) -> None:
        self._record.note("closing", time.monotonic(), code=code, reason=reason)
        self._link.close(code, reason)


class InspectedCall:
    """A call, recorded. Its record ends when its `run` does."""

    def __init__(self, call: AnsweredCall, record: CallRecord) -> None:
        self.id = call.id
        self._call = call
        self._record = record
        self._peers = 0

    def opened(self) -> None:
        self._record.note("opened", time.monotonic())
        self._call.opened()

    def receive_event(self, data: str | bytes) -> None:
        self._record.wire("out", data, time.monotonic())
        self._call.receive_event(data)

    def receive_audio(self, pcm: bytes) -> None:
        self._record.heard(pcm, time.monotonic())
        self._call.receive_audio(pcm)

    def audio_played(self, samples: int) -> None:
        self._call.audio_played(samples)

    def attach(self, link: Link) -> Seat:
        seat = self._call.attach(link)
        self._peers += 1
        self._record.note("peer_attached", time.monotonic(), peer=self._peers)
        return _InspectedSeat(seat, self._record, self._peers)

    def hang_up(self, reason: str) -> None:
        self._record.note("hung_up", time.monotonic(), reason=reason)
        self._call.hang_up(reason)

    async def run(self) -> None:
        try:
            await self._call.run()
        finally:
            self._record.end(time.monotonic(), time.time())


class _InspectedSeat:
    """A further peer's seat: what it sends is told in notes, for the wire's lines are the caller's."""

    def __init__(self, seat: Seat, record: CallRecord, peer: int) -> None:
        self.id = seat.id
        self._seat = seat
        self._record = record
        self._peer = peer

    def receive_event(self, data: str | bytes) -> None:
        event: Any = None
        with suppress(msgspec.DecodeError, UnicodeError):
            event = msgspec.json.decode(data)
        self._record.note("peer_sent", time.monotonic(), peer=self._peer, event=event)
        self._seat.receive_event(data)

    def hang_up(self, reason: str) -> None:
        self._seat.hang_up(reason)

    async def run(self) -> None:
        try:
            await self._seat.run()
        finally:
            self._record.note("peer_left", time.monotonic(), peer=self._peer)


class InspectedUpstream:
    """A hosted upstream as one call sees it: the call's sideband is recorded, everything else is the upstream's own."""

    def __init__(self, upstream: HostedUpstream, record: CallRecord) -> None:
        self._upstream = upstream
        self._record = record

    def __getattr__(self, name: str) -> Any:
        return getattr(self._upstream, name)

    def attach(self, call_id: str) -> Transport:
        return _InspectedTransport(self._upstream.attach(call_id), self._record)


class _InspectedTransport:
    def __init__(self, inner: Transport, record: CallRecord) -> None:
        self._inner = inner
        self._record = record

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)

    @property
    def media(self) -> bool:
        return self._inner.media

    async def connect(self) -> None:
        await self._inner.connect()
        self._record.note("sideband_connected", time.monotonic())

    async def send(self, data: str) -> None:
        self._record.wire("out", data, time.monotonic())
        await self._inner.send(data)

    async def receive(self) -> str | bytes:
        data = await self._inner.receive()
        self._record.wire("in", data, time.monotonic())
        return data

    async def close(self, code: int = 1000, reason: str = "") -> None:
        await self._inner.close(code, reason)
