"""Places of a list for items that might be better than what is listed: what is in no list is never explored.

A model ranks what it has met, and content places what resembles it. Exploration draws from the list alone, so that an item
which neither of the two puts there would never be shown to anybody, however good it is. One place in so many is therefore
drawn from the whole catalogue, each item by its *promise*: the probability that people like it more often than what they
like now. Nobody's judgement of a new item is wide, and its promise considerable; that of one which many have passed by is nil.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from revealed.publishing.ruled_lists import MakesLists, Rows
from revealed.training.matrix import Ids, Interactions, positions
from revealed.training.protocol import NOTHING
from revealed.training.serving import Served

# The source of a place that was drawn.
DISCOVERY = "discovery"
# As how many people the catalogue's mean counts who have met an item that nobody has met.
_PRIOR_PEOPLE = 2.0
_RATES = (0.01, 0.99)

Floats = NDArray[np.float64]
Counts = NDArray[np.int64]


def promise(likes: Counts, people: Counts) -> Floats:
    """Return, for each item, the probability that its like rate is above the one that a like comes from on average.

    The rate's posterior is Beta(likes + 2 m, people - likes + 2 (1 - m)), m the like rate of all items together. The bar is
    the mean of the items' rates, each weighted by its likes. This is the probability of improvement (Kushner, J. Basic Eng.
    1964) of a Bernoulli arm; drawing by it spends showings where they may still change something.

    Args:
        likes: `[items]`, how many people like each.
        people: `[items]`, how many have liked it or passed it by.
    """
    from scipy.special import betaincc

    everybody = max(float(people.sum()), 1.0)
    mean = float(np.clip(likes.sum() / everybody, *_RATES))
    rates = np.divide(likes, people, out=np.zeros(len(likes)), where=people > 0)
    bar = float(np.clip((likes * rates).sum() / max(float(likes.sum()), 1.0), mean, _RATES[1]))
    found: Floats = betaincc(likes + _PRIOR_PEOPLE * mean, people - likes + _PRIOR_PEOPLE * (1.0 - mean), bar)
    return found


class DiscoveryLists:
    """Makes the lists of another, with one place in `every` for an item drawn by its promise.

    The place is in the middle of each `every`. It stays with the source where what was drawn stands above already, or the
    person has had or hidden it. The draws are made once, so that a person's shorter list is the beginning of the longer one.

    Args:
        source: whose lists, without pins.
        data: whose rows the lists are of.
        showable: ids of the items that may be shown.
        k: how long lists are; no place beyond is drawn.
        every: one place in so many; 2 or more.
        rng: of the draws.

    Attributes:
        space: ids of all items that can be on a list, ascending.
        names: the sources of a place; `discovery` is the last.
    """

    def __init__(
        self,
        source: MakesLists,
        data: Interactions,
        showable: Ids,
        *,
        k: int,
        every: int,
        rng: np.random.Generator,
    ) -> None:
        self._source, self._data = source, data
        self.space: Ids = np.unique(np.concatenate([source.space, showable]))
        self.names = (*source.names, DISCOVERY)
        self._at = positions(source.space, self.space).astype(np.int32)
        self._column = positions(self.space, data.items)
        self._places = np.arange(every // 2, k, every)
        self._drawn = self._draw(positions(showable, self.space), rng)

    def lists(self, rows: Rows, k: int) -> Served:
        """Return the best `k` for each row."""
        found = self._source.lists(rows, k)
        items = np.where(found.items == NOTHING, NOTHING, self._at[found.items]).astype(np.int32)
        served = Served(items, found.scores, found.source, self.names)
        for number, place in enumerate(self._places[self._places < k].tolist()):
            drawn = self._drawn[rows, number]
            is_open = (items[:, place - 1] != NOTHING) & (drawn != NOTHING)
            is_open &= ~(items[:, :place] == drawn[:, None]).any(axis=1)
            chosen = np.flatnonzero(is_open)
            chosen = chosen[~self._has_had(rows[chosen], drawn[chosen])]
            self._insert(served, chosen, place, drawn[chosen])
        return served

    def _draw(self, showable: Counts, rng: np.random.Generator) -> NDArray[np.int32]:
        """Return `[rows, places]`: items by number; `NOTHING` where no item has any promise."""
        shape = (len(self._data.users), len(self._places))
        column = self._column[showable]
        likes, people = (
            np.where(column < 0, 0, counts[column])
            for counts in (
                self._data.likes,
                np.bincount(self._data.confidence.indices, minlength=len(self._data.items)),
            )
        )
        reach = np.cumsum(promise(likes, people))
        if not len(reach) or reach[-1] <= 0:
            return np.full(shape, NOTHING, dtype=np.int32)
        at = np.searchsorted(reach, rng.random(shape, dtype=np.float32) * reach[-1], side="right")
        return showable[np.minimum(at, len(showable) - 1)].astype(np.int32)

    def _has_had(self, rows: Rows, items: NDArray[np.int32]) -> NDArray[np.bool_]:
        column = self._column[items]
        had = np.zeros(len(rows), dtype=bool)
        known = np.flatnonzero(column >= 0)
        if len(known):
            had[known] = np.asarray(self._data.seen[rows[known], column[known]]).ravel() > 0
        return had

    def _insert(self, served: Served, rows: Rows, place: int, items: NDArray[np.int32]) -> None:
        """Put items at a place; the others move down, over where the item stood, or off the list's end."""
        tail = served.items[rows, place:]
        width = tail.shape[1]
        stands = tail == items[:, None]
        last = np.where(stands.any(axis=1), stands.argmax(axis=1), width - 1)
        column = np.arange(width)
        origin = np.where(column <= last[:, None], np.maximum(column - 1, 0), column)
        for target, value in (
            (served.items, items),
            (served.scores, np.float32(0.0)),
            (served.source, np.int8(len(self.names) - 1)),
        ):
            moved = np.take_along_axis(target[rows, place:], origin, axis=1)
            moved[:, 0] = value
            target[rows, place:] = moved
