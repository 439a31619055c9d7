"""What every model of item factors shares: lists and likenesses by inner product, and how the factors are kept."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from revealed.errors import DamagedModelError, NoDataError
from revealed.evaluation.metrics import Csr
from revealed.training.matrix import Ids
from revealed.training.nearest import catalogue_of, nearest
from revealed.training.protocol import NOTHING, Ranking

_ROWS_AT_ONCE = 4_096


class FactorModel(ABC):
    """Item factors; a user's factors are solved anew, exactly, from what is known of the user when asked."""

    name: str
    parameters: dict[str, Any]
    items: Ids
    history: list[tuple[int, float]]
    initialization: str
    item_factors: NDArray[np.float32]

    def _forget(self, width: int) -> None:
        """Be a model that has learnt nothing yet, with items of so many numbers."""
        self.items, self.item_factors = np.empty(0, dtype=object), np.empty((0, width), dtype=np.float32)
        self.history, self.initialization = [], ""

    @abstractmethod
    def fold_in(self, confidence: Csr) -> NDArray[np.float32]:
        """Return the exact user factors for rows of signed confidences over the model's items, as rows."""

    def recommend(
        self, confidence: Csr, seen: Csr, k: int, blocked: NDArray[np.bool_] | None = None
    ) -> Ranking:
        """Return the best `k` items for each row; rows that like nothing get none, for their factors are zero."""
        rows = confidence.shape[0]
        items = np.full((rows, k), NOTHING, dtype=np.int32)
        scores = np.zeros((rows, k), dtype=np.float32)
        catalogue = catalogue_of(self.item_factors, blocked)
        for start in range(0, rows, _ROWS_AT_ONCE):
            part = slice(start, min(start + _ROWS_AT_ONCE, rows))
            users = self.fold_in(confidence[part])
            items[part], scores[part] = nearest(catalogue, users, k, seen[part])
        return Ranking(items, scores)

    def similar(self, k: int, blocked: NDArray[np.bool_] | None = None) -> Ranking:
        """Return the items whose factors point the same way (cosine), the item itself left out."""
        return self.similar_to(np.arange(len(self.items)), k, blocked)

    def similar_to(
        self, chosen: NDArray[np.int64], k: int, blocked: NDArray[np.bool_] | None = None
    ) -> Ranking:
        """Return `similar` for the chosen items alone, positions in `items`; one row each."""
        tastes = self._tastes()
        norms = np.linalg.norm(tastes, axis=1, keepdims=True)
        directions = (tastes / np.where(norms > 0, norms, 1)).astype(np.float32)
        count, width = len(chosen), min(k + 1, len(self.items))
        items = np.full((count, width), NOTHING, dtype=np.int32)
        scores = np.zeros((count, width), dtype=np.float32)
        catalogue = catalogue_of(directions, blocked)
        for start in range(0, count, _ROWS_AT_ONCE):
            part = slice(start, min(start + _ROWS_AT_ONCE, count))
            items[part], scores[part] = nearest(catalogue, directions[chosen[part]], width)
        items[items == chosen[:, None]] = NOTHING
        return _left_packed(items, scores, k)

    def arrays(self) -> dict[str, NDArray[Any]]:
        """Return the item factors; user factors follow from them."""
        return {"item_factors": self.item_factors}

    def restore(self, items: Ids, arrays: Mapping[str, NDArray[Any]]) -> None:
        """Take back the item factors.

        Raises:
            DamagedModelError: they are not float32 numbers of the right shape.
        """
        factors = arrays["item_factors"]
        if factors.shape != (len(items), self._width()) or factors.dtype != np.float32:
            raise DamagedModelError(
                f"the item factors are {factors.dtype} of shape {factors.shape}, not float32 of"
                f" ({len(items)}, {self._width()})"
            )
        self.items, self.item_factors = items, factors

    def _width(self) -> int:
        """Return how many numbers an item has."""
        return int(self.parameters["factors"])

    def _tastes(self) -> NDArray[np.float32]:
        """Return the part of the item factors that says whom an item is for."""
        return self.item_factors


def check_factors(factors: NDArray[np.float32]) -> None:
    """Refuse factors that are not numbers or all zero.

    Raises:
        NoDataError: one of these.
    """
    if not np.isfinite(factors).all() or not np.abs(factors).max(initial=0) > 1e-9:
        raise NoDataError(
            "the factors came out as zeros or not as numbers",
            where="training",
            remedy="look at the confidences in marts.feedback_user_item, and at the regularization",
        )


def _left_packed(items: NDArray[np.int32], scores: NDArray[np.float32], k: int) -> Ranking:
    """Move the `NOTHING`s of every row behind its items, keeping their order, and cut or fill to `k`."""
    order = np.argsort(items == NOTHING, axis=1, kind="stable")[:, :k]
    short = max(k - order.shape[1], 0)
    packed = np.take_along_axis(items, order, axis=1).astype(np.int32)
    kept = np.take_along_axis(scores, order, axis=1).astype(np.float32)
    return Ranking(
        np.pad(packed, ((0, 0), (0, short)), constant_values=NOTHING), np.pad(kept, ((0, 0), (0, short)))
    )
