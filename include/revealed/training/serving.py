"""The lists that people would be shown: the model's, topped up by popularity. Evaluated exactly as it is published."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix

from revealed.evaluation.metrics import Csr
from revealed.training.matrix import Ids, Interactions, positions
from revealed.training.popularity import Popularity, first_unseen
from revealed.training.protocol import NOTHING, Recommender

Rows = NDArray[np.int64]
_ROWS_AT_ONCE = 4_096


@dataclass(frozen=True)
class Served:
    """One list a row: positions in the server's `space` (`NOTHING` where a list is short), scores, and where from."""

    items: NDArray[np.int32]
    scores: NDArray[np.float32]
    is_fallback: NDArray[np.bool_]


class Server:
    """Makes lists for the users of `data` from a model, and from popularity where the model has too little to say.

    Args:
        model: a fitted recommender; its items may differ from the data's.
        fallback: popularity.
        data: what is known of the users.
        unavailable: items that must not be shown.
    """

    def __init__(
        self, model: Recommender, fallback: Popularity, data: Interactions, unavailable: Ids | None = None
    ) -> None:
        self.model, self.fallback = model, fallback
        self.space: Ids = np.unique(np.concatenate([model.items, fallback.items]))
        self._known = data.onto(model.items)
        self._seen = data.onto(self.space).seen
        self._blocked = np.zeros(len(self.space), dtype=bool)
        if unavailable is not None and len(unavailable):
            at = positions(unavailable, self.space)
            self._blocked[at[at >= 0]] = True
        self._model_at = positions(model.items, self.space).astype(np.int32)
        self._order = positions(fallback.items, self.space)[fallback.order()].astype(np.int32)
        self._order = self._order[~self._blocked[self._order]]
        self._fallback_scores = np.zeros(len(self.space), dtype=np.float32)
        self._fallback_scores[positions(fallback.items, self.space)] = fallback.scores

    def lists(self, rows: Rows, k: int) -> Served:
        """Return the best `k` for each of the data's rows."""
        ranking = self.model.recommend(
            self._known.confidence[rows], self._known.seen[rows], k, self._blocked[self._model_at]
        )
        items = np.where(ranking.items == NOTHING, NOTHING, self._model_at[ranking.items]).astype(np.int32)
        return self._topped_up(items, ranking.scores.copy(), self._seen[rows])

    def items_for(self, rows: Rows, k: int) -> NDArray[np.int32]:
        """Return the items of `lists` for many rows, made part by part, which bounds the memory."""
        found = np.full((len(rows), k), NOTHING, dtype=np.int32)
        for start in range(0, len(rows), _ROWS_AT_ONCE):
            part = slice(start, start + _ROWS_AT_ONCE)
            found[part] = self.lists(rows[part], k).items
        return found

    def servable(self) -> NDArray[np.int64]:
        """Return how many liked, available items each of the data's users has not seen: what a list can count on."""
        offered = np.zeros(len(self.space), dtype=np.float32)
        offered[self._order] = 1
        counts: NDArray[np.int64] = len(self._order) - (self._seen @ offered).astype(np.int64)
        return counts

    def _topped_up(self, items: NDArray[np.int32], scores: NDArray[np.float32], seen: Csr) -> Served:
        is_fallback = np.zeros(items.shape, dtype=bool)
        short = np.flatnonzero((items == NOTHING).any(axis=1))
        if len(short):
            filled = _filled(
                items[short], first_unseen(self._order, _with(seen[short], items[short]), items.shape[1])
            )
            is_fallback[short] = (items[short] == NOTHING) & (filled != NOTHING)
            items[short] = filled
            scores[is_fallback] = self._fallback_scores[items[is_fallback]]
        return Served(items, scores, is_fallback)


def _with(seen: Csr, items: NDArray[np.int32]) -> Csr:
    """Return `seen` with the items that each row's list holds already."""
    rows, columns = np.nonzero(items != NOTHING)
    ones = np.ones(len(rows), dtype=np.float32)
    merged = (seen + csr_matrix((ones, (rows, items[rows, columns])), shape=seen.shape)).tocsr()
    merged.sum_duplicates()
    return merged


def _filled(items: NDArray[np.int32], more: NDArray[np.int32]) -> NDArray[np.int32]:
    """Return each row's items followed by as many of `more` as there is room for."""
    filled = items.copy()
    rows, columns = np.nonzero(items == NOTHING)
    have = (items != NOTHING).sum(axis=1)
    filled[rows, columns] = more[rows, columns - have[rows]]
    return filled
