"""Alternating least squares on signed confidence (Hu, Koren, Volinsky 2008), solved by implicit.

For one user with stored values v the solved system is (Y'Y + λI + Σ(|v|-1) y y') x = Σ_{v>0} v y: the
mart's value *is* the confidence, a negative one says preference 0 held with confidence |v|, and an absent
pair is preference 0 with confidence 1.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from revealed.evaluation.metrics import Csr
from revealed.training.device import Device
from revealed.training.factor_model import FactorModel, check_factors
from revealed.training.matrix import Ids, Interactions

# Three steps of conjugate gradients miss the minimum by 9 % once confidences reach the hundreds (science.md
# §1).
_LARGEST_FOR_CONJUGATE_GRADIENT = 100.0


class ImplicitALS(FactorModel):
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

    def _model(self) -> Any:
        from implicit.cpu.als import AlternatingLeastSquares

        model = AlternatingLeastSquares(
            factors=self.parameters["factors"], regularization=self.parameters["regularization"], alpha=1.0
        )
        model.item_factors = self.item_factors
        return model


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
