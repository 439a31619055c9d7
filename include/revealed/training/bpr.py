"""Bayesian personalised ranking (Rendle et al., UAI 2009), by implicit: a like should stand above an item drawn at random.

For one user with likes L the factors x make small, with r = Yx + b and w the chance that an item is drawn as the negative,

    mean over i in L of sum over j of w_j log(1 + exp(r_j - r_i))  +  lambda / 2 |x|^2

Negatives are drawn by how many people like them, never one of the user's own likes. Against such negatives a popular item
wins no more often than another: the minimum is at r_i = log(p_i / q_i), the user's taste p_i over the item's share q_i of all
likes. So the score is r_i + log q_i, as in sampled softmax (Bengio and Senecal 2008; Yi et al., RecSys 2019).
"""

from __future__ import annotations

from collections.abc import Mapping
from copy import copy
from typing import Any

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from revealed.errors import DamagedModelError
from revealed.evaluation.metrics import Csr
from revealed.training.device import Device
from revealed.training.factor_model import FactorModel, check_factors
from revealed.training.ials import likes
from revealed.training.matrix import Ids, Interactions
from revealed.training.protocol import AfterSweep, Ranking, Recommender
from revealed.training.warm_start import as_array, initialization, on_device

Floats = NDArray[np.float64]

# So many negatives stand for all items when a user is solved; a smaller catalogue is taken whole.
_NEGATIVES = 256
_SMALL_GRADIENT = 1e-5
_MOST_STEPS = 50
_SHORTEST_STEP = 1e-6


class PairwiseRanking(FactorModel):
    """Matrix factorisation that learns from pairs of items: one that the user likes, one drawn from the rest.

    Args:
        factors: length of a factor vector; the bias comes on top, as the last column, against a 1 for every user.
        learning_rate: of the stochastic gradient steps.
        regularization: lambda.
        iterations: sweeps; each draws as many pairs as there are likes.
        warm_iterations: sweeps where an earlier model's factors are the beginning.
        seed: of the initial factors and of the draws.
        threads: how many train; with 1, the same seed and data give the same bits. More write over one another's steps,
            which costs all repeatability; 0 is all cores. No part of the recipe, so that it is not in `parameters`.
    """

    name = "bpr"

    def __init__(
        self,
        factors: int = 64,
        learning_rate: float = 0.05,
        regularization: float = 0.05,
        iterations: int = 80,
        warm_iterations: int = 10,
        seed: int = 20_260_114,
        threads: int = 1,
    ) -> None:
        self.parameters: dict[str, Any] = {
            "factors": factors,
            "learning_rate": learning_rate,
            "regularization": regularization,
            "iterations": iterations,
            "warm_iterations": warm_iterations,
            "seed": seed,
        }
        self.threads = threads
        self._forget(factors + 1)
        self.likes: NDArray[np.int64] = np.empty(0, dtype=np.int64)

    def fit(
        self,
        data: Interactions,
        device: Device,
        *,
        start: Recommender | None = None,
        after_sweep: AfterSweep | None = None,
    ) -> None:
        """Learn from the likes; the loss in `history` is the share of the drawn pairs that stood in the wrong order.

        Raises:
            NoDataError: the factors came out as zeros or not as numbers, so there was nothing to learn.
        """
        begun = initialization(self, start, data.items)
        self.history, self.initialization = [], begun.note
        liked = likes(data.confidence)
        solver = self._solver(device, self.parameters["warm_iterations" if begun.is_warm else "iterations"])
        if begun.item_factors is not None:
            self._place(solver, begun.item_factors, data, device)

        def hear(sweep: int, seconds: float, correct: int, skipped: int) -> None:
            self.history.append((sweep + 1, 1.0 - correct / max(liked.nnz - skipped, 1)))
            if after_sweep is not None:
                self._take(solver, data)
                after_sweep(*self.history[-1])

        solver.fit(liked, show_progress=False, callback=hear)
        self._take(solver, data)
        check_factors(self.item_factors)

    def fold_in(self, confidence: Csr) -> NDArray[np.float32]:
        """Return the user factors that make the objective smallest for rows of confidences over the model's items, as rows.

        A dislike is a negative that counts as many times as its confidence; that is once for a pair of which nothing is known.
        Rows that like nothing are all zero.
        """
        users = np.zeros((confidence.shape[0], self.item_factors.shape[1]), dtype=np.float32)
        factors = self.item_factors.astype(np.float64)
        factors[:, -1] -= _log_counts(self.likes)
        crowd = self._crowd()
        with threadpool_limits(limits=1, user_api="blas"):
            for row in np.flatnonzero(np.diff(confidence.indptr)):
                part = slice(confidence.indptr[row], confidence.indptr[row + 1])
                items, values = confidence.indices[part], confidence.data[part].astype(np.float64)
                if (values > 0).any():
                    negatives, mass = self._against(items, values, *crowd)
                    users[row, :-1] = _solve(
                        factors[items[values > 0]],
                        factors[negatives],
                        mass,
                        self.parameters["regularization"],
                    )
                    users[row, -1] = 1.0
        return users

    def recommend(
        self, confidence: Csr, seen: Csr, k: int, blocked: NDArray[np.bool_] | None = None
    ) -> Ranking:
        """Return the best `k` items for each row; items that nobody likes were never compared, and are left out."""
        unknown = self.likes == 0
        return super().recommend(confidence, seen, k, unknown if blocked is None else blocked | unknown)

    def arrays(self) -> dict[str, NDArray[Any]]:
        """Return the item factors, and how many people like each item; user factors follow from them."""
        return super().arrays() | {"likes": self.likes}

    def restore(self, items: Ids, arrays: Mapping[str, NDArray[Any]]) -> None:
        """Take back the item factors and the likes.

        Raises:
            DamagedModelError: they are not numbers of the right type and shape.
        """
        counts = arrays["likes"]
        if counts.shape != (len(items),) or counts.dtype != np.int64:
            raise DamagedModelError(f"the likes are {counts.dtype} of shape {counts.shape}, not one an item")
        super().restore(items, arrays)
        self.likes = counts

    def _width(self) -> int:
        return int(self.parameters["factors"]) + 1

    def _tastes(self) -> NDArray[np.float32]:
        return self.item_factors[:, :-1]

    def _crowd(self) -> tuple[NDArray[np.int64], Floats]:
        """Return the items that stand for all as negatives, and how many likes each stands for.

        Of more than `_NEGATIVES` items, likes at equal steps are taken in the order of the items: nothing is drawn, and each
        item comes as often as its likes say, give or take one step.
        """
        known = np.flatnonzero(self.likes)
        if len(known) <= _NEGATIVES:
            return known, self.likes[known].astype(np.float64)
        ends = np.cumsum(self.likes)
        step = ends[-1] / _NEGATIVES
        taken = np.searchsorted(ends, (np.arange(_NEGATIVES) + 0.5) * step, side="right")
        items, times = np.unique(taken, return_counts=True)
        return items, times * step

    def _against(
        self, items: NDArray[np.int32], values: Floats, crowd: NDArray[np.int64], mass: Floats
    ) -> tuple[NDArray[np.int64], Floats]:
        """Return the negatives of one user, and their chances: the crowd's without the user's likes, and dislikes on top."""
        disliked = items[values < 0]
        more = np.maximum(-values[values < 0] - 1.0, 0.0) * self.likes[disliked]
        less = np.where(np.isin(crowd, items[values > 0]), 0.0, mass)
        chances = np.concatenate([less, more])
        return np.concatenate([crowd, disliked]), chances / max(float(chances.sum()), 1.0)

    def _take(self, solver: Any, data: Interactions) -> None:
        factors = as_array(solver.item_factors).copy()
        factors[:, -1] += _log_counts(data.likes)
        self.item_factors, self.items, self.likes = factors, data.items, data.likes

    def _solver(self, device: Device, sweeps: int) -> Any:
        shared = {name: self.parameters[name] for name in ("factors", "learning_rate", "regularization")} | {
            "iterations": sweeps,
            "random_state": self.parameters["seed"],
        }
        if device.name == "gpu":
            from implicit.gpu.bpr import BayesianPersonalizedRanking as GpuBPR

            return GpuBPR(**shared)
        from implicit.cpu.bpr import BayesianPersonalizedRanking

        return BayesianPersonalizedRanking(**shared, num_threads=self.threads)

    def _place(self, solver: Any, begun: NDArray[np.float32], data: Interactions, device: Device) -> None:
        """Give the solver the factors to begin with; implicit takes them as they are, and checks no shape."""
        share = _log_counts(data.likes)
        begun[:, -1] = np.where(begun.any(axis=1), begun[:, -1], share)  # newcomers begin at r = 0
        other = copy(self)
        other.item_factors, other.items, other.likes = begun, data.items, data.likes
        users = other.fold_in(data.confidence)
        begun[:, -1] -= share
        solver.user_factors, solver.item_factors = (on_device(device, side) for side in (users, begun))


