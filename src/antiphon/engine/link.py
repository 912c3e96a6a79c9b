"""What a call asks of those around it: a way to its peers, and the rules for its caller. Shapes only."""

from __future__ import annotations

from typing import Literal, Protocol

from antiphon.protocol import ClientEvent


class Link(Protocol):
    """How a call reaches a peer. All methods are called on the event loop and return at once.

    max_event_bytes: the largest event that the peer can take, or None. The audio methods are for the caller's own
    media link only.
    """

    @property
    def kind(self) -> Literal["websocket", "webrtc"]: ...
    @property
    def max_event_bytes(self) -> int | None: ...
    def send_event(self, data: str) -> None: ...
    def send_audio(self, pcm: bytes) -> None: ...
    def end_audio(self) -> None: ...
    def flush_audio(self) -> None: ...
    def close(self, code: int, reason: str) -> None: ...


class Policy(Protocol):
    """What the caller of a call may do: asked about each event of the caller's link.

    Further peers are asked nothing, but for those that are given a policy too.
    """

    def admit(self, event: ClientEvent) -> ClientEvent | None:
        """The event as it is to be carried out, or None for not at all. Neither is an error to the caller.

        A `session.update` of which nothing remains is still one: its `session.updated` shows what really applies.
        """
        ...
