"""Responses that are wanted, before and after they were asked for. Data of the sequencer, and nothing else."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum

from msgspec import UNSET

from antiphon.protocol import ErrorDetail, FunctionCallOutput, Item, ResponseParams


class Purpose(Enum):
    """Why a response is wanted.

    CONTINUE: the model is to go on with what was put into the conversation; several are one. ASKED: the app wants this
    very response. PASSING: a filler, now or never. RAW: the app sent the create by itself; it is only watched.
    """

    CONTINUE = "continue"
    ASKED = "asked"
    PASSING = "passing"
    RAW = "raw"


@dataclass(slots=True)
class Wanted:
    """One wish. unseen: keys of items that the answer must know and the server has not confirmed yet.

    seen_by: the response that began when the server had confirmed all of them. absorbed: a CONTINUE that this one
    makes needless, unless it is refused.
    """

    purpose: Purpose
    params: ResponseParams | None = None
    unseen: set[str] = field(default_factory=set)
    seen_by: str | None = None
    refusals: int = 0
    unanswered: int = 0
    absorbed: Wanted | None = None

    @property
    def continues(self) -> bool:
        """Whether its response answers what is in the conversation, and not words of its own."""
        return self.purpose is Purpose.CONTINUE or (self.purpose is Purpose.ASKED and self.params is None)

    @property
    def awaits_confirmation(self) -> bool:
        """Whether the server has not confirmed all that the answer must know."""
        return bool(self.unseen) or (self.absorbed is not None and bool(self.absorbed.unseen))


@dataclass(slots=True)
class Asked:
    """A wish whose create was sent. deadline: when the server must have said something to it.

    doubt: a refusal that names no event, so that it may be of this one.
    """

    event_id: str
    wanted: Wanted
    deadline: float
    doubt: ErrorDetail | None = None


def item_key(item: Item) -> str:
    """What an item that we send is recognised by when the server confirms it: not every server keeps our ids."""
    if isinstance(item, FunctionCallOutput):
        return item.call_id
    return item.id if item.id is not UNSET else ""
