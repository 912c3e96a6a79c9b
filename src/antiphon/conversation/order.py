"""The order of a conversation, from what each item is said to stand after. Pure. Not here: what an item is.

An item stands after the one that the server named, whenever either of them arrives; until it is named, after the last
one that was there when it came. Of two items put after the same one, the later was put in between. What a new session
holds stands after all that the sessions before it held: "the first", or "after" one of theirs, means after them.
"""

from __future__ import annotations

from dataclasses import dataclass

from msgspec import UNSET

from antiphon.conversation.events import Previous


@dataclass(slots=True)
class _Placed:
    """previous: as named. anchor: what it stands after until that is here. root: what its session's first is after."""

    previous: Previous
    anchor: str | None
    root: str | None
    arrival: int
    session: int


class Order:
    """Item ids in the order of the conversation. `ids` is the order; its owner alone writes."""

    def __init__(self) -> None:
        self.ids: list[str] = []
        self._placed: dict[str, _Placed] = {}
        self._awaited: dict[str, int] = {}
        self._root: str | None = None
        self._session = 0
        self._arrivals = 0

    def __contains__(self, item_id: str) -> bool:
        return item_id in self._placed

    def begin_session(self) -> None:
        """From here, what is named is of a new session."""
        self._session += 1
        if self._session > 1 and self.ids:
            # What was not named yet may have been said while there was no session: it belongs to this one.
            named = (item_id for item_id in reversed(self.ids) if self._placed[item_id].previous is not UNSET)
            self._root = next(named, self.ids[-1])

    def place(self, item_id: str, previous: Previous = UNSET) -> bool:
        """Puts an item where it belongs, or moves it there; UNSET leaves a known one. True if the order changed."""
        placed = self._placed.get(item_id)
        if placed is not None:
            if previous is UNSET or previous == placed.previous:
                return False
            stood_after, session = self._stands_after(item_id, placed), placed.session
            if placed.previous is UNSET:
                placed.session, placed.root = self._session, self._root
            self._await(placed.previous, -1)
            placed.previous = previous
            self._await(previous, 1)
            if placed.session == session and self._stands_after(item_id, placed) == stood_after:
                return False  # named is where it stood already, as nearly always: a long talk is not sorted anew
            return self._sort()
        anchor = self.ids[-1] if self.ids else None
        placed = _Placed(previous, anchor, self._root, self._arrivals, self._session)
        self._arrivals += 1
        self._placed[item_id] = placed
        self._await(previous, 1)
        if item_id not in self._awaited and self._stands_after(item_id, placed) == anchor:
            self.ids.append(item_id)
            return True
        self._sort()
        return True

    def rename(self, old: str, new: str) -> None:
        """An item that was there before its id was known gets it."""
        if old not in self._placed or new in self._placed:
            return
        self._placed = {new if one == old else one: placed for one, placed in self._placed.items()}
        self.ids[self.ids.index(old)] = new
        for placed in self._placed.values():
            placed.anchor = new if placed.anchor == old else placed.anchor
            placed.root = new if placed.root == old else placed.root
        self._root = new if self._root == old else self._root
        if new in self._awaited:
            self._sort()

    def remove(self, item_id: str) -> None:
        """Forgets one item; those that stood after it stay where they are."""
        at = self.ids.index(item_id)
        self.ids.pop(at)
        placed = self._placed.pop(item_id)
        self._await(placed.previous, -1)
        before = self.ids[at - 1] if at > 0 else None
        for other in self._placed.values():
            # What named it awaits it no longer: it stands where it stands until it is named anew.
            if other.previous == item_id or (other.previous is UNSET and other.anchor == item_id):
                self._await(other.previous, -1)
                other.previous = before
                self._await(before, 1)
            if other.anchor == item_id:
                other.anchor = before
            if other.root == item_id:
                other.root = before
        if self._root == item_id:
            self._root = before

    def drop_oldest(self, count: int) -> list[str]:
        """Forgets the first items; the others stay as they stand."""
        gone, self.ids = self.ids[:count], self.ids[count:]
        for item_id in gone:
            self._await(self._placed.pop(item_id).previous, -1)
        if self._root in gone:
            self._root = None
        before: str | None = None
        for item_id in self.ids:
            placed = self._placed[item_id]
            if not (isinstance(placed.previous, str) and placed.previous not in self._placed):
                # Where it stands is settled; what it hung on may be gone.
                self._await(placed.previous, -1)
                placed.previous = before
                self._await(before, 1)
            placed.anchor, placed.root, placed.session = before, None, self._session
            before = item_id
        return gone

    def _await(self, previous: Previous, change: int) -> None:
        """Counts how many items name a predecessor: one that nobody named is simply appended."""
        if isinstance(previous, str):
            count = self._awaited.get(previous, 0) + change
            if count > 0:
                self._awaited[previous] = count
            else:
                self._awaited.pop(previous, None)

    def _stands_after(self, item_id: str, placed: _Placed) -> str | None:
        previous = placed.previous
        if previous is None:
            return placed.root if placed.root in self._placed and placed.root != item_id else None
        before = self._placed.get(previous) if isinstance(previous, str) and previous != item_id else None
        if before is not None:
            is_of_earlier = before.session < placed.session and placed.root in self._placed and placed.root != item_id
            return placed.root if is_of_earlier else str(previous)
        return placed.anchor if placed.anchor in self._placed else None

    def _sort(self) -> bool:
        """Depth first through "stands after". True if the order changed."""
        followers: dict[str | None, list[tuple[int, str]]] = {}
        for item_id, placed in self._placed.items():
            followers.setdefault(self._stands_after(item_id, placed), []).append((placed.arrival, item_id))
        order: dict[str, None] = {}
        _walk([item_id for _, item_id in sorted(followers.get(None, ()))], followers, order)
        if len(order) < len(self._placed):
            # A ring of predecessors must not make words vanish: it begins where nobody named one, or anywhere.
            left = [item_id for item_id in self._placed if item_id not in order]
            for item_id in sorted(left, key=lambda one: self._placed[one].previous is not UNSET):
                _walk([item_id], followers, order)
        ids = list(order)
        changed = ids != self.ids
        self.ids = ids
        return changed


def _walk(ahead: list[str], followers: dict[str | None, list[tuple[int, str]]], order: dict[str, None]) -> None:
    """Depth first from the last of `ahead`, through what follows each, into `order`."""
    while ahead:
        item_id = ahead.pop()
        if item_id not in order:
            order[item_id] = None
            ahead += [follower for _, follower in sorted(followers.get(item_id, ()))]
