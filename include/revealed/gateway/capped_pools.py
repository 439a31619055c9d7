"""Caps in slates that are drawn: the pool holds no more of an author than a slate may, so that no draw exceeds a cap.

A list follows the caps as it stands; drawn in another order, or after something was taken out of it, it need not. To draw
and then mend would make the logged propensities wrong. So the pool itself is capped, before the draw, and the draw stays
what it is, with its exact chances.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

import numpy as np

from revealed.exploration.policy import Exploration
from revealed.publishing.arrangement import NOTHING, CappedGroups, Ints, arrange
from revealed.publishing.item_details import ItemDetails
from revealed.publishing.opened import RankedList
from revealed.publishing.rules import Cap


def under_caps(
    listed: RankedList, items: ItemDetails, caps: Sequence[Cap], k: int, exploration: Exploration
) -> RankedList:
    """Return what a slate of `k` may be drawn from, so that it exceeds no cap whatever the draw.

    Shown in order, the list is arranged as publishing does it. Otherwise at most `most` of a group stay, the best of it;
    where that leaves too few for the slate, others follow at its end, each fixed at its place behind the cap's `within`.

    Args:
        listed: without what must not be shown; pins are at their positions, and count.
        items: say of whom an item is.
        caps: in force.
        k: how many will be shown.
        exploration: how they will be drawn.
    """
    if not caps:
        return listed
    counted = _Counted(caps, listed, items)
    if exploration.policy == "greedy":
        return _arranged(listed, counted, k)
    return _pooled(listed, counted, k, max(exploration.candidates, k))


@dataclass
class _Counted:
    """Caps over the places of one list, and how many of each group are in so far."""

    caps: Sequence[Cap]
    listed: RankedList
    items: ItemDetails
    taken: Counter[tuple[int, str]] = field(default_factory=Counter)

    def group(self, place: int, cap: Cap) -> str | None:
        """Return of whom the item is."""
        return self.items.fields(self.listed.item_ids[place])[cap.field]

    def full(self, place: int) -> Iterable[Cap]:
        """Return the caps that an item would exceed."""
        for number, cap in enumerate(self.caps):
            value = self.group(place, cap)
            if value is not None and self.taken[number, value] >= cap.most:
                yield cap

    def take(self, place: int, position: int = 0) -> None:
        """Count an item, for the caps within which its position is."""
        for number, cap in enumerate(self.caps):
            value = self.group(place, cap)
            if value is not None and position < cap.within:
                self.taken[number, value] += 1


def _pooled(listed: RankedList, counted: _Counted, k: int, enough: int) -> RankedList:
    """Return the pool, the pins, and what is fixed at the end; of a pool that is large enough nothing more."""
    fixed = {position: place for position, place in listed.pinned.items() if position < k}
    for position, place in fixed.items():
        counted.take(place, position)
    pool: list[int] = []
    postponed: list[int] = []
    for place in range(len(listed)):
        if place in fixed.values():
            continue
        if len(pool) == enough:
            break
        if any(counted.full(place)):
            postponed.append(place)
        else:
            counted.take(place)
            pool.append(place)
    tail = _tail(counted, postponed, [n for n in range(k) if n not in fixed][len(pool) :])
    return listed.take(sorted([*pool, *fixed.values(), *tail.values()]), fixed | tail)


def _tail(counted: _Counted, postponed: list[int], positions: list[int]) -> dict[int, int]:
    """Return position to place of what fills the end of a slate for which the pool is too small."""
    found: dict[int, int] = {}
    for position in positions:
        may = (
            place
            for place in postponed
            if place not in found.values() and all(position >= cap.within for cap in counted.full(place))
        )
        place = next(may, None)
        if place is None:
            break
        found[position] = place
        counted.take(place, position)
    return found


def _arranged(listed: RankedList, counted: _Counted, k: int) -> RankedList:
    """Return the list in order, what a cap puts back coming as soon as it may."""
    pinned = {position: place for position, place in listed.pinned.items() if position < k}
    free = [place for place in range(len(listed)) if place not in pinned.values()]
    found = arrange(
        np.array([free], dtype=np.int32).reshape(1, len(free)),
        k,
        [CappedGroups(_numbered(counted, cap), cap.most, cap.within) for cap in counted.caps],
        np.array(list(pinned.values()), dtype=np.int32),
        np.array(list(pinned), dtype=np.int32),
    )
    pins = list(pinned.values())
    order = [
        pins[pin] if pin != NOTHING else free[column]
        for column, pin in zip(found.column[0].tolist(), found.pin[0].tolist(), strict=True)
        if pin != NOTHING or column != NOTHING
    ]
    return listed.take(order, pinned)


def _numbered(counted: _Counted, cap: Cap) -> Ints:
    """Return a number for each item's group, the same for the same; `NOTHING` where it is unknown."""
    numbers: dict[str, int] = {}
    own = (counted.group(place, cap) for place in range(len(counted.listed)))
    found = [NOTHING if value is None else numbers.setdefault(value, len(numbers)) for value in own]
    return np.array(found, dtype=np.int32)
