"""What a connection asks of the call that owns it, and of whoever makes the next transport. Types, and nothing else."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol

from antiphon.client.continuity import LineState
from antiphon.client.errors import ClientError, ClosedError
from antiphon.client.transport import Transport
from antiphon.protocol import ClientEvent, Item

Another = Callable[[], Transport]
"""Makes a transport for one more call, not connected yet."""


class CallOwner(Protocol):
    """Who owns a connection and is told what happens to it. All of it returns at once."""

    def on_data(self, data: str | bytes) -> None:
        """This came."""

    def on_lost(self) -> None:
        """The connection is gone, or is about to give way to another one: what was under way on it is, too."""

    def on_reattached(self) -> None:
        """The same call is there again (a sideband)."""

    def on_waiting(self, attempt: int, wait_s: float, why: ClientError) -> None:
        """Another connection is tried in so many seconds."""

    def on_switched(self, transport: Transport) -> None:
        """From now on this is the connection; its session is a new one. What it said so far comes by `on_data` next."""

    def on_renewed(self, replayed: int) -> None:
        """The new session knows what was said: so many items."""

    def on_line(self, state: LineState) -> None:
        """How the connection stands."""

    def on_not_sent(self, event: ClientEvent, why: str) -> None:
        """This of the app's never went out, or nobody knows whether it arrived, and it will not be tried again."""

    def on_closed(self, error: ClosedError) -> None:
        """There will be no more."""

    def past(self, open_outputs: set[str]) -> Sequence[Item]:
        """What was said, for a new session. open_outputs: calls that are not answered there, but will be."""
        ...

    def quiet(self) -> bool:
        """Whether nobody speaks and no tool runs."""
        ...
