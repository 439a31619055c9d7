"""Places of a list for items that might be better than what is listed: what is in no list is never explored.

A model ranks what it has met, and content places what resembles it. Exploration draws from the list alone, so that an item
which neither of the two puts there would never be shown to anybody, however good it is. One place in so many is therefore
drawn from the whole catalogue, each item by its *promise*: the probability that people like it more often than what they
like now. Nobody's judgement of a new item is wide, and its promise considerable; that of one which many have passed by is nil.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from revealed.publishing.ruled_lists import MakesLists, Rows
from revealed.publishing.rules import DISCOVERY
from revealed.training.matrix import Ids, Interactions, positions
from revealed.training.protocol import NOTHING
from revealed.training.serving import Served

# As how many people the catalogue's mean counts who have met an item that nobody has met.
_PRIOR_PEOPLE = 2.0
_RATES = (0.01, 0.99)
# Repetitions and what somebody has had fall away.
_DRAWS_A_PLACE = 4
_GOLDEN = np.uint64(0x9E3779B97F4A7C15)

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
    above = betaincc(likes + _PRIOR_PEOPLE * mean, people - likes + _PRIOR_PEOPLE * (1.0 - mean), bar)
    return np.asarray(above, dtype=np.float64)


@dataclass(frozen=True)
class Draws:
    """What is drawn, and where.

    Attributes:
        items: ids of the items that may be shown.
        promise: of each.
        k: how long lists are; no place beyond is drawn.
        every: one place in so many; 2 or more, or 0: none, and nothing is filled.
        seed: of the draws.
    """

    items: Ids
    promise: Floats
    k: int
    every: int
    seed: int

    @classmethod
    def of(cls, data: Interactions, showable: Ids, *, k: int, every: int, seed: int) -> Draws:
        """Return draws by what `data` knows of the items; it need not know all of them."""
        column = positions(showable, data.items)
        met = np.bincount(data.confidence.indices, minlength=len(data.items))
        likes, people = (np.where(column < 0, 0, counts[column]) for counts in (data.likes, met))
        return cls(showable, promise(likes, people), k, every, seed)


def with_discovery(source: MakesLists, draws: Draws, data: Interactions | None = None) -> MakesLists:
    """Return the lists of a source with what is drawn; the source itself where nothing is.

    Args:
        source: whose lists, without pins.
        draws: what is drawn, and where.
        data: whose rows the lists are of: nobody is given what they have had or hidden. Left out: nobody has had anything.
    """
    return DiscoveryLists(source, draws, data) if draws.every and draws.promise.sum() > 0 else source


class DiscoveryLists:
    """Makes the lists of another, with items drawn by their promise: one place in `every`, and those left open at the end.

    The place is in the middle of each `every`. It stays with the source where what was drawn stands above already, or the
    person has had or hidden it. What is drawn for a person and a place depends on nothing else, so that a shorter list is
    the beginning of a longer one. A list of nothing stays one. Made by `with_discovery`.

    Attributes:
        space: ids of all items that can be on a list, ascending.
        names: the sources of a place, `discovery` among them.
    """

    def __init__(self, source: MakesLists, draws: Draws, data: Interactions | None) -> None:
        self._source, self._data, self._k, self._seed = source, data, draws.k, draws.seed
        self.space: Ids = np.unique(np.concatenate([source.space, draws.items]))
        self.names = source.names if DISCOVERY in source.names else (*source.names, DISCOVERY)
        self._code = self.names.index(DISCOVERY)
        self._at = positions(source.space, self.space).astype(np.int32)
        self._column = positions(self.space, data.items if data else np.array([], dtype=object))
        self._places = np.arange(draws.every // 2, draws.k, draws.every)
        self._items = positions(draws.items, self.space).astype(np.int32)
        self._reach = np.cumsum(draws.promise)

    def lists(self, rows: Rows, k: int) -> Served:
        """Return the best `k` for each row."""
        found = self._source.lists(rows, k)
        items = np.where(found.items == NOTHING, NOTHING, self._at[found.items]).astype(np.int32)
        served = Served(items, found.scores, found.source, self.names)
        for place in self._places[self._places < k].tolist():
            drawn = self._drawn(rows, np.array([place]))[:, 0]
            is_open = items[:, place - 1] != NOTHING
            is_open &= ~(items[:, :place] == drawn[:, None]).any(axis=1)
            chosen = np.flatnonzero(is_open)
            chosen = chosen[~self._has_had(rows[chosen], drawn[chosen])]
            self._insert(served, chosen, place, drawn[chosen])
        self._fill(served, rows)
        return served

    def _drawn(self, rows: Rows, numbers: Counts) -> NDArray[np.int32]:
        """Return `[rows, numbers]`: the item of each draw."""
        chance = _uniform(self._seed, rows, numbers)
        at = np.searchsorted(self._reach, chance * self._reach[-1], side="right")
        drawn: NDArray[np.int32] = self._items[np.minimum(at, len(self._items) - 1)]
        return drawn

    def _has_had(self, rows: Rows, items: NDArray[np.int32]) -> NDArray[np.bool_]:
        column = self._column[items]
        had = np.zeros(len(rows), dtype=bool)
        known = np.flatnonzero(column >= 0)
        if self._data is not None and len(known):
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
            (served.source, np.int8(self._code)),
        ):
            moved = np.take_along_axis(target[rows, place:], origin, axis=1)
            moved[:, 0] = value
            target[rows, place:] = moved

    def _fill(self, served: Served, rows: Rows) -> None:
        """Fill the open end of lists that hold something, as far as four draws a place reach."""
        listed = served.items[:, : self._k]
        length = (listed != NOTHING).sum(axis=1)
        short = np.flatnonzero((length > 0) & (length < listed.shape[1]))
        if not len(short):
            return
        drawn = self._drawn(rows[short], self._k + np.arange(_DRAWS_A_PLACE * self._k))
        is_new = _first_of_its_kind(np.concatenate([listed[short], drawn], axis=1))[:, listed.shape[1] :]
        row, draw = np.nonzero(is_new)
        had = self._has_had(rows[short][row], drawn[row, draw])
        row, draw = row[~had], draw[~had]
        place = length[short][row] + np.arange(len(row)) - np.searchsorted(row, row)
        fits = place < listed.shape[1]
        row, draw, place = row[fits], draw[fits], place[fits]
        served.items[short[row], place] = drawn[row, draw]
        served.source[short[row], place] = self._code


def _first_of_its_kind(items: NDArray[np.int32]) -> NDArray[np.bool_]:
    """Return which entries of each row are no repetition of one further left."""
    order = np.argsort(items, axis=1, kind="stable")
    ordered = np.take_along_axis(items, order, axis=1)
    is_first = np.ones(items.shape, dtype=bool)
    np.put_along_axis(is_first, order[:, 1:], ordered[:, 1:] != ordered[:, :-1], axis=1)
    return is_first


def _uniform(seed: int, rows: Rows, numbers: Counts) -> Floats:
    """Return `[rows, numbers]`, uniform on [0, 1): SplitMix64 of (seed, row, number), each its own stream.

    Steele, Lea and Flood, "Fast splittable pseudorandom number generators", OOPSLA 2014.
    """
    with np.errstate(over="ignore"):
        own = _mixed(rows.astype(np.uint64) + _mixed(np.uint64(seed)))
        bits = _mixed(own[:, None] + numbers.astype(np.uint64)[None, :] * _GOLDEN)
    return np.asarray((bits >> np.uint64(11)) * 2.0**-53, dtype=np.float64)


def _mixed(z: NDArray[np.uint64] | np.uint64) -> NDArray[np.uint64]:
    mixed = np.asarray(z, dtype=np.uint64) + _GOLDEN
    mixed = (mixed ^ (mixed >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    mixed = (mixed ^ (mixed >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return np.asarray(mixed ^ (mixed >> np.uint64(31)), dtype=np.uint64)
