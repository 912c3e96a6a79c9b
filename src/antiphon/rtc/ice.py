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
from aioice.ice import (
    ICE_COMPLETED,
    CandidatePair,
    StunProtocol,
    relayed_candidate,
    server_reflexive_candidate,
)
from aioice.stun import RETRY_RTO, TransactionError
from aiortc import RTCIceGatherer, RTCIceServer
from aiortc.rtcicetransport import connection_kwargs

from antiphon.errors import ConfigurationError
from antiphon.rtc.life import Life, SignsOfLife
from antiphon.rtc.local_side import LocalCandidate
from antiphon.rtc.sdp import RemoteCandidate
from antiphon.rtc.settings import RtcSettings, TransportUnavailable

MAX_ADDRESSES: Final = 8
"""Addresses that one call binds at most: a machine with many bridges would spend a socket on each."""

_MAX_QUEUED: Final = 1024
_CHECK_PERIOD: Final = 0.02  # RFC 8445 section 14.2's Ta, as aioice paces its checks
_RECEIVE_BUFFER: Final = 256 * 1024


def local_addresses(
    settings: RtcSettings, candidates: Iterable[RemoteCandidate], *, may_be_here: bool | None = None
) -> list[str]:
    """The addresses to bind for a peer with the given candidates, the likeliest first.

    All global and private ones of this machine; link-local ones never. Loopback is added when the machine has no other,
    when the peer has offered one itself, and when it may be on this machine; None: it may when it has offered no
    address at all (a browser that hides its addresses may well run here, on a machine that may well be offline).
    """
    if settings.bind_addresses is not None:
        return list(settings.bind_addresses)
    remote = list(candidates)
    found = [ipaddress.ip_address(_text(ip.ip)) for adapter in ifaddr.get_adapters() for ip in adapter.ips]
    usable = [a for a in dict.fromkeys(found) if not (a.is_loopback or a.is_link_local or a.is_unspecified)]
    usable.sort(key=lambda a: a.version)
    addresses = [str(address) for address in usable[:MAX_ADDRESSES]]
    if (
        not addresses
        or (not remote if may_be_here is None else may_be_here)
        or any(candidate.is_loopback for candidate in remote)
    ):
        addresses.append("127.0.0.1")
        if any(c.is_loopback and ":" in c.address for c in remote):
            addresses.append("::1")
    return addresses


def _text(address: str | tuple[str, int, int]) -> str:
    return address if isinstance(address, str) else address[0]


def is_media(data: bytes) -> bool:
    """Whether a datagram is RTP or RTCP, and not STUN or DTLS (RFC 7983)."""
    return bool(data) and 127 < data[0] < 192


class MediaProtocol(StunProtocol):
    """A bound UDP socket. SRTP goes straight to its taker; everything else takes aioice's way."""

    receiver: CallConnection

    def datagram_received(self, data: bytes | str, addr: tuple[Any, ...]) -> None:
        # Parsing it as STUN first would cost an exception for every packet.
        if isinstance(data, bytes) and is_media(data):
            self.receiver.media_received(data)
        else:
            super().datagram_received(data, addr)


