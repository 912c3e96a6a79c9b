"""Whether ICE would get anywhere from this machine: its own addresses, what a STUN server sees, whether TURN relays.

For diagnosis alone; no call uses this. Nothing is sent but to the server that is named.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from dataclasses import dataclass
from typing import Any

from aioice import stun, turn
from aiortc import RTCIceServer
from aiortc.rtcicetransport import connection_kwargs

from antiphon.errors import ConfigurationError
from antiphon.rtc.ice import local_addresses
from antiphon.rtc.settings import IceServer, RtcSettings, TransportUnavailable

_ANSWER_S = 4.0
_GIVE_BACK_S = 1.0


@dataclass(frozen=True, slots=True)
class Reached:
    """A server's answer. address: "ip:port" that it sees of us, or relays for us. ms: how long it took."""

    address: str
    ms: float


def host_addresses(settings: RtcSettings | None = None) -> list[str]:
    """The addresses that a call would offer as its host candidates, this machine's own loopback left out."""
    return [a for a in local_addresses(settings or RtcSettings(), ()) if a not in ("127.0.0.1", "::1")]


async def ask_stun(server: IceServer) -> Reached:
    """Send a binding request. Raises TransportUnavailable, ConfigurationError."""
    host, port = _where(server, "stun_server")
    began = time.monotonic()
    try:
        transport, asking = await asyncio.get_running_loop().create_datagram_endpoint(
            lambda: _Asking((host, port)), remote_addr=(host, port)
        )
    except OSError as error:
        raise TransportUnavailable(f"{host}:{port} cannot be reached: {error.strerror or error}") from None
    try:
        async with asyncio.timeout(_ANSWER_S):
            response = await asking.ask()
    except (stun.TransactionTimeout, TimeoutError, ConnectionError):
        raise TransportUnavailable(f"{host}:{port} does not answer as a STUN server") from None
    except stun.TransactionFailed as error:
        raise TransportUnavailable(f"{host}:{port} refuses: {error}") from None
    finally:
        transport.close()
    seen = response.attributes.get("XOR-MAPPED-ADDRESS") or response.attributes.get("MAPPED-ADDRESS")
    if seen is None:
        raise TransportUnavailable(f"{host}:{port} does not tell what it sees")
    return Reached(f"{seen[0]}:{seen[1]}", (time.monotonic() - began) * 1000)


async def allocate_turn(server: IceServer) -> Reached:
    """Have a TURN server allocate an address, and give it back. Raises TransportUnavailable, ConfigurationError."""
    host, port = _where(server, "turn_server")
    options = connection_kwargs([_named(server)])
    began = time.monotonic()
    try:
        async with asyncio.timeout(_ANSWER_S):
            transport, relayed = await turn.create_turn_endpoint(
                _Relayed,
                (host, port),
                server.username,
                server.credential,
                ssl=options.get("turn_ssl") or None,
                transport=options.get("turn_transport", "udp"),
            )
    except stun.TransactionFailed as refused:
        code, reason = refused.response.attributes.get("ERROR-CODE", (0, "without a reason"))
        raise TransportUnavailable(f"{host}:{port} refuses ({code} {reason})") from None
    except (stun.TransactionTimeout, TimeoutError):
        raise TransportUnavailable(f"{host}:{port} does not answer as a TURN server") from None
    except OSError as error:
        raise TransportUnavailable(f"{host}:{port} cannot be reached: {error.strerror or error}") from None
    address: Any = transport.get_extra_info("sockname")
    ms = (time.monotonic() - began) * 1000
    transport.close()
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(_GIVE_BACK_S):
            await relayed.over.wait()
    return Reached(f"{address[0]}:{address[1]}", ms)


def _named(server: IceServer) -> RTCIceServer:
    return RTCIceServer(urls=server.url, username=server.username, credential=server.credential)


def _where(server: IceServer, kind: str) -> tuple[str, int]:
    """Host and port of its address."""
    try:
        found = connection_kwargs([_named(server)]).get(kind)
    except ValueError:
        found = None
    if found is None:
        raise ConfigurationError(f"'{server.url}' is no address of a STUN or TURN server: write stun:host:port.")
    host, port = found
    return str(host), int(port)


class _Asking(asyncio.DatagramProtocol):
    """One STUN request on a socket of its own."""

    def __init__(self, server: tuple[str, int]) -> None:
        self._transport: Any = None
        self._request = stun.Message(message_method=stun.Method.BINDING, message_class=stun.Class.REQUEST)
        self._transaction = stun.Transaction(self._request, server, self)
        self._refused: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    async def ask(self) -> stun.Message:
        """The response. Raises TransactionError, and ConnectionError when nothing listens there."""
        answer = asyncio.ensure_future(self._transaction.run())
        try:
            either: set[asyncio.Future[Any]] = {answer, self._refused}
            await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
            if not answer.done():
                raise ConnectionError("nothing listens there")
            return answer.result()[0]
        finally:
            answer.cancel()
            self._refused.cancel()

    def send_stun(self, message: stun.Message, addr: tuple[str, int]) -> None:
        """What the transaction calls to send; the socket is connected to `addr`."""
        self._transport.sendto(bytes(message))

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport

    def datagram_received(self, data: bytes, addr: tuple[str | Any, int]) -> None:
        with contextlib.suppress(ValueError):
            message = stun.parse_message(data)
            if message.transaction_id == self._request.transaction_id:
                self._transaction.response_received(message, addr)

    def error_received(self, exc: Exception) -> None:
        if not self._refused.done():
            self._refused.set_result(None)


class _Relayed(asyncio.DatagramProtocol):
    """The relay's end, of which only its end matters."""

    def __init__(self) -> None:
        self.over = asyncio.Event()

    def connection_lost(self, exc: Exception | None) -> None:
        self.over.set()
