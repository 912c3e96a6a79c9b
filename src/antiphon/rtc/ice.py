"""ICE for one call, on top of aioice: which addresses we bind and offer, where media leaves, how long silence is borne.

aioice does the checks. What is replaced here: it binds no loopback address and no port range, it sleeps 20 ms after the
last check, it takes half a minute to give a peer up, and it queues media where we want it at once. Written for aioice
0.13 (aiortc 1.16); tests/rtc/test_rtc_ice.py fails when one of the hooks used here is gone.
"""

from __future__ import annotations

import asyncio
import contextlib
import ipaddress
import random
import socket
from collections.abc import Callable, Iterable, Sequence
from typing import Any, Final

import ifaddr
from aioice import Candidate, Connection
from aioice.candidate import candidate_foundation, candidate_priority
from aioice.ice import ICE_COMPLETED, StunProtocol, server_reflexive_candidate
from aioice.stun import TransactionError
from aiortc import RTCIceGatherer, RTCIceServer
from aiortc.rtcicetransport import connection_kwargs

from antiphon.rtc.answer import LocalCandidate
from antiphon.rtc.offer import RemoteCandidate
from antiphon.rtc.settings import RtcSettings, TransportUnavailable

MAX_ADDRESSES: Final = 8
"""Addresses that one call binds at most: a machine with many bridges would spend a socket on each."""

_MAX_QUEUED: Final = 1024
_CHECK_PERIOD: Final = 0.02  # RFC 8445 section 14.2's Ta, as aioice paces its checks
_STUN_TIMEOUT: Final = 2.0
_TURN_TIMEOUT: Final = 2
_RECEIVE_BUFFER: Final = 256 * 1024


def local_addresses(settings: RtcSettings, candidates: Iterable[RemoteCandidate]) -> list[str]:
    """The addresses to bind for a peer with the given candidates, the likeliest first.

    All global and private ones of this machine; link-local ones never. Loopback is added when the machine has no other,
    when the peer has offered one itself, and when it has offered no address at all (a browser that hides its addresses
    may well run on this machine, which may well be offline).
    """
    if settings.bind_addresses is not None:
        return list(settings.bind_addresses)
    remote = list(candidates)
    found = [ipaddress.ip_address(_text(ip.ip)) for adapter in ifaddr.get_adapters() for ip in adapter.ips]
    usable = [a for a in dict.fromkeys(found) if not (a.is_loopback or a.is_link_local or a.is_unspecified)]
    usable.sort(key=lambda a: a.version)
    addresses = [str(address) for address in usable[:MAX_ADDRESSES]]
    if not addresses or not remote or any(candidate.is_loopback for candidate in remote):
        addresses.append("127.0.0.1")
        if any(c.is_loopback and ":" in c.address for c in remote):
            addresses.append("::1")
    return addresses


def _text(address: str | tuple[str, int, int]) -> str:
    return address if isinstance(address, str) else address[0]


class MediaProtocol(StunProtocol):
    """A bound UDP socket. SRTP goes straight to its taker; everything else takes aioice's way."""

    receiver: CallConnection

    def datagram_received(self, data: bytes | str, addr: tuple[Any, ...]) -> None:
        # RFC 7983: 128 to 191 is RTP or RTCP. Parsing it as STUN first would cost an exception for every packet.
        if isinstance(data, bytes) and data and 127 < data[0] < 192:
            self.receiver.media_received(data)
        else:
            super().datagram_received(data, addr)