class CallConnection(Connection):
    """The ICE agent of one call. Belongs to its transport.

    controlling: whether our side chooses the pair of addresses. on_media: takes every SRTP and SRTCP datagram, not yet
    authenticated. on_life: the peer has fallen silent (SHAKY), is back (WELL), or has shown no sign of life for
    `silence_timeout_s` (GONE, once; the connection is left as it is).
    """

    def __init__(
        self,
        settings: RtcSettings,
        *,
        addresses: Sequence[str],
        on_media: Callable[[bytes], None],
        on_life: Callable[[Life], None],
        controlling: bool = False,
    ) -> None:
        super().__init__(ice_controlling=controlling, **_servers(settings))
        self._settings = settings
        self._addresses = addresses
        self._on_media = on_media
        self._on_life = on_life
        self._signs: SignsOfLife | None = None
        self.round_trip: float | None = None
        """Seconds of the last check's way there and back."""
        self.bytes_in = self.bytes_out = 0
        """Of media and data, as UDP carries them; checks apart."""
        self.gathering_timed_out = False
        """Whether a STUN or TURN server did not answer in time."""

    def media_received(self, data: bytes) -> None:
        """One SRTP or SRTCP datagram has come in, from whomever."""
        self.bytes_in += len(data)
        self._on_media(data)

    def data_received(self, data: bytes, component: int) -> None:
        """Queue DTLS for aiortc, and nothing else (an empty datagram would stop its reader).

        The queue is bounded: what does not fit is dropped, as the network might have; DTLS and SCTP send again.
        """
        if data and 19 < data[0] < 64 and self._queue.qsize() < _MAX_QUEUED:
            self.bytes_in += len(data)
            super().data_received(data, component)

    async def sendto(self, data: bytes, component: int) -> None:
        """Send DTLS to the peer, as aiortc does it."""
        self.bytes_out += len(data)
        await super().sendto(data, component)

    def send_now(self, data: bytes) -> None:
        """Send a datagram to the peer without waiting; dropped when there is no way to it (yet, or any more)."""
        pair = self._nominated.get(1)
        if pair is not None and not self._closing:
            self.bytes_out += len(data)
            pair.protocol.transport.sendto(data, pair.remote_addr)

    @property
    def pair(self) -> CandidatePair | None:
        """The pair of addresses that carries the call, None before there is one."""
        return self._nominated.get(1)

    def alive(self) -> None:
        """The peer was heard: something authentic of it has arrived."""
        if self._signs is not None and self._signs.heard(asyncio.get_running_loop().time()):
            self._on_life(Life.WELL)

    def watch(self, now: float) -> None:
        """Time has passed: notice a peer that has fallen silent."""
        if self._signs is not None and self._signs.look(now):
            self._on_life(self._signs.life)

    async def gather_candidates(self) -> None:
        """Bind our sockets and find our candidates. Raises TransportUnavailable when no address could be bound."""
        if self._local_candidates_start:
            return
        self._local_candidates_start = True
        for address in self._addresses:
            # One by one into the list that `close` looks at: being cancelled must not leave the first ones open.
            if (protocol := await self._bind(address)) is not None:
                self._protocols.append(protocol)
        if not self._protocols:
            raise TransportUnavailable(
                f"no UDP port could be bound on {', '.join(self._addresses)}"
                + ("" if self._settings.udp_ports is None else " from {} to {}".format(*self._settings.udp_ports))
            )
        self._local_candidates += [protocol.local_candidate for protocol in self._protocols]
        self._local_candidates += await self._ask_servers()
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
        self._signs = SignsOfLife(
            asyncio.get_running_loop().time(),
            shaky_after=self._settings.shaky_after_s,
            gone_after=self._settings.silence_timeout_s,
        )
        self._query_consent_task = asyncio.create_task(self.query_consent())

    async def query_consent(self) -> None:
        """Ask the peer for consent (RFC 7675) as long as it answers; anything authentic from it counts as an answer."""
        assert self._signs is not None
        loop, signs, password = asyncio.get_running_loop(), self._signs, self.remote_password or ""
        period = min(5.0, self._settings.silence_timeout_s / 4)
        # Twice before a peer that only answers checks would seem to have fallen silent; one that talks is asked less.
        pause = min(period, self._settings.shaky_after_s / 2)
        due = 0.0
        while (left := signs.gone_at - loop.time()) > 0:
            await asyncio.sleep(min(left, pause * random.uniform(0.8, 1.2)))
            if (now := loop.time()) < due and now - signs.heard_at < pause / 2:
                continue
            due = now + period
            for pair in list(self._nominated.values()):
                request = self.build_request(pair, nominate=False)
                asked = loop.time()
                with contextlib.suppress(TransactionError, TimeoutError):
                    async with asyncio.timeout_at(signs.gone_at):
                        await pair.protocol.request(
                            request, pair.remote_addr, integrity_key=password.encode(), retransmissions=1
                        )
                    took = loop.time() - asked
                    if took < RETRY_RTO:  # later it may be the answer to either of two requests
                        self.round_trip = took
                    self.alive()
        self.watch(loop.time())

    def own_candidates(self) -> list[LocalCandidate]:
        """Our candidates as our SDP lists them, the advertised address first."""
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

    async def _ask_servers(self) -> list[Candidate]:
        """What a STUN server sees of our IPv4 sockets and a TURN server lends us, as far as they answer in time."""
        tasks: list[asyncio.Task[tuple[Candidate, StunProtocol | None]]] = []
        if (stun := self.stun_server) is not None:
            hosts = {p: ipaddress.ip_address(p.local_candidate.host) for p in self._protocols}
            asking = [p for p, host in hosts.items() if host.version == 4]
            # From loopback only a server on this machine can be asked, and so only where there is nothing else.
            asking = [p for p in asking if not hosts[p].is_loopback] or asking
            tasks += [asyncio.create_task(server_reflexive_candidate(protocol, stun)) for protocol in asking]
        if self.turn_server is not None:
            relay = relayed_candidate(
                component=1,
                hide_related_address=False,
                protocol_factory=lambda: MediaProtocol(self),
                turn_server=self.turn_server,
                turn_username=self.turn_username,
                turn_password=self.turn_password,
                turn_ssl=self.turn_ssl,
                turn_transport=self.turn_transport,
            )
            tasks.append(asyncio.create_task(relay))
        if not tasks:
            return []
        try:
            done, pending = await asyncio.wait(tasks, timeout=self._settings.gathering_timeout_s)
            self.gathering_timed_out = bool(pending)
            found = [task.result() for task in done if task.exception() is None]
            self._protocols += [protocol for _, protocol in found if protocol is not None]
            return [candidate for candidate, _ in found]
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)


def _servers(settings: RtcSettings) -> dict[str, Any]:
    """The settings' ICE servers as aioice takes them: one STUN and one TURN server, the first of each."""
    servers = []
    for server in settings.ice_servers:
        one = RTCIceServer(urls=server.url, username=server.username, credential=server.credential)
        try:
            connection_kwargs([one])
        except ValueError:
            raise ConfigurationError(
                f"{server.url!r} is no ICE server: it is stun:host:port, turn:host:port?transport=udp or turns:…"
            ) from None
        servers.append(one)
    return connection_kwargs(servers)


class CallGatherer(RTCIceGatherer):
    """aiortc's holder of a Connection, holding ours."""

    def __init__(self, connection: CallConnection) -> None:
        super().__init__(iceServers=[])
        self._connection = connection
