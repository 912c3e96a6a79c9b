"""A peer connection, played: answers every offer but "bad", and lets a test be the peer."""

from __future__ import annotations

import asyncio

from antiphon.rtc.transport import CallHandler


class ScriptedTransport:
    """Records what it is given. gate: when set, `answer` waits for it."""

    def __init__(self, handler: CallHandler) -> None:
        self.handler = handler
        self.max_message_size = 65_536
        self.offer = ""
        self.events: list[str] = []
        self.audio = b""
        self.calls: list[str] = []
        self.closed = asyncio.Event()
        self.gate: asyncio.Event | None = None
        self.error: Exception | None = None

    async def answer(self, offer: str) -> str:
        self.offer = offer
        if self.gate is not None:
            await self.gate.wait()
        if self.error is not None:
            raise self.error
        return "v=0\r\nanswer"

    def send_event(self, data: str) -> None:
        self.events.append(data)

    def send_audio(self, pcm: bytes) -> None:
        self.audio += pcm

    def end_audio(self) -> None:
        self.calls.append("end")

    def flush_audio(self) -> None:
        self.calls.append("flush")

    @property
    def pending_ms(self) -> float:
        return 0.0

    async def close(self) -> None:
        if not self.closed.is_set():
            self.closed.set()
            self.handler.on_closed("closed by us")


class Transports:
    """Makes transports for `create_app(open_transport=…)` and keeps them."""

    def __init__(self, *, gate: asyncio.Event | None = None, error: Exception | None = None) -> None:
        self.made: list[ScriptedTransport] = []
        self.opened = asyncio.Event()
        self._gate = gate
        self._error = error

    def __call__(self, handler: CallHandler) -> ScriptedTransport:
        transport = ScriptedTransport(handler)
        transport.gate = self._gate
        transport.error = self._error
        self.made.append(transport)
        self.opened.set()
        return transport

    @property
    def last(self) -> ScriptedTransport:
        return self.made[-1]
