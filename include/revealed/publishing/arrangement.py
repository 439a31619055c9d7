"""Put candidates into the places of a list under caps and pins. Pure NumPy, many lists at once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

# No item: `training.protocol.NOTHING`, whose package loads all that computes, which a gateway's start must not wait for.
NOTHING = -1
Ints = NDArray[np.int32]
Flags = NDArray[np.bool_]


@dataclass(frozen=True)
class CappedGroups:
    """A cap over numbered items: at most `most` of one group within the first `within` places.

    `groups` holds each item's group by the item's number; `NOTHING` for an item that belongs to none and is never capped.
    """

    groups: Ints
    most: int
    within: int

    def of(self, items: Ints) -> Ints:
        """Return the groups of items, `NOTHING` where there is no item."""
        return np.where(items == NOTHING, NOTHING, self.groups[items]).astype(np.int32)


@dataclass(frozen=True)
class Arrangement:
    """Where each place of some lists comes from.

    Attributes:
        column: `[lists, k]`, the candidate's column; `NOTHING` for a pin, and where the list has ended.
        pin: `[lists, k]`, which of the pins it is; `NOTHING` elsewhere.
        is_short: which lists ended before `k`, so that candidates from further down might have filled them.
        is_cut: which of these ended although they had candidates left, none of which a cap allowed.
    """

    column: Ints
    pin: Ints
    is_short: Flags
    is_cut: Flags


def arrange(
    candidates: Ints,
    k: int,
    caps: Sequence[CappedGroups] = (),
    pins: Ints | None = None,
    places: Ints | None = None,
    shown: Flags | None = None,
) -> Arrangement:
    """Return lists of `k` places: pins at theirs, and in each other place the best candidate that no cap forbids there.

    No cap is ever exceeded, and candidates otherwise keep their order; one that a cap put back comes as soon as it may.
    A list ends where no candidate is left that may follow: neither a cap nor a pin's place gives way.

    Args:
        candidates: `[lists, depth]`, items by number, best first, each once; `NOTHING` where a list has no more.
        k: how many places.
        caps: over the items' numbers. Pins count towards them.
        pins: items by number.
        places: the place of each pin, from 0.
        shown: `[lists, pins]`, whose lists a pin is in; left out, everybody's.
    """
    lists = len(candidates)
    pins = np.empty(0, dtype=np.int32) if pins is None else pins
    places = np.empty(0, dtype=np.int32) if places is None else places
    shown = np.ones((lists, len(pins)), dtype=bool) if shown is None else shown
    filling = _Filling(candidates, k, caps, pins, places, shown)
    for place in range(k):
        filling.fill(place)
    return Arrangement(filling.column, filling.pin, filling.has_ended, filling.has_ended & filling.has_left)


class _Filling:
    """Lists that are being filled, all of them place by place."""

    def __init__(
        self, candidates: Ints, k: int, caps: Sequence[CappedGroups], pins: Ints, places: Ints, shown: Flags
    ) -> None:
        self.column = np.full((len(candidates), k), NOTHING, dtype=np.int32)
        self.pin = self.column.copy()
        self.has_ended = np.zeros(len(candidates), dtype=bool)
        self._pins, self._shown = pins, shown
        self._pin_at = {int(place): number for number, place in enumerate(places) if place < k}
        self._left = (candidates != NOTHING) & ~_pinned(candidates, pins, shown)
        self._caps = [
            _Counting(cap, candidates, pins[places < cap.within], shown[:, places < cap.within])
            for cap in caps
        ]

    @property
    def has_left(self) -> Flags:
        """Which lists have candidates that no place holds."""
        return np.asarray(self._left.any(axis=1))

    def fill(self, place: int) -> None:
        """Fill one place of every list that has not ended."""
        number = self._pin_at.get(place)
        is_pinned = np.zeros(len(self.column), dtype=bool) if number is None else self._shown[:, number]
        is_pinned = is_pinned & ~self.has_ended
        self.pin[is_pinned, place] = NOTHING if number is None else number
        allowed = self._left.copy()
        for cap in self._caps:
            if place < cap.within:
                allowed &= cap.has_room
        rows = np.flatnonzero(~is_pinned & ~self.has_ended)
        best = allowed[rows].argmax(axis=1)
        found = allowed[rows, best]
        self.has_ended[rows[~found]] = True
        self._take(rows[found], best[found], place)

    def _take(self, rows: NDArray[np.int64], columns: NDArray[np.int64], place: int) -> None:
        self.column[rows, place] = columns
        self._left[rows, columns] = False
        for cap in self._caps:
            if place < cap.within:
                cap.count(rows, columns)


class _Counting:
    """How often the group of each candidate has been used in its list; pins are counted before anything else."""

    def __init__(self, cap: CappedGroups, candidates: Ints, pins: Ints, shown: Flags) -> None:
        self.within, self._most = cap.within, cap.most
        self._groups = cap.of(candidates)
        self._used = np.zeros(candidates.shape, dtype=np.int32)
        for number, group in enumerate(cap.of(pins)):
            self._used += shown[:, number, None] & (self._groups == group)

    @property
    def has_room(self) -> Flags:
        """Which candidates their group's cap still allows."""
        return np.asarray((self._groups == NOTHING) | (self._used < self._most))

    def count(self, rows: NDArray[np.int64], columns: NDArray[np.int64]) -> None:
        """Note that these candidates have been placed."""
        self._used[rows] += self._groups[rows] == self._groups[rows, columns][:, None]


def _pinned(candidates: Ints, pins: Ints, shown: Flags) -> Flags:
    """Return which candidates are in their list as a pin already."""
    found = np.zeros(candidates.shape, dtype=bool)
    for number, item in enumerate(pins):
        found |= shown[:, number, None] & (candidates == item)
    return found
