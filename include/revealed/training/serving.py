"""The lists that people would be shown, by a chain of sources. Evaluated exactly as it is published.

The model comes first, with cold items that content can place; then what is described like a person's likes; then what
most people came to like of late in the person's topics; then what most people like. Each fills what the ones before
left open, and every place of a list says which source filled it.
"""

from __future__ import annotations

from copy import copy
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix

from revealed.errors import NoDataError
from revealed.evaluation.metrics import Csr
from revealed.training.cold_items import ContentMap, WithColdItems, map_content
from revealed.training.content_model import ContentModel, check_taste
from revealed.training.device import Device
from revealed.training.factor_model import FactorModel
from revealed.training.matrix import Ids, Interactions, moved, positions, selection
from revealed.training.popularity import Popularity
from revealed.training.protocol import NOTHING, Ranking, Recommender
from revealed.training.recent_likes import RecentByTopic, RecentLikes

Rows = NDArray[np.int64]
_ROWS_AT_ONCE = 4_096

COLD_ITEM = "cold_item"
# What a place of a list can come from besides the model's own name.
SOURCES = (COLD_ITEM, ContentModel.name, RecentByTopic.name, Popularity.name)


class _Ranks(Protocol):
    """A source of lists: the part of a recommender that serving needs."""

    items: Ids

    def recommend(
        self, confidence: Csr, seen: Csr, k: int, blocked: NDArray[np.bool_] | None = None
    ) -> Ranking: ...


@dataclass(frozen=True)
class Served:
    """One list a row, best first.

    Attributes:
        items: positions in the server's `space` (`NOTHING` where a list is short).
        scores: of the source that filled the place; comparable within a source only.
        source: place in `names` of what filled each place; `NOTHING` where nothing did.
        names: the sources, the model's own name first.
    """

    items: NDArray[np.int32]
    scores: NDArray[np.float32]
    source: NDArray[np.int8]
    names: tuple[str, ...]

    @classmethod
    def empty(cls, rows: int, k: int, names: tuple[str, ...]) -> Served:
        """Return lists of nothing yet."""
        shape = (rows, k)
        items, source = np.full(shape, NOTHING, dtype=np.int32), np.full(shape, NOTHING, dtype=np.int8)
        return cls(items, np.zeros(shape, dtype=np.float32), source, names)


