"""Lists under the rules: made from further down where caps and pins take places, so that they stay as long."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from revealed.errors import InvalidInputError
from revealed.publishing.arrangement import Arrangement, CappedGroups, arrange
from revealed.publishing.catalogue import Catalogue
from revealed.publishing.rules import PIN, Cap, Pin, Rules
from revealed.training.matrix import Ids, positions
from revealed.training.protocol import NOTHING
from revealed.training.serving import Served

# How much further down than the list's length is looked at first; twice as far where that does not fill it.
_FURTHER = 32

Rows = NDArray[np.int64]


class MakesLists(Protocol):
    """What lists are made from: `training.serving.Server`, or the ranked items of a fallback."""

    space: Ids
    names: tuple[str, ...]

    def lists(self, rows: Rows, k: int) -> Served:
        """Return the best `k` for each row; those of a smaller `k` are their beginning."""


class RuledLists:
    """Makes the lists of another, with caps kept and pins at their places.

    Args:
        source: whose lists; what filters refuse is not in them.
        catalogue: says of whom an item is.
        caps: hold in every list.
        pins: active ones, of items that may be shown.
        has_had: `[rows, pins]`, who has had or hidden a pinned item, and is not shown it; left out: nobody.

    Attributes:
        space: ids of all items that can be on a list: the source's, then pins that it does not know.
        names: the sources of a place; `pin` is the last.
        shortest_cut: the length of the shortest list that a cap cut short although candidates were left; None: there is none.
    """

    def __init__(
        self,
        source: MakesLists,
        catalogue: Catalogue,
        caps: Sequence[Cap],
        pins: Sequence[Pin],
        has_had: Callable[[Rows], NDArray[np.bool_]] | None = None,
    ) -> None:
        self._source, self._has_had = source, has_had
        pinned = np.array([pin.item for pin in pins], dtype=object)
        unknown = pinned[positions(pinned, source.space) < 0] if len(pinned) else pinned
        self.space: Ids = np.concatenate([source.space, unknown])
        self.names = (*source.names, PIN)
        self.shortest_cut: int | None = None
        self._pins = np.array([_place_of(item, self.space) for item in pinned], dtype=np.int32)
        self._places = np.array([pin.position - 1 for pin in pins], dtype=np.int32)
        self._caps = [
            CappedGroups(catalogue.groups(self.space, cap.field), cap.most, cap.within) for cap in caps
        ]
        self._refuse_impossible(caps, pins)

    def lists(self, rows: Rows, k: int) -> Served:
        """Return the list of each row, `k` long where the source and the caps allow it."""
        if not self._caps and not len(self._pins):
            found = self._source.lists(rows, k)
            return Served(found.items, found.scores, found.source, self.names)
        return self._lists(rows, k, k + _FURTHER)

    def _lists(self, rows: Rows, k: int, depth: int) -> Served:
        found = self._source.lists(rows, depth)
        arranged = arrange(found.items, k, self._caps, self._pins, self._places, self._shown(rows, found))
        served = self._served(found, arranged)
        has_more = found.items[:, -1] != NOTHING
        short = np.flatnonzero(arranged.is_short & has_more)
        if len(short):
            deeper = self._lists(rows[short], k, 2 * depth)
            served.items[short], served.scores[short] = deeper.items, deeper.scores
            served.source[short] = deeper.source
        self._note_cuts(served, arranged.is_cut & ~has_more)
        return served

    def _shown(self, rows: Rows, found: Served) -> NDArray[np.bool_]:
        """Return whose lists show which pin: everybody's who has a list, and has not had the item."""
        shown = np.repeat((found.items != NOTHING).any(axis=1)[:, None], len(self._pins), axis=1)
        return shown if self._has_had is None else shown & ~self._has_had(rows)

    def _served(self, found: Served, arranged: Arrangement) -> Served:
        served = Served.empty(len(found.items), arranged.column.shape[1], self.names)
        for target, values in (
            (served.items, found.items),
            (served.scores, found.scores),
            (served.source, found.source),
        ):
            at = arranged.column != NOTHING
            target[at] = np.take_along_axis(values, arranged.column.clip(0), axis=1)[at]
        pinned = arranged.pin != NOTHING
        served.items[pinned] = self._pins[arranged.pin[pinned]]
        served.source[pinned] = len(self.names) - 1
        return served

    def _note_cuts(self, served: Served, is_cut: NDArray[np.bool_]) -> None:
        """Remember the shortest list that ended although the source knew more for it."""
        if is_cut.any():
            shortest = int((served.items[is_cut] != NOTHING).sum(axis=1).min())
            self.shortest_cut = shortest if self.shortest_cut is None else min(self.shortest_cut, shortest)

    def _refuse_impossible(self, caps: Sequence[Cap], pins: Sequence[Pin]) -> None:
        for cap, counted in zip(caps, self._caps, strict=True):
            groups = counted.of(self._pins)[self._places < cap.within]
            groups = groups[groups != NOTHING]
            if len(groups) and np.bincount(groups).max() > cap.most:
                raise InvalidInputError(
                    f"the pins {', '.join(pin.item for pin in pins)} alone put more than {cap.most} of one {cap.field}"
                    f" within the first {cap.within} places",
                    where="rules.toml",
                    remedy="pin fewer, or raise the cap",
                )


def showable(
    pins: Sequence[Pin], catalogue: Catalogue, rules: Rules, surface: str | None = None
) -> tuple[Pin, ...]:
    """Return the pins whose item exists, is available, and passes the filters; the others are left out."""
    return tuple(
        pin
        for pin in pins
        if catalogue.may_show(pin.item) and rules.allows(catalogue.fields_of(pin.item), surface)
    )


def _place_of(item: str, space: Ids) -> int:
    """Return where the item is; the space is ascending but for the pins at its end."""
    return int(np.flatnonzero(space == item)[0])
