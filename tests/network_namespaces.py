"""Two machines joined by a wire, all on this one: Linux network namespaces, and a wire that loses, delays and is cut.

The wire is no kernel module (not every kernel has netem): a thread carries IP packets between two TUN interfaces, so
that every loss and delay comes from one seeded random generator. Needs root, iproute2 and /dev/net/tun; `two_hosts`
skips and says which of them is missing.

    with two_hosts() as hosts, hosts.far.serving(lambda: live_server(engine, host=hosts.far.address)) as server:
        with hosts.near.entered():          # sockets made in here belong to the near host
            ...
            hosts.wire.set(Conditions(loss=0.05, jitter_ms=200))
            hosts.wire.set(CUT)
            hosts.wire.set(PERFECT)
"""

from __future__ import annotations

import asyncio
import contextlib
import ctypes
import fcntl
import heapq
import itertools
import os
import random
import select
import shutil
import struct
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractAsyncContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import pytest

NEAR_ADDRESS, FAR_ADDRESS = "10.213.7.1", "10.213.7.2"

_NAMESPACES = Path("/var/run/netns")
_TUN = Path("/dev/net/tun")
_TUNSETIFF, _IFF_TUN, _IFF_NO_PI = 0x400454CA, 0x0001, 0x1000
_CLONE_NEWNET = 0x40000000
_MTU = 1500
_MOST_ON_THE_WAY = 20_000

Value = TypeVar("Value")


@dataclass(frozen=True, slots=True, kw_only=True)
class Conditions:
    """How a wire treats packets, the same in both directions.

    loss: share of packets that vanish. delay_ms: of each packet, and up to jitter_ms more, at random. in_order: packets
    never overtake each other, as in a router's queue; otherwise jitter also reorders them, as netem does.
    """

    loss: float = 0.0
    delay_ms: float = 0.0
    jitter_ms: float = 0.0
    in_order: bool = False


PERFECT = Conditions()
CUT = Conditions(loss=1.0)


class Wire:
    """What joins the two hosts. At most 20000 packets are on their way; further ones are lost. seed: of its chances."""

    def __init__(self, ends: tuple[int, int], seed: int) -> None:
        self._ends = ends
        self._random = random.Random(seed)
        self._conditions = PERFECT
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="wire", daemon=True)
        self.carried = self.lost = 0

    def set(self, conditions: Conditions) -> None:
        """From the next packet on."""
        self._conditions = conditions

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._stopping.set()
        self._thread.join()

    def _run(self) -> None:
        one, other = self._ends
        across = {one: other, other: one}
        numbers = itertools.count()
        on_the_way: list[tuple[float, int, int, bytes]] = []
        last = dict.fromkeys(self._ends, 0.0)
        while not self._stopping.is_set():
            now = time.monotonic()
            while on_the_way and on_the_way[0][0] <= now:
                _, _, end, packet = heapq.heappop(on_the_way)
                with contextlib.suppress(OSError):  # an interface that is down takes nothing
                    os.write(end, packet)
            wait = min(0.1, on_the_way[0][0] - now) if on_the_way else 0.1
            for end in select.select(self._ends, (), (), max(0.0, wait))[0]:
                with contextlib.suppress(BlockingIOError):
                    packet = os.read(end, _MTU + 64)
                    conditions = self._conditions
                    if self._random.random() < conditions.loss or len(on_the_way) >= _MOST_ON_THE_WAY:
                        self.lost += 1
                        continue
                    self.carried += 1
                    delay_ms = conditions.delay_ms + self._random.uniform(0, conditions.jitter_ms)
                    due = time.monotonic() + delay_ms / 1000
                    if conditions.in_order:
                        due = last[end] = max(due, last[end])
                    heapq.heappush(on_the_way, (due, next(numbers), across[end], packet))


