"""How often an address may do something: token buckets. Pure; `now` is seconds on any monotonic clock."""

from __future__ import annotations

import ipaddress


class Rate:
    """Buckets of tokens, one for each address: full at first, one taken each time, refilled evenly.

    per_minute: also how many may come at once after a quiet minute. max_addresses: remembered at most; the one that was
    quiet for longest is forgotten, which costs an attacker as many addresses as it wins.
    """

    def __init__(self, per_minute: int, *, max_addresses: int = 4096) -> None:
        self._size = float(per_minute)
        self._per_second = per_minute / 60
        self._max_addresses = max_addresses
        self._buckets: dict[str, tuple[float, float]] = {}

    def take(self, address: str, now: float) -> float:
        """0.0 when it may; else for how many seconds it may not, and nothing was taken."""
        tokens, at = self._buckets.pop(address, (self._size, now))
        tokens = min(self._size, tokens + max(0.0, now - at) * self._per_second)
        wait = 0.0 if tokens >= 1 else (1 - tokens) / self._per_second
        self._buckets[address] = (tokens if wait else tokens - 1, now)
        if len(self._buckets) > self._max_addresses:
            del self._buckets[next(iter(self._buckets))]
        return wait


def one_caller(address: str) -> str:
    """What counts as one caller: an IPv4 address, or a /64 of IPv6, which is what one household gets."""
    try:
        parsed = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return address
    if isinstance(parsed, ipaddress.IPv6Address):
        if parsed.ipv4_mapped is not None:
            return str(parsed.ipv4_mapped)
        return str(ipaddress.IPv6Network((parsed, 64), strict=False))
    return str(parsed)
