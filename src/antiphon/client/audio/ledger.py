"""Whose sound the played samples were: how many milliseconds of an item were really heard. Pure; no device, no clock.

The sink only counts samples. Here is written down which of them belong to which item, so that a barge-in can truncate
the item at what was heard (protocol: `conversation.item.truncate`). What is told is never more than was written.
"""

from __future__ import annotations

from collections import OrderedDict, deque
from dataclasses import dataclass
from typing import Final

from antiphon.audio import PCM_RATE

MOST_ITEMS: Final = 64
"""So many items are remembered; of older ones nothing is known any more."""


@dataclass(frozen=True, slots=True)
class Heard:
    """How much of one content part was heard. ms: rounded down, so that it never exceeds what was received."""

    item_id: str
    content_index: int
    samples: int
    received_samples: int

    @property
    def ms(self) -> int:
        return self.samples * 1000 // PCM_RATE

    @property
    def complete(self) -> bool:
        """Whether all that was received of it was heard."""
        return self.samples == self.received_samples


@dataclass(slots=True)
class _Part:
    item_id: str
    content_index: int
    received: int = 0
    heard: int = 0


@dataclass(slots=True)
class _Stretch:
    """Samples of one part that follow each other at the sink and are still to be heard."""

    part: _Part
    samples: int


class PlaybackLedger:
    """Which samples of one sink belong to which item. One writer: whoever writes to the sink.

    After `sink.write(pcm)` call `wrote`; after `sink.flush()` call `flushed`; whenever the position matters, `update`
    with `sink.played_samples`. The sink must be new, or `start` its `played_samples` with nothing pending.
    """

    def __init__(self, start: int = 0) -> None:
        self._played = start
        self._ahead: deque[_Stretch] = deque()
        self._parts: OrderedDict[tuple[str, int], _Part] = OrderedDict()

    def wrote(self, item_id: str, accepted: int, *, content_index: int = 0, received: int | None = None) -> None:
        """The sink accepted so many samples of that content part. received: how many came, where some were refused."""
        received = accepted if received is None else received
        if not 0 <= accepted <= received:
            raise ValueError(f"{accepted} samples accepted of {received}")
        part = self._part(item_id, content_index)
        part.received += received
        if not accepted:
            return
        if self._ahead and self._ahead[-1].part is part:
            self._ahead[-1].samples += accepted
        else:
            self._ahead.append(_Stretch(part, accepted))

    def update(self, played_samples: int) -> None:
        """The sink has played so many samples since it was made."""
        new = played_samples - self._played
        while new > 0 and self._ahead:
            stretch = self._ahead[0]
            heard = min(new, stretch.samples)
            stretch.part.heard += heard
            stretch.samples -= heard
            new -= heard
            if not stretch.samples:
                self._ahead.popleft()
        self._played = max(self._played, played_samples)

    def flushed(self, played_samples: int, pending_samples: int) -> None:
        """The sink dropped all but these: the newest stretches lose what will never be heard."""
        self.update(played_samples)
        excess = sum(stretch.samples for stretch in self._ahead) - pending_samples
        while excess > 0 and self._ahead:
            stretch = self._ahead[-1]
            lost = min(excess, stretch.samples)
            stretch.samples -= lost
            excess -= lost
            if not stretch.samples:
                self._ahead.pop()

    @property
    def current(self) -> Heard | None:
        """The part that is being heard now; None while nothing is pending."""
        return _heard(self._ahead[0].part) if self._ahead else None

    @property
    def awaited(self) -> list[Heard]:
        """The parts of which something is still to be heard, in the order of playing, each once."""
        return list({id(stretch.part): _heard(stretch.part) for stretch in self._ahead}.values())

    def heard(self, item_id: str, content_index: int = 0) -> Heard | None:
        """How much of that part was heard so far; None for one that was never written, or long ago."""
        part = self._parts.get((item_id, content_index))
        return None if part is None else _heard(part)

    def _part(self, item_id: str, content_index: int) -> _Part:
        key = (item_id, content_index)
        part = self._parts.get(key)
        if part is None:
            part = self._parts[key] = _Part(item_id, content_index)
            while len(self._parts) > MOST_ITEMS:
                self._parts.popitem(last=False)
        return part


def _heard(part: _Part) -> Heard:
    return Heard(part.item_id, part.content_index, part.heard, part.received)