class Server:
    """Makes lists for the users of `data`: from a model, and from elsewhere where the model has too little to say.

    With `data.content`, items that the model has never seen are placed by their content where that explains the
    model's factors, and people whose likes the model cannot use are served by content where that tells taste.

    Args:
        model: a fitted recommender; its items may differ from the data's.
        popularity: fitted on the data.
        data: what is known of the users, with or without content.
        unavailable: items that must not be shown.
        recent: likes of late, as known by the data; without, nobody is served by topic.

    Attributes:
        space: ids of all items that can be on a list, in ascending order.
        names: the sources, the model's own name first.
        cold_items: how well content foretells the model's factors, and whether they are used; None where it was not asked.
        taste: how well content tells taste, and whether it serves people; None where it was not asked.
    """

    def __init__(
        self,
        model: Recommender,
        popularity: Popularity,
        data: Interactions,
        unavailable: Ids | None = None,
        *,
        recent: RecentLikes | None = None,
    ) -> None:
        self.model, self.popularity, self._data = model, popularity, data
        self.names = (model.name, *(name for name in SOURCES if name != model.name))
        self.cold_items = _cold_items(model, data)
        self.taste = check_taste(data, data.content) if data.content else None
        self._content = _content_model(model, data, self.taste.crowd if self.taste else 0)
        ranks = self._ranks(recent)
        self.space: Ids = np.unique(np.concatenate([found.items for _, found in ranks]))
        self._blocked = np.zeros(len(self.space), dtype=bool)
        if unavailable is not None and len(unavailable):
            at = positions(unavailable, self.space)
            self._blocked[at[at >= 0]] = True
        self._sources = [
            _Source(found, self.names.index(name), data.items, self.space, self._blocked)
            for name, found in ranks
        ]
        self._is_cold = np.zeros(len(self.space), dtype=bool)
        self._mark_cold_items()

    def without(self, unavailable: Ids) -> Server:
        """Return who makes the same lists without these items; what was learnt is shared."""
        at = positions(unavailable, self.space)
        other = copy(self)
        other._blocked = self._blocked.copy()
        other._blocked[at[at >= 0]] = True
        other._sources = [source.without(other._blocked) for source in self._sources]
        return other

    def lists(self, rows: Rows, k: int) -> Served:
        """Return the best `k` for each of the data's rows."""
        served = Served.empty(len(rows), k, self.names)
        confidence, seen = self._data.confidence[rows], self._data.seen[rows]
        for source in self._sources:
            short = np.flatnonzero((served.items == NOTHING).any(axis=1))
            if not len(short):
                break
            found = source.lists(confidence[short], seen[short], served.items[short])
            _fill(served, short, found, source.codes)
        return served

    def items_for(self, rows: Rows, k: int) -> NDArray[np.int32]:
        """Return the items of `lists` for many rows, made part by part, which bounds the memory."""
        found = np.full((len(rows), k), NOTHING, dtype=np.int32)
        for start in range(0, len(rows), _ROWS_AT_ONCE):
            part = slice(start, start + _ROWS_AT_ONCE)
            found[part] = self.lists(rows[part], k).items
        return found

    def similar(self, k: int) -> Served:
        """Return the `k` items most like each item of the space, unavailable ones left out.

        By the model where it knows both items; `content` says that one of them was placed by its content, or that the
        model knows nothing like the item and the two are described alike. Empty where neither knows anything.
        """
        first = self._sources[0]
        served = Served.empty(len(self.space), k, self.names)
        _fill(served, first.at, first.in_space(self._first.similar(k, self._blocked[first.at])), first.codes)
        if self._content is not None:
            at = positions(self._content.items, self.space)
            lacking = np.flatnonzero((served.items[at] == NOTHING).all(axis=1))
            found = _in_space(self._content.similar_to(lacking, k, self._blocked[at]), at)
            _fill(served, at[lacking], found, np.full(len(self.space), self._by_content, dtype=np.int8))
        placed = self._is_cold[:, None] | self._is_cold[served.items]
        served.source[placed & (served.items != NOTHING)] = self._by_content
        return served

    def is_described(self) -> NDArray[np.bool_]:
        """Return, for each item of the space, whether the catalogue's content says anything of it."""
        content = self._data.content
        if content is None:
            return np.zeros(len(self.space), dtype=bool)
        return np.asarray(positions(self.space, content.items[content.is_described]) >= 0)

    def servable(self) -> NDArray[np.int64]:
        """Return how many liked, available items each of the data's users has not seen: what a list can count on."""
        order = self.popularity.items[self.popularity.order()]
        open_to_all = order[~self._blocked[positions(order, self.space)]]
        at = positions(open_to_all, self._data.items)
        offered = np.zeros(len(self._data.items), dtype=np.float32)
        offered[at[at >= 0]] = 1
        counts: NDArray[np.int64] = len(open_to_all) - (self._data.seen @ offered).astype(np.int64)
        return counts

    @property
    def _by_content(self) -> int:
        return self.names.index(ContentModel.name)

    def _ranks(self, recent: RecentLikes | None) -> list[tuple[str, _Ranks]]:
        """Return the sources in the order in which they are asked."""
        content = self._data.content
        self._first: FactorModel | Recommender = self.model
        if content is not None and self.cold_items is not None and self.cold_items.accepted:
            assert isinstance(self.model, FactorModel)
            self._first = WithColdItems(self.model, content, self.cold_items)
        ranks: list[tuple[str, _Ranks]] = [(self.model.name, self._first)]
        if self._content is not None and self.taste is not None and self.taste.passed:
            ranks.append((ContentModel.name, self._content))
        if content is not None and recent is not None:
            ranks.append((RecentByTopic.name, RecentByTopic(content, recent)))
        return [*ranks, (Popularity.name, self.popularity)]

    def _mark_cold_items(self) -> None:
        """Say which items were placed by content, and keep those from lists that people acted on and nobody likes."""
        if not isinstance(self._first, WithColdItems):
            return
        first, data = self._sources[0], self._data
        cold = first.at[self._first.is_cold]
        self._is_cold[cold] = True
        first.codes[cold] = self.names.index(COLD_ITEM)
        acted_on = np.bincount(data.seen.indices, minlength=len(data.items)) > 0
        rejected = positions(self._first.items, data.items[acted_on & (data.likes == 0)]) >= 0
        first.blocked |= self._first.is_cold & rejected


