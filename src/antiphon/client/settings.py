"""How patient and how large a client is. Data, and nothing else."""

from __future__ import annotations

from dataclasses import dataclass, field

from antiphon.client.attaching import Patience
from antiphon.client.waiting import SlowConsumer


@dataclass(frozen=True, slots=True, kw_only=True)
class ClientSettings:
    """Times in seconds.

    answer_timeout_s: for `session.created` and `session.updated`. attach: how long a call that was just made is looked
    for. reattach: how long a lost sideband is tried again; None for not at all. max_events: how many events wait to be
    read, 0 for none; slow_consumer: what happens when they are more. max_unsent_bytes: what waits to be sent; `send`
    then waits for room. max_responses: how many finished responses wait to be read by `response`, the oldest give way.
    """

    connect_timeout_s: float = 10.0
    answer_timeout_s: float = 10.0
    close_timeout_s: float = 5.0
    attach: Patience = field(default_factory=lambda: Patience(within_s=6.0))
    reattach: Patience | None = field(default_factory=lambda: Patience(within_s=30.0))
    max_events: int = 1024
    slow_consumer: SlowConsumer = SlowConsumer.DROP_OLDEST
    max_unsent_bytes: int = 32 * 1024 * 1024
    max_responses: int = 64
