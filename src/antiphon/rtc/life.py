"""Whether the peer is still there, from when it was last heard. Pure: no clock, no sockets."""

from __future__ import annotations

from enum import Enum
from typing import Final


class Life(Enum):
    """What the silence of a peer means. SHAKY: it may pass. GONE: it will not."""

    WELL = "well"
    SHAKY = "shaky"
    GONE = "gone"


class SignsOfLife:
    """When the peer was last heard. Belongs to one connection.

    shaky_after, gone_after: seconds without any authentic packet.
    """

    def __init__(self, now: float, *, shaky_after: float, gone_after: float) -> None:
        self.heard_at = now
        self._shaky_after: Final = shaky_after
        self._gone_after: Final = gone_after
        self.life = Life.WELL

    @property
    def gone_at(self) -> float:
        """When the peer is taken for gone, unless it is heard before."""
        return self.heard_at + self._gone_after

    def heard(self, now: float) -> bool:
        """Something authentic of the peer arrived. True when that ends a shaky phase."""
        self.heard_at = now
        better, self.life = self.life is Life.SHAKY, Life.WELL if self.life is Life.SHAKY else self.life
        return better

    def look(self, now: float) -> bool:
        """Time has passed. True when that begins a shaky phase, or ends the connection; `life` says which."""
        before = self.life
        if now >= self.gone_at:
            self.life = Life.GONE
        elif now - self.heard_at >= self._shaky_after and self.life is Life.WELL:
            self.life = Life.SHAKY
        return self.life is not before