class _Source:
    """A source of lists over items of its own, read and written in the server's space.

    Attributes:
        at: where each of its items is in the space.
        blocked: which of its items must not be listed.
        codes: for each item of the space, what a list says that it came from.
    """

    def __init__(self, ranks: _Ranks, code: int, known: Ids, space: Ids, blocked: NDArray[np.bool_]) -> None:
        self._ranks = ranks
        self.at = positions(ranks.items, space)
        self.blocked = blocked[self.at]
        self.codes = np.full(len(space), code, dtype=np.int8)
        self._own = selection(known, ranks.items)
        self._place = np.full(len(space), NOTHING, dtype=np.int32)
        self._place[self.at] = np.arange(len(self.at), dtype=np.int32)

    def without(self, blocked: NDArray[np.bool_]) -> _Source:
        """Return the same source, which lists none of what is blocked in the server's space either."""
        other = copy(self)
        other.blocked = self.blocked | blocked[self.at]
        return other

    def lists(self, confidence: Csr, seen: Csr, listed: NDArray[np.int32]) -> Ranking:
        """Return as long lists as `listed` is wide, for rows over the data's items, without what is listed already."""
        taken = moved(seen, self._own) + self._taken(listed)
        taken.sort_indices()
        ranking = self._ranks.recommend(moved(confidence, self._own), taken, listed.shape[1], self.blocked)
        return self.in_space(ranking)

    def in_space(self, ranking: Ranking) -> Ranking:
        """Return the lists with positions in the space."""
        return _in_space(ranking, self.at)

    def _taken(self, listed: NDArray[np.int32]) -> Csr:
        own = np.where(listed == NOTHING, NOTHING, self._place[listed])
        rows, columns = np.nonzero(own != NOTHING)
        ones = np.ones(len(rows), dtype=np.float32)
        return csr_matrix((ones, (rows, own[rows, columns])), shape=(len(listed), len(self.at)))


def _cold_items(model: Recommender, data: Interactions) -> ContentMap | None:
    """Return how content foretells the model's factors; None where there is no content, or no factors but it."""
    if data.content is None or isinstance(model, ContentModel) or not isinstance(model, FactorModel):
        return None
    return map_content(model, data.content)


def _content_model(model: Recommender, data: Interactions, crowd: float) -> ContentModel | None:
    """Return the content model of the data; None where there is no content, or the model is one itself."""
    if data.content is None or isinstance(model, ContentModel):
        return None
    content = ContentModel(crowd=crowd)
    try:
        content.fit(data, Device("cpu", "taking over content"))
    except NoDataError:
        return None
    return content


def _in_space(ranking: Ranking, at: NDArray[np.int64]) -> Ranking:
    items = np.where(ranking.items == NOTHING, NOTHING, at[ranking.items]).astype(np.int32)
    return Ranking(items, ranking.scores)


def _fill(served: Served, rows: Rows, found: Ranking, codes: NDArray[np.int8]) -> None:
    """Put each row's found items, in their order, into the places that are still empty."""
    empty = served.items[rows] == NOTHING
    at, place = np.nonzero(empty)
    nth = place - (~empty).sum(axis=1)[at]
    some = found.items[at, nth] != NOTHING
    at, place, nth = at[some], place[some], nth[some]
    served.items[rows[at], place] = found.items[at, nth]
    served.scores[rows[at], place] = found.scores[at, nth]
    served.source[rows[at], place] = codes[found.items[at, nth]]
