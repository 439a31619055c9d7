"""The baseline that a recommender has to beat, the fallback for people it knows nothing of, and a model in its own right.

What most people like is hard to beat on sparse feedback, so it is held to the same protocol and can become
champion.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from revealed.errors import DamagedModelError
from revealed.evaluation.metrics import Csr
from revealed.training.device import Device
from revealed.training.matrix import Ids, Interactions
from revealed.training.protocol import NOTHING, AfterSweep, Ranking, Recommender

_ROWS_AT_ONCE = 2_048


class ScoredItems(ABC):
    """One score an item, the same for everybody; items of score 0 are in no list."""

    name: str

    def __init__(self, parameters: dict[str, Any]) -> None:
        self.parameters = parameters
        self.items: Ids = np.empty(0, dtype=object)
        self.scores: NDArray[np.float64] = np.empty(0)
        self.history: list[tuple[int, float]] = []
        self.initialization = ""

    def fit(
        self,
        data: Interactions,
        device: Device,
        *,
        start: Recommender | None = None,
        after_sweep: AfterSweep | None = None,
    ) -> None:
        """Score the items of `data`; device and earlier model play no part, and there are no sweeps to tell of."""
        self.scores = self._scored(data)
        self.items = data.items

    @abstractmethod
    def _scored(self, data: Interactions) -> NDArray[np.float64]:
        """Return the score of each item."""

    def recommend(
        self, confidence: Csr, seen: Csr, k: int, blocked: NDArray[np.bool_] | None = None
    ) -> Ranking:
        """Return the items of the highest scores that each row has not seen; `confidence` plays no part."""
        order = self.order(blocked)
        rows = seen.shape[0]
        items = np.full((rows, k), NOTHING, dtype=np.int32)
        for start in range(0, rows, _ROWS_AT_ONCE):
            part = seen[start : start + _ROWS_AT_ONCE]
            items[start : start + _ROWS_AT_ONCE] = first_unseen(order, part, k)
        scores = np.where(items == NOTHING, 0, self.scores[items]).astype(np.float32)
        return Ranking(items, scores)

    def order(self, blocked: NDArray[np.bool_] | None = None) -> NDArray[np.int32]:
        """Return the positions of the items that have a score, the highest first."""
        order = np.argsort(-self.scores, kind="stable").astype(np.int32)
        keep = self.scores[order] > 0
        if blocked is not None:
            keep &= ~blocked[order]
        chosen: NDArray[np.int32] = order[keep]
        return chosen

    def similar(self, k: int, blocked: NDArray[np.bool_] | None = None) -> Ranking:
        """Return empty lists: a score knows no likeness between items."""
        shape = (len(self.items), k)
        return Ranking(np.full(shape, NOTHING, dtype=np.int32), np.zeros(shape, dtype=np.float32))

    def arrays(self) -> dict[str, NDArray[Any]]:
        """Return the scores, one an item."""
        return {"scores": self.scores}

    def restore(self, items: Ids, arrays: Mapping[str, NDArray[Any]]) -> None:
        """Take back the scores.

        Raises:
            DamagedModelError: they are not one float64 an item.
        """
        scores = arrays["scores"]
        if scores.shape != (len(items),) or scores.dtype != np.float64:
            raise DamagedModelError(f"the scores are {scores.dtype} of shape {scores.shape}, not one an item")
        self.items, self.scores = items, scores


class Popularity(ScoredItems):
    """Items by how many people like them; between equals the greater total confidence wins, then the smaller id."""

    name = "popularity"

    def __init__(self) -> None:
        super().__init__({})

    def _scored(self, data: Interactions) -> NDArray[np.float64]:
        positive = np.maximum(data.confidence.data, 0).astype(np.float64)
        total = np.bincount(data.confidence.indices, weights=positive, minlength=len(data.items))
        scores: NDArray[np.float64] = data.likes + total / (total.max() + 1.0) * 0.5
        return scores


def first_unseen(order: NDArray[np.int32], seen: Csr, k: int) -> NDArray[np.int32]:
    """Return, for each row of `seen`, the first `k` of `order` that it does not contain, filled with `NOTHING`.

    No row can use up more of `order` than it has seen plus `k`, so only that much is looked at.
    """
    longest = int(np.diff(seen.indptr).max(initial=0))
    head = order[: k + longest]
    found = np.full((seen.shape[0], k), NOTHING, dtype=np.int32)
    if not len(head):
        return found
    place_in_head = np.full(seen.shape[1], NOTHING, dtype=np.int32)
    place_in_head[head] = np.arange(len(head), dtype=np.int32)
    taken = place_in_head[seen.indices]
    row = np.repeat(np.arange(seen.shape[0]), np.diff(seen.indptr))
    allowed = np.ones((seen.shape[0], len(head)), dtype=bool)
    allowed[row[taken >= 0], taken[taken >= 0]] = False
    place = np.cumsum(allowed, axis=1)
    rows, columns = np.nonzero(allowed & (place <= k))
    found[rows, place[rows, columns] - 1] = head[columns]
    return found
