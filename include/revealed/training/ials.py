"""Alternating least squares with frequency-scaled regularisation (Rendle et al., RecSys 2022), trained by irspack.

For one user with confidences c over the items that they like, and n of them, the solved system is

    (alpha0 Y'Y + sum of c y y' + lambda (n + alpha0 I) I) x = sum of c y,        I items in all

so that people (and items) with much behaviour are held back more, in proportion. That cannot be had in implicit by
weighing the data. Only likes teach: a dislike is an unobserved pair here, which is preference 0 with weight alpha0.

Confidences have no unit: a click is worth 1 in one log and 41 in another, and alpha0 and lambda would have to follow. So
c stands for the confidence over the mean confidence of the likes that were trained on, which is saved with the model.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from revealed.errors import DamagedModelError
from revealed.evaluation.metrics import Csr
from revealed.training.device import Device
from revealed.training.factor_model import FactorModel, check_factors
from revealed.training.matrix import Ids, Interactions, only
from revealed.training.protocol import AfterSweep, Recommender
from revealed.training.warm_start import initialization

Floats = NDArray[np.float64]


class FrequencyScaledALS(FactorModel):
    """Matrix factorisation for positive feedback whose regularisation grows with how much is known.

    Args:
        factors: length of a factor vector.
        regularization: lambda.
        unobserved: alpha0, the weight of a pair of which nothing is known, beside a like of mean confidence.
        iterations: sweeps over users and items.
        warm_iterations: sweeps where an earlier model's factors are the beginning.
        seed: of the initial factors.
        threads: how many train; 0 is all cores. With 1, the same seed and data give the same bits. With more, threads
            add up floating-point sums in the order in which they finish, and factors differ by some 1e-4 from one
            training to the next. It is no part of the recipe, so that it is not in `parameters`.
    """

    name = "ials"

    def __init__(
        self,
        factors: int = 256,
        regularization: float = 0.005,
        unobserved: float = 0.012,
        iterations: int = 16,
        warm_iterations: int = 2,
        seed: int = 20_260_114,
        threads: int = 1,
    ) -> None:
        self.parameters: dict[str, Any] = {
            "factors": factors,
            "regularization": regularization,
            "unobserved": unobserved,
            "iterations": iterations,
            "warm_iterations": warm_iterations,
            "seed": seed,
        }
        self.threads = threads
        self.scale = 1.0
        self._forget(factors)

    def fit(
        self,
        data: Interactions,
        device: Device,
        *,
        start: Recommender | None = None,
        after_sweep: AfterSweep | None = None,
    ) -> None:
        """Factorise the likes, on the CPU; the loss in `history` is half of what is minimised, summed over all cells.

        Raises:
            NoDataError: the factors came out as zeros or not as numbers, so there was nothing to learn.
        """
        begun = initialization(self, start, data.items)
        self.history, self.initialization = [], begun.note
        liked = likes(data.confidence)
        self.scale = float(liked.data.mean(dtype=np.float64)) if liked.nnz else 1.0
        liked = liked.multiply(1.0 / self.scale).tocsr()
        solver = self._solver(liked)
        solver.start_learning()
        trainer = solver.trainer_as_ials
        if begun.item_factors is not None:
            trainer.core_trainer.item = begun.item_factors
            trainer.core_trainer.user = solver.compute_user_embedding(liked)
        sweeps = self.parameters["warm_iterations" if begun.is_warm else "iterations"]
        for sweep in range(1, sweeps + 1):
            solver.run_epoch()
            self.history.append((sweep, float(trainer.compute_loss())))
            if after_sweep is not None:
                self._take(solver, data.items)
                after_sweep(sweep, self.history[-1][1])
        self._take(solver, data.items)
        check_factors(self.item_factors)

    def _take(self, solver: Any, items: Ids) -> None:
        self.items = items
        self.item_factors = np.ascontiguousarray(solver.get_item_embedding(), dtype=np.float32)

    def fold_in(self, confidence: Csr) -> NDArray[np.float32]:
        """Return the exact user factors for rows of confidences over the model's items, as rows."""
        liked = likes(confidence)
        gram = self.unobserved * (self.item_factors.T.astype(np.float64) @ self.item_factors)
        spread, axes = np.linalg.eigh(gram)
        turned = self.item_factors.astype(np.float64) @ axes
        users = np.zeros((liked.shape[0], turned.shape[1]))
        for row in np.flatnonzero(np.diff(liked.indptr)):
            part = slice(liked.indptr[row], liked.indptr[row + 1])
            ridge = spread + self.penalty(part.stop - part.start)
            users[row] = _solve(turned[liked.indices[part]], liked.data[part].astype(np.float64), ridge)
        folded: NDArray[np.float32] = (users @ axes.T).astype(np.float32)
        return folded

    @property
    def unobserved(self) -> float:
        """The weight of an unobserved pair, in the unit of the data's confidences."""
        return float(self.parameters["unobserved"] * self.scale)

    def penalty(self, known: int) -> float:
        """Return the ridge of somebody with so many likes, in the unit of the data's confidences."""
        alpha0, items = self.parameters["unobserved"], len(self.item_factors)
        return float(self.parameters["regularization"] * self.scale * (known + alpha0 * items))

    def arrays(self) -> dict[str, NDArray[Any]]:
        """Return the item factors and the unit of the confidences."""
        return super().arrays() | {"confidence_scale": np.array([self.scale])}

    def restore(self, items: Ids, arrays: Mapping[str, NDArray[Any]]) -> None:
        """Take back the item factors and the unit of the confidences.

        Raises:
            DamagedModelError: they are not numbers of the right shape.
        """
        scale = arrays["confidence_scale"]
        if scale.shape != (1,) or not scale[0] > 0:
            raise DamagedModelError(f"the unit of the confidences is {scale}, not one number above 0")
        super().restore(items, arrays)
        self.scale = float(scale[0])

    def _solver(self, liked: Csr) -> Any:
        from irspack import IALSRecommender

        return IALSRecommender(
            liked.astype(np.float64),
            n_components=self.parameters["factors"],
            alpha0=self.parameters["unobserved"],
            reg=self.parameters["regularization"],
            nu=1.0,
            random_seed=self.parameters["seed"] % 2**31,
            n_threads=self.threads or None,
        )


def likes(confidence: Csr) -> Csr:
    """Return the positive entries alone."""
    positive = confidence.data > 0
    return confidence if positive.all() else only(confidence, positive)


def _solve(known: Floats, confidence: Floats, ridge: Floats) -> Floats:
    """Return the user of (diag(ridge) + sum of c y y') x = sum of c y; by as many unknowns as items where they are fewer."""
    wanted = known.T @ confidence
    if len(known) >= len(ridge):
        return np.asarray(np.linalg.solve(np.diag(ridge) + (known.T * confidence) @ known, wanted))
    scaled = known / ridge
    inner = np.diag(1.0 / confidence) + scaled @ known.T
    found: Floats = wanted / ridge - scaled.T @ np.linalg.solve(inner, scaled @ wanted)
    return found
