"""Alternating least squares on signed confidence (Hu, Koren, Volinsky 2008), solved by implicit.

For one user with stored values v the solved system is (Y'Y + λI + Σ(|v|-1) y y') x = Σ_{v>0} v y: the
mart's value *is* the confidence, a negative one says preference 0 held with confidence |v|, and an absent
pair is preference 0 with confidence 1.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from revealed.errors import DamagedModelError, NoDataError
from revealed.evaluation.metrics import Csr
from revealed.training.device import Device
from revealed.training.matrix import Ids, Interactions
from revealed.training.protocol import NOTHING, Ranking

# Three steps of conjugate gradients miss the minimum by 9 % once confidences reach the hundreds (science.md
# §1).
_LARGEST_FOR_CONJUGATE_GRADIENT = 100.0
# implicit fills lists that come out short with items it should have left out, at the smallest float.
_FILLER_SCORE = -3e38
_ROWS_AT_ONCE = 4_096


class ImplicitALS:
    """Matrix factorisation whose user factors are solved anew, exactly, from what is known of the user when asked.

    Args:
        factors: length of a factor vector.
        regularization: λ; it grows with the factors and with the confidences (als.md).
        iterations: sweeps over users and items.
        seed: of the initial factors; the same seed and data give the same bits on a CPU.
    """

    name = "als"

    def __init__(
        self, factors: int = 64, regularization: float = 50.0, iterations: int = 15, seed: int = 20_260_114
    ) -> None:
        self.parameters: dict[str, Any] = {
            "factors": factors,
            "regularization": regularization,
            "iterations": iterations,
            "seed": seed,
        }
        self.items: Ids = np.empty(0, dtype=object)
        self.item_factors: NDArray[np.float32] = np.empty((0, factors), dtype=np.float32)

    def fit(self, data: Interactions, device: Device) -> None:
        """Factorise the confidences.

        Raises:
            NoDataError: the factors came out as zeros or not as numbers, so there was nothing to learn.
        """
        with threadpool_limits(limits=1, user_api="blas"):
            model = _solver(self.parameters, data.confidence, device)
            model.fit(data.confidence, show_progress=False)
        factors = model.item_factors
        self.item_factors = np.ascontiguousarray(
            factors.to_numpy() if hasattr(factors, "to_numpy") else factors, dtype=np.float32
        )
        self.items = data.items
        check_factors(self.item_factors)

    def fold_in(self, confidence: Csr) -> NDArray[np.float32]:
        """Return the exact user factors for rows of signed confidences over the model's items, as rows."""
        with threadpool_limits(limits=1, user_api="blas"):
            solved: NDArray[np.float32] = self._model().recalculate_user(
                np.arange(confidence.shape[0]), confidence
            )
        return solved

    def recommend(
        self, confidence: Csr, seen: Csr, k: int, blocked: NDArray[np.bool_] | None = None
    ) -> Ranking:
        """Return the best `k` items for each row; rows that like nothing get none, for their factors are zero."""
        rows = confidence.shape[0]
        items = np.full((rows, k), NOTHING, dtype=np.int32)
        scores = np.zeros((rows, k), dtype=np.float32)
        width = min(k, len(self.items))
        for start in range(0, rows, _ROWS_AT_ONCE):
            part = slice(start, min(start + _ROWS_AT_ONCE, rows))
            items[part, :width], scores[part, :width] = self._best(
                confidence[part], seen[part], width, blocked
            )
        return Ranking(items, scores)

    def _best(
        self, confidence: Csr, seen: Csr, k: int, blocked: NDArray[np.bool_] | None
    ) -> tuple[NDArray[np.int32], NDArray[np.float32]]:
        return _nearest(self.item_factors, self.fold_in(confidence), k, blocked, seen)

    def similar(self, k: int, blocked: NDArray[np.bool_] | None = None) -> Ranking:
        """Return the items whose factors point the same way (cosine), the item itself left out."""
        norms = np.linalg.norm(self.item_factors, axis=1, keepdims=True)
        directions = (self.item_factors / np.where(norms > 0, norms, 1)).astype(np.float32)
        count, width = len(self.items), min(k + 1, len(self.items))
        items = np.full((count, width), NOTHING, dtype=np.int32)
        scores = np.zeros((count, width), dtype=np.float32)
        for start in range(0, count, _ROWS_AT_ONCE):
            part = slice(start, min(start + _ROWS_AT_ONCE, count))
            items[part], scores[part] = _nearest(directions, directions[part], width, blocked)
        items[items == np.arange(count)[:, None]] = NOTHING
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
        if factors.shape != (len(items), self.parameters["factors"]) or factors.dtype != np.float32:
            raise DamagedModelError(
                f"the item factors are {factors.dtype} of shape {factors.shape}, not float32 of"
                f" ({len(items)}, {self.parameters['factors']})"
            )
        self.items, self.item_factors = items, factors

    def _model(self) -> Any:
        from implicit.cpu.als import AlternatingLeastSquares

        model = AlternatingLeastSquares(
            factors=self.parameters["factors"], regularization=self.parameters["regularization"], alpha=1.0
        )
        model.item_factors = self.item_factors
        return model


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


def _solver(parameters: dict[str, Any], confidence: Csr, device: Device) -> Any:
    shared = {
        "factors": parameters["factors"],
        "regularization": parameters["regularization"],
        "iterations": parameters["iterations"],
        "random_state": parameters["seed"],
        "alpha": 1.0,
        "calculate_training_loss": False,
    }
    if device.name == "gpu":
        from implicit.gpu.als import AlternatingLeastSquares as GpuALS

        return GpuALS(**shared)
    from implicit.cpu.als import AlternatingLeastSquares

    largest = float(np.abs(confidence.data).max(initial=0))
    return AlternatingLeastSquares(**shared, use_cg=largest <= _LARGEST_FOR_CONJUGATE_GRADIENT)


def _nearest(
    factors: NDArray[np.float32],
    queries: NDArray[np.float32],
    k: int,
    blocked: NDArray[np.bool_] | None,
    seen: Csr | None = None,
) -> tuple[NDArray[np.int32], NDArray[np.float32]]:
    """Return, for each query, the `k` factors of greatest inner product, without what is blocked or seen."""
    from implicit.cpu.topk import topk

    unwanted = None if blocked is None or not blocked.any() else np.flatnonzero(blocked).astype(np.int32)
    with threadpool_limits(limits=1, user_api="blas"):
        items, scores = topk(factors, queries, k, filter_query_items=seen, filter_items=unwanted)
    useless = (scores <= _FILLER_SCORE) | ~queries.any(axis=1, keepdims=True)
    return np.where(useless, NOTHING, items), np.where(useless, 0, scores)


def _left_packed(items: NDArray[np.int32], scores: NDArray[np.float32], k: int) -> Ranking:
    """Move the `NOTHING`s of every row behind its items, keeping their order, and cut or fill to `k`."""
    order = np.argsort(items == NOTHING, axis=1, kind="stable")[:, :k]
    short = max(k - order.shape[1], 0)
    packed = np.take_along_axis(items, order, axis=1).astype(np.int32)
    kept = np.take_along_axis(scores, order, axis=1).astype(np.float32)
    return Ranking(
        np.pad(packed, ((0, 0), (0, short)), constant_values=NOTHING), np.pad(kept, ((0, 0), (0, short)))
    )