@dataclass(frozen=True)
class Host:
    """One of the two. address: how the other one reaches it. Its loopback is its own."""

    name: str
    address: str

    @contextmanager
    def entered(self) -> Iterator[None]:
        """Make this thread one of the host's while the block runs: its sockets, its threads, its child processes."""
        before = os.open(f"/proc/self/task/{threading.get_native_id()}/ns/net", os.O_RDONLY)
        there = os.open(_NAMESPACES / self.name, os.O_RDONLY)
        try:
            _enter(there)
            yield
        finally:
            _enter(before)
            os.close(before)
            os.close(there)

    @contextmanager
    def serving(self, serve: Callable[[], AbstractAsyncContextManager[Value]]) -> Iterator[Value]:
        """Run what `serve` makes on the host, in a thread with an event loop of its own, while the block runs."""
        ready, over = threading.Event(), threading.Event()
        values: list[Value] = []
        failures: list[BaseException] = []

        async def run() -> None:
            async with serve() as value:
                values.append(value)
                ready.set()
                await asyncio.get_running_loop().run_in_executor(None, over.wait)

        def thread() -> None:
            try:
                with self.entered():
                    asyncio.run(run())
            except BaseException as failure:  # noqa: BLE001 - told to the test's own thread
                failures.append(failure)
            finally:
                ready.set()

        running = threading.Thread(target=thread, name=f"host {self.name}")
        running.start()
        try:
            ready.wait()
            if failures:
                raise failures[0]
            yield values[0]
        finally:
            over.set()
            running.join()
        if failures:
            raise failures[0]


@dataclass(frozen=True)
class Hosts:
    """Two hosts and the wire between them."""

    near: Host
    far: Host
    wire: Wire


@contextmanager
def two_hosts(*, seed: int = 1) -> Iterator[Hosts]:
    """Make them, and take everything away again."""
    _require()
    hosts = [Host(f"antiphon-{side}-{os.getpid()}", at) for side, at in (("near", NEAR_ADDRESS), ("far", FAR_ADDRESS))]
    ends: list[int] = []
    with contextlib.ExitStack() as cleaning:
        for host in hosts:
            _ip("netns", "add", host.name)
            cleaning.callback(_ip, "netns", "del", host.name)
            ends.append(_tun_in(host))
            cleaning.callback(os.close, ends[-1])
            _ip("-n", host.name, "link", "set", "lo", "up")
            _ip("-n", host.name, "addr", "add", f"{host.address}/24", "dev", "wire")
            _ip("-n", host.name, "link", "set", "wire", "up", "mtu", str(_MTU))
        wire = Wire((ends[0], ends[1]), seed)
        wire.start()
        cleaning.callback(wire.stop)
        yield Hosts(hosts[0], hosts[1], wire)


def _require() -> None:
    if sys.platform != "linux":
        pytest.skip("network namespaces are Linux's")
    if os.geteuid() != 0:
        pytest.skip("network namespaces need root")
    if shutil.which("ip") is None:
        pytest.skip("network namespaces need `ip` (package iproute2)")
    if not _TUN.exists():
        pytest.skip(f"the wire between network namespaces needs {_TUN}")
    probe = f"antiphon-probe-{os.getpid()}"
    if subprocess.run(["ip", "netns", "add", probe], capture_output=True, check=False).returncode != 0:
        pytest.skip("network namespaces cannot be made here")
    _ip("netns", "del", probe)


def _tun_in(host: Host) -> int:
    """The host's TUN interface `wire`: a file that reads what the host sends and takes what it is to get."""
    with host.entered():
        end = os.open(_TUN, os.O_RDWR | os.O_NONBLOCK)
        try:
            fcntl.ioctl(end, _TUNSETIFF, struct.pack("16sH14x", b"wire", _IFF_TUN | _IFF_NO_PI))
        except OSError as error:
            os.close(end)
            pytest.skip(f"no TUN interface can be made here: {error.strerror}")
    return end


def _enter(namespace: int) -> None:
    # os.setns came with Python 3.12.
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.setns(namespace, _CLONE_NEWNET) != 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))


def _ip(*arguments: str) -> None:
    subprocess.run(["ip", *arguments], check=True, capture_output=True, text=True)
