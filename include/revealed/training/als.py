"""Alternating least squares on signed confidence (Hu, Koren, Volinsky 2008), solved by implicit.

For one user with stored values v the solved system is (Y'Y + λI + Σ(|v|-1) y y') x = Σ_{v>0} v y: the
mart's value *is* the confidence, a negative one says preference 0 held with confidence |v|, and an absent
pair is preference 0 with confidence 1.
"""

from __future__ import annotations

import logging
from typing import Any

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from revealed.evaluation.metrics import Csr
from revealed.training.device import Device
from revealed.training.factor_model import FactorModel, check_factors
from revealed.training.matrix import Ids, Interactions
from revealed.training.protocol import AfterSweep, Recommender
from revealed.training.warm_start import as_array, initialization, on_device, solved_users

# Three steps of conjugate gradients miss the minimum by 9 % once confidences reach the hundreds (science.md
# §1).
_LARGEST_FOR_CONJUGATE_GRADIENT = 100.0
# The loss costs 2 % of an exact sweep, but 15 to 50 % of one by conjugate gradients, the more the more pairs there are, so that
# it is not taken after each of those; beyond so many pairs after the last one alone.
_SWEEPS_A_LOSS, _MANY = 3, 3_000_000


class ImplicitALS(FactorModel):
    """Matrix factorisation whose user factors are solved anew, exactly, from what is known of the user when asked.

    Args:
        factors: length of a factor vector.
        regularization: λ; it grows with the factors and with the confidences (als.md).
        iterations: sweeps over users and items.
        warm_iterations: sweeps where an earlier model's factors are the beginning (science.md, m: one does).
        seed: of the initial factors; the same seed and data give the same bits on a CPU.
    """

    name = "als"

    def __init__(
        self,
        factors: int = 64,
        regularization: float = 50.0,
        iterations: int = 15,
        warm_iterations: int = 2,
        seed: int = 20_260_114,
    ) -> None:
        self.parameters: dict[str, Any] = {
            "factors": factors,
            "regularization": regularization,
            "iterations": iterations,
            "warm_iterations": warm_iterations,
            "seed": seed,
        }
        self._forget(factors)

    def fit(
        self,
        data: Interactions,
        device: Device,
        *,
        start: Recommender | None = None,
        after_sweep: AfterSweep | None = None,
    ) -> None:
        """Factorise the confidences.

        The loss in `history` is what is minimised over the sum of all confidences. By conjugate gradients it is taken at the
        first sweep, every third and the last one, of millions of pairs at the last alone; on a GPU never.

        Raises:
            NoDataError: the factors came out as zeros or not as numbers, so there was nothing to learn.
        """
        begun = initialization(self, start, data.items)
        self.history, self.initialization = [], begun.note
        sweeps = self.parameters["warm_iterations" if begun.is_warm else "iterations"]
        surplus, pairs = _loss_of_dislikes(data.confidence), int(data.confidence.nnz)

        def hear(sweep: int, seconds: float, loss: float | None) -> None:
            # Where no loss was taken, implicit tells that of an earlier sweep again.
            found = loss - surplus if loss is not None and _has_loss(solver, sweep + 1, pairs) else None
            if found is not None:
                self.history.append((sweep + 1, found))
            solver.calculate_training_loss = _has_loss(solver, sweep + 2, pairs)
            if after_sweep is not None:
                self._take(solver, data.items)
                after_sweep(sweep + 1, found)

        with threadpool_limits(limits=1, user_api="blas"):
            solver = _solver(self.parameters | {"iterations": sweeps}, data.confidence, device)
            if begun.item_factors is not None:
                self._place(solver, begun.item_factors, data.confidence, device)
            solver.calculate_training_loss = _has_loss(solver, 1, pairs)
            solver.fit(data.confidence, show_progress=False, callback=hear)
        self._take(solver, data.items)
        check_factors(self.item_factors)

    def _take(self, solver: Any, items: Ids) -> None:
        self.item_factors, self.items = as_array(solver.item_factors), items

    def _place(self, solver: Any, begun: NDArray[np.float32], confidence: Csr, device: Device) -> None:
        """Give the solver the factors to begin with; implicit takes them as they are, and checks no shape."""
        # The exact solver does not look at the users that it begins with; conjugate gradients go on from them.
        if getattr(solver, "use_cg", True):
            users = solved_users(self, begun, confidence)
        else:
            users = np.zeros((confidence.shape[0], begun.shape[1]), dtype=np.float32)
        solver.user_factors, solver.item_factors = (on_device(device, side) for side in (users, begun))

    def fold_in(self, confidence: Csr) -> NDArray[np.float32]:
        """Return the exact user factors for rows of signed confidences over the model's items, as rows."""
        with threadpool_limits(limits=1, user_api="blas"):
            solved: NDArray[np.float32] = self._model().recalculate_user(
                np.arange(confidence.shape[0]), confidence
            )
        return solved

    def _model(self) -> Any:
        from implicit.cpu.als import AlternatingLeastSquares

        model = AlternatingLeastSquares(
            factors=self.parameters["factors"], regularization=self.parameters["regularization"], alpha=1.0
        )
        model.item_factors = self.item_factors
        return model


def _solver(parameters: dict[str, Any], confidence: Csr, device: Device) -> Any:
    # It logs losses, also those that it has not computed, which no formatter takes.
    logging.getLogger("implicit").setLevel(logging.WARNING)
    shared = {
        "factors": parameters["factors"],
        "regularization": parameters["regularization"],
        "iterations": parameters["iterations"],
        "random_state": parameters["seed"],
        "alpha": 1.0,
    }
    if device.name == "gpu":
        from implicit.gpu.als import AlternatingLeastSquares as GpuALS

        kind = np.float16 if device.factor_bits == 16 else np.float32
        return GpuALS(**shared, dtype=kind)
    from implicit.cpu.als import AlternatingLeastSquares

    largest = float(np.abs(confidence.data).max(initial=0))
    return AlternatingLeastSquares(**shared, use_cg=largest <= _LARGEST_FOR_CONJUGATE_GRADIENT)


def _has_loss(solver: Any, sweep: int, pairs: int) -> bool:
    """Return whether the loss is taken after this sweep, from 1; the GPU solver gives NaN (als.md)."""
    if not hasattr(solver, "use_cg"):
        return False
    if not solver.use_cg or sweep == solver.iterations:
        return True
    return pairs < _MANY and (sweep == 1 or sweep % _SWEEPS_A_LOSS == 0)


def _loss_of_dislikes(confidence: Csr) -> float:
    """Return by how much implicit's loss is too high: it counts a dislike as if 1 had been wanted of it, where it was 0."""
    disliked = -float(confidence.data[confidence.data < 0].sum(dtype=np.float64))
    size = float(confidence.data.sum(dtype=np.float64)) + 2 * disliked
    cells = float(confidence.shape[0]) * confidence.shape[1] - confidence.nnz
    return float(disliked / (size + cells))
