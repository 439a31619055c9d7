"""The originals by every key under which a reversal may look for them, the most recent standing one first."""

from __future__ import annotations

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterable, Iterator

from revealed.feedback.reversals.statements import Original, Reversal

_ANY = "any"
_Key = tuple[str | None, ...]


class Stack:
    """Originals under one key, in the order in which they happened."""

    def __init__(self) -> None:
        self._originals: list[Original] = []
        self._moments: list[int] = []
        self._below: list[int] = []

    def push(self, original: Original) -> None:
        """Put an original on top; it must not have happened before the one below it."""
        self._below.append(len(self._originals) - 1)
        self._originals.append(original)
        self._moments.append(original.at_us)

    def standing(self, until_us: int) -> Iterator[Original]:
        """Yield what still stands of the originals up to a moment (included), the latest first."""
        index = self._standing_at(bisect_right(self._moments, until_us) - 1)
        while index >= 0:
            yield self._originals[index]
            index = self._standing_at(index - 1)

    def _standing_at(self, index: int) -> int:
        """The highest index up to `index` that is not spent, -1 if none; spent ones are skipped only once each."""
        passed = []
        while index >= 0 and self._originals[index].is_spent:
            passed.append(index)
            index = self._below[index]
        for spent in passed:
            self._below[spent] = index
        return index


class Book:
    """The originals that some reversal may look for, under its event id, its order or its actor and item."""

    def __init__(self, originals: Iterable[Original], reversals: Iterable[Reversal]) -> None:
        # Most events are asked for under one key only: laying them out under all would cost several times as much.
        wanted = {key for reversal in reversals for key in _wanted(reversal)}
        stacks: defaultdict[_Key, Stack] = defaultdict(Stack)
        for original in originals:
            for key in _keys(original):
                if key in wanted:
                    stacks[key].push(original)
        self._stacks = dict(stacks)

    def evidence(self, reversal: Reversal) -> str:
        """Return the strongest evidence that leads somewhere: 'event_id', 'order_id', 'user_item' or 'none'."""
        if reversal.names and _named(reversal) in self._stacks:
            return "event_id"
        if reversal.order and _ordered(reversal, None) in self._stacks:
            return "order_id"
        # A name that nobody knows is not the name of something else: no guess replaces it.
        return "user_item" if reversal.item and not reversal.names else "none"

    def stack(self, reversal: Reversal, evidence: str) -> Stack:
        """Return the originals that a reversal may take from, by its evidence."""
        keys = {
            "event_id": _named(reversal),
            "order_id": _ordered(reversal, reversal.item),
            # An original of another order is not meant; one without an order may be.
            "user_item": _on_item(reversal, "none" if reversal.order else "all"),
        }
        return self._stacks.get(keys[evidence]) or Stack()


def _named(reversal: Reversal) -> _Key:
    return ("event", reversal.owner, reversal.names)


def _ordered(reversal: Reversal, item: str | None) -> _Key:
    return ("order", reversal.owner, reversal.order, item, reversal.reversal_of)


def _on_item(reversal: Reversal, orders: str) -> _Key:
    return ("item", reversal.owner, reversal.item, reversal.reversal_of, orders)


def _wanted(reversal: Reversal) -> Iterator[_Key]:
    if reversal.names:
        yield _named(reversal)
    if reversal.order:
        yield _ordered(reversal, None)
        yield _ordered(reversal, reversal.item)
    if reversal.item and not reversal.names:
        yield _on_item(reversal, "none" if reversal.order else "all")


def _keys(original: Original) -> Iterator[_Key]:
    yield ("event", original.actor, original.event_id)
    # "Any" means what the person said, not a heartbeat or a scroll.
    for kind in (original.event_type, _ANY) if original.is_statement else (original.event_type,):
        if original.order:
            yield ("order", original.actor, original.order, None, kind)
            if original.item:
                yield ("order", original.actor, original.order, original.item, kind)
        if original.item:
            yield ("item", original.actor, original.item, kind, "all")
            if not original.order:
                yield ("item", original.actor, original.item, kind, "none")
