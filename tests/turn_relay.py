"""A TURN server for tests (RFC 8656), as much of it as a call needs: allocations over UDP, channels, long-term keys."""

from __future__ import annotations

import asyncio
import struct
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from aioice import stun
from aioice.turn import make_integrity_key

REALM, NONCE = "relay.example", b"0123456789abcdef"
USER, PASSWORD = "caller", "a-turn-password"

Address = tuple[str, int]


@dataclass
class Allocation:
    """One client's relay. channels: numbers to peers, and back."""

    transport: asyncio.DatagramTransport
    peers: dict[int, Address] = field(default_factory=dict)
    channels: dict[Address, int] = field(default_factory=dict)


class TurnRelay(asyncio.DatagramProtocol):
    """The server. relayed: packets passed on, from and to clients."""

    def __init__(self, relay_host: str) -> None:
        self._relay_host = relay_host
        self._key = make_integrity_key(USER, REALM, PASSWORD)
        self._tasks: set[asyncio.Task[None]] = set()
        self.allocations: dict[Address, Allocation] = {}
        self.relayed = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport: Any = transport

    @property
    def port(self) -> int:
        return int(self.transport.get_extra_info("sockname")[1])

    def datagram_received(self, data: bytes, addr: Address) -> None:
        if data[0] & 0xC0 == 0x40:
            allocation = self.allocations[addr]
            number, length = struct.unpack_from("!HH", data)
            if number in allocation.peers:
                self.relayed += 1
                allocation.transport.sendto(data[4 : 4 + length], allocation.peers[number])
            return
        task = asyncio.ensure_future(self._request(stun.parse_message(data), addr))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _request(self, message: stun.Message, addr: Address) -> None:
        answer = stun.Message(message.message_method, stun.Class.RESPONSE, message.transaction_id)
        if message.attributes.get("USERNAME") != USER:
            answer.message_class = stun.Class.ERROR
            answer.attributes |= {"ERROR-CODE": (401, "Unauthorized"), "REALM": REALM, "NONCE": NONCE}
            self.transport.sendto(bytes(answer), addr)
            return
        assert message.check_message_integrity(self._key)
        match message.message_method:
            case stun.Method.ALLOCATE:
                allocation = await self._allocate(addr)
                answer.attributes["LIFETIME"] = 600
                answer.attributes["XOR-MAPPED-ADDRESS"] = addr
                answer.attributes["XOR-RELAYED-ADDRESS"] = allocation.transport.get_extra_info("sockname")[:2]
            case stun.Method.REFRESH:
                answer.attributes["LIFETIME"] = message.attributes["LIFETIME"]
                if message.attributes["LIFETIME"] == 0:
                    self.allocations.pop(addr).transport.close()
            case stun.Method.CHANNEL_BIND:
                allocation, peer = self.allocations[addr], message.attributes["XOR-PEER-ADDRESS"]
                allocation.peers[message.attributes["CHANNEL-NUMBER"]] = peer
                allocation.channels[peer] = message.attributes["CHANNEL-NUMBER"]
        answer.add_message_integrity(self._key)
        self.transport.sendto(bytes(answer), addr)

    async def _allocate(self, client: Address) -> Allocation:
        relay = self

        class FromPeer(asyncio.DatagramProtocol):
            def datagram_received(self, data: bytes, addr: Address) -> None:
                number = relay.allocations[client].channels.get(addr[:2])
                if number is not None:
                    relay.relayed += 1
                    relay.transport.sendto(struct.pack("!HH", number, len(data)) + data, client)

        loop = asyncio.get_running_loop()
        transport, _ = await loop.create_datagram_endpoint(FromPeer, local_addr=(self._relay_host, 0))
        self.allocations[client] = Allocation(transport)
        return self.allocations[client]


@asynccontextmanager
async def turn_relay(relay_host: str, host: str = "127.0.0.1") -> AsyncIterator[TurnRelay]:
    """A server at `host`, whose relayed addresses are of `relay_host`."""
    relay = TurnRelay(relay_host)
    transport, _ = await asyncio.get_running_loop().create_datagram_endpoint(lambda: relay, local_addr=(host, 0))
    try:
        yield relay
    finally:
        transport.close()
        for allocation in relay.allocations.values():
            allocation.transport.close()