def _log_counts(likes: NDArray[np.int64]) -> Floats:
    """Return log q of each item, but for the logarithm of all likes, which moves no ranking."""
    logs: Floats = np.log(np.maximum(likes, 1))
    return logs


def _solve(liked: Floats, negatives: Floats, mass: Floats, strength: float) -> Floats:
    """Return the user that makes the objective smallest, by Newton steps that are halved until the gradient shrinks.

    Args:
        liked: factors of the likes, as rows, the bias last.
        negatives: factors of the negatives, likewise.
        mass: the chance of each negative.
        strength: lambda.
    """
    high, low, lead = liked[:, :-1], negatives[:, :-1], liked[:, None, -1] - negatives[None, :, -1]
    user = np.zeros(high.shape[1])
    gradient, pull, wrong = _gradient(user, high, low, lead, mass, strength)
    for _ in range(_MOST_STEPS):
        size = np.linalg.norm(gradient)
        if size <= _SMALL_GRADIENT:
            break
        bend = pull * (1.0 - wrong)
        across = high.T @ (bend @ low)
        hessian = (high.T * bend.sum(axis=1)) @ high + (low.T * bend.sum(axis=0)) @ low - across - across.T
        step, length = np.linalg.solve(hessian + strength * np.eye(len(user)), gradient), 1.0
        while length > _SHORTEST_STEP:
            gradient, pull, wrong = _gradient(user - length * step, high, low, lead, mass, strength)
            if np.linalg.norm(gradient) <= (1.0 - 0.1 * length) * size:
                break
            length /= 2.0
        user = user - length * step
    return user


def _gradient(
    user: Floats, high: Floats, low: Floats, lead: Floats, mass: Floats, strength: float
) -> tuple[Floats, Floats, Floats]:
    """Return the objective's gradient, each pair's share of it, and the chance that the pair stands in the wrong order."""
    from scipy.special import expit  # here, since whoever serves another kind of model waits for it in vain

    wrong: Floats = expit((low @ user)[None, :] - (high @ user)[:, None] - lead)
    pull = wrong * (mass / len(high))
    return pull.sum(axis=0) @ low - pull.sum(axis=1) @ high + strength * user, pull, wrong
