"""How patient and how large a client is. Data, and nothing else."""

from __future__ import annotations

from dataclasses import dataclass, field

from antiphon.client.attaching import Patience
from antiphon.client.continuity import RolloverSettings
from antiphon.client.waiting import SlowConsumer


@dataclass(frozen=True, slots=True, kw_only=True)
class ClientSettings:
    """Times in seconds.

    answer_timeout_s: for `session.created` and `session.updated`. attach: how long a call that was just made is looked
    for. reattach: how long a lost sideband is tried again; None for not at all.

    A caller's own call: connect: how long a server is asked again that says "later" (429, 5xx) to the first connection.
    reconnect: how long a lost connection is made anew; None for not at all. shaky_grace_s: how long the path may be
    in trouble before the connection is given up for another one. rollover: when a new session is begun before the
    server's cap; None for never. session_cap_s: that cap, where the server does not tell it or a smaller one is wanted.
    path_check_s: how often a WebSocket is asked for a sign of life, and how long it may take; None for never.

    max_events: how many events wait to be
    read, 0 for none; slow_consumer: what happens when they are more. max_unsent_bytes: what waits to be sent; `send`
    then waits for room. max_responses: how many finished responses wait to be read by `response`, the oldest give way.
    """

    connect_timeout_s: float = 10.0
    answer_timeout_s: float = 10.0
    close_timeout_s: float = 5.0
    attach: Patience = field(default_factory=lambda: Patience(within_s=6.0))
    reattach: Patience | None = field(default_factory=lambda: Patience(within_s=30.0))
    connect: Patience | None = field(default_factory=lambda: Patience(within_s=10.0, first_wait_s=0.5, jitter=0.5))
    reconnect: Patience | None = field(
        default_factory=lambda: Patience(within_s=60.0, first_wait_s=0.25, last_wait_s=8.0, jitter=0.5)
    )
    shaky_grace_s: float = 5.0
    rollover: RolloverSettings | None = field(default_factory=RolloverSettings)
    session_cap_s: float | None = None
    path_check_s: float | None = 5.0
    ping_interval_s: float = 20.0
    ping_timeout_s: float = 20.0
    max_events: int = 1024
    slow_consumer: SlowConsumer = SlowConsumer.DROP_OLDEST
    max_unsent_bytes: int = 32 * 1024 * 1024
    max_responses: int = 64