class CallConnection(Connection):
    """The ICE agent of one call. Belongs to its transport.

    on_media: takes every SRTP and SRTCP datagram, not yet authenticated. on_silence: called once when the peer has
    shown no sign of life for `silence_timeout_s`; the connection is left as it is.
    """

    def __init__(
        self,
        settings: RtcSettings,
        *,
        addresses: Sequence[str],
        on_media: Callable[[bytes], None],
        on_silence: Callable[[], None],
    ) -> None:
        servers = [
            RTCIceServer(urls=server.url, username=server.username, credential=server.credential)
            for server in settings.ice_servers
        ]
        super().__init__(ice_controlling=False, **connection_kwargs(servers))
        self._settings = settings
        self._addresses = addresses
        self._on_media = on_media
        self._on_silence = on_silence
        self._heard = 0.0

    def media_received(self, data: bytes) -> None:
        """One SRTP or SRTCP datagram has come in, from whomever."""
        self._on_media(data)

    def data_received(self, data: bytes, component: int) -> None:
        """Queue DTLS for aiortc, and nothing else (an empty datagram would stop its reader).

        The queue is bounded: what does not fit is dropped, as the network might have; DTLS and SCTP send again.
        """
        if data and 19 < data[0] < 64 and self._queue.qsize() < _MAX_QUEUED:
            super().data_received(data, component)

    def alive(self) -> None:
        """The peer was heard: something authentic of it has arrived."""
        self._heard = asyncio.get_running_loop().time()

    def send_now(self, data: bytes) -> None:
        """Send a datagram to the peer without waiting; dropped when there is no way to it (yet, or any more)."""
        pair = self._nominated.get(1)
        if pair is not None and not self._closing:
            pair.protocol.transport.sendto(data, pair.remote_addr)

    async def gather_candidates(self) -> None:
        """Bind our sockets and find our candidates. Raises TransportUnavailable when no address could be bound."""
        if self._local_candidates_start:
            return
        self._local_candidates_start = True
        protocols = [await self._bind(address) for address in self._addresses]
        self._protocols += [protocol for protocol in protocols if protocol is not None]
        if not self._protocols:
            raise TransportUnavailable(
                f"no UDP port could be bound on {', '.join(self._addresses)}"
                + ("" if self._settings.udp_ports is None else " from {} to {}".format(*self._settings.udp_ports))
            )
        self._local_candidates += [protocol.local_candidate for protocol in self._protocols]
        if self.stun_server is not None:
            self._local_candidates += await self._reflexive(self.stun_server)
        if self.turn_server is not None:
            # With no addresses aioice's own way adds the relayed candidates only.
            stun_server, self.stun_server = self.stun_server, None
            try:
                self._local_candidates += await self.get_component_candidates(1, [], timeout=_TURN_TIMEOUT)
            finally:
                self.stun_server = stun_server
        self._local_candidates_end = True

    async def connect(self) -> None:
        """Run the checks until one pair is nominated. Raises ConnectionError when that cannot happen any more.

        As aioice does it, but for the end: it sleeps out its 20 ms, we go on at once.
        """
        if self.remote_username is None or self.remote_password is None or not self._local_candidates_end:
            raise ConnectionError("the connection was not prepared")
        for candidate in self._remote_candidates:
            self._pair_remote_candidate(candidate)
        self.sort_check_list()
        self._unfreeze_initial()
        while self._early_checks:
            self.check_incoming(*self._early_checks.popleft())
        self._early_checks_done = True
        outcome: int | None = None
        while outcome is None:
            more = self._check_periodic()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(_CHECK_PERIOD if more else None):
                    outcome = await self._check_list_state.get()
        for pair in self._check_list:
            if pair.task is not None:
                pair.task.cancel()
        if outcome != ICE_COMPLETED:
            raise ConnectionError("no pair of addresses let a check through")
        self.alive()
        self._query_consent_task = asyncio.create_task(self.query_consent())

    async def query_consent(self) -> None:
        """Ask the peer for consent (RFC 7675) as long as it answers; anything authentic from it counts as an answer."""
        loop = asyncio.get_running_loop()
        timeout, password = self._settings.silence_timeout_s, self.remote_password or ""
        while (left := self._heard + timeout - loop.time()) > 0:
            await asyncio.sleep(min(left, min(5.0, timeout / 4) * random.uniform(0.8, 1.2)))
            for pair in list(self._nominated.values()):
                request = self.build_request(pair, nominate=False)
                with contextlib.suppress(TransactionError, TimeoutError):
                    async with asyncio.timeout_at(self._heard + timeout):
                        await pair.protocol.request(
                            request, pair.remote_addr, integrity_key=password.encode(), retransmissions=1
                        )
                    self.alive()
        self._on_silence()

    def answer_candidates(self) -> list[LocalCandidate]:
        """Our candidates as the answer lists them, the advertised address first."""
        own = [
            LocalCandidate(
                c.foundation,
                c.priority,
                c.host,
                c.port,
                c.type,
                None if c.related_address is None else (c.related_address, c.related_port or 9),
            )
            for c in self._local_candidates
        ]
        public = self._settings.advertised_address
        if public is None:
            return own
        version = ipaddress.ip_address(public).version
        ports = {
            c.port: c
            for c in reversed(own)
            if c.kind == "host"
            and ipaddress.ip_address(c.address).version == version
            and not ipaddress.ip_address(c.address).is_loopback
        }
        advertised = [
            LocalCandidate(candidate_foundation("host", "udp", public), min(c.priority + 1, 2**31 - 1), public, port)
            for port, c in reversed(ports.items())
            if public != c.address
        ]
        return advertised + own

    async def _bind(self, address: str) -> MediaProtocol | None:
        loop = asyncio.get_running_loop()
        for port in self._ports():
            try:
                transport, protocol = await loop.create_datagram_endpoint(
                    lambda: MediaProtocol(self), local_addr=(address, port)
                )
            except OSError:
                continue
            if (sock := transport.get_extra_info("socket")) is not None:
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _RECEIVE_BUFFER)
            host, bound = transport.get_extra_info("sockname")[:2]
            # Loopback comes last: where there is another way, that other one also works for a peer elsewhere.
            preference = 0 if ipaddress.ip_address(host).is_loopback else 65_535 - self._addresses.index(address)
            protocol.local_candidate = Candidate(
                foundation=candidate_foundation("host", "udp", host),
                component=1,
                transport="udp",
                priority=candidate_priority(1, "host", preference),
                host=host,
                port=bound,
                type="host",
            )
            return protocol
        return None

    def _ports(self) -> Iterable[int]:
        """The ports to try: any free one, or all of the range from a random one on."""
        if self._settings.udp_ports is None:
            return (0,)
        first, last = self._settings.udp_ports
        ports = range(first, last + 1)
        start = random.randrange(len(ports))
        return (*ports[start:], *ports[:start])

    async def _reflexive(self, server: tuple[str, int]) -> list[Candidate]:
        """What a STUN server sees of our IPv4 sockets; nothing where it does not answer in time."""
        tasks = [
            asyncio.create_task(server_reflexive_candidate(protocol, server))
            for protocol in self._protocols
            if ipaddress.ip_address(protocol.local_candidate.host).version == 4
        ]
        if not tasks:
            return []
        try:
            done, _ = await asyncio.wait(tasks, timeout=_STUN_TIMEOUT)
            return [task.result()[0] for task in done if task.exception() is None]
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)


class CallGatherer(RTCIceGatherer):
    """aiortc's holder of a Connection, holding ours."""

    def __init__(self, connection: CallConnection) -> None:
        super().__init__(iceServers=[])
        self._connection = connection
