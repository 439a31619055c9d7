"""Which past interactions made an item rank: exactly where the model allows it, and said plainly where it does not.

For alternating least squares (Hu, Koren, Volinsky 2008, section 5) one user's score for item i is a sum over liked items j,

    score(i) = sum of c_j s_ij,   s_ij = y_i' W y_j,   W = A^-1,

with A the matrix of the user's normal equations: s_ij is how alike the two items are to this user. The sum is exact. A
dislike is preference 0, so it has no term of its own: it is in A alone, and says "less of this". What it took away is the
score without it minus the score with it, in closed form (Sherman and Morrison 1950), w = |c_j| - 1 being what its
confidence adds to that of a pair of which nothing is known:

    score without j - score = w s_ij x'y_j / (1 - w s_jj),   x = W b the user's factors.

These are effects of one at a time, and do not add up to anything.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from revealed.evaluation.metrics import Csr
from revealed.training.als import ImplicitALS
from revealed.training.factor_model import FactorModel
from revealed.training.ials import FrequencyScaledALS
from revealed.training.matrix import only
from revealed.training.popularity import Popularity, ScoredItems
from revealed.training.protocol import Recommender

EXACT, ONE_LEFT_OUT, CROWD, UNEXPLAINED = "exact", "one_left_out", "crowd", "unexplained"

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Contribution:
    """What one past interaction did to a score.

    Attributes:
        item: position in the model's items.
        confidence: the signed confidence in the item.
        amount: how much of the score it is, or by how much the score would be lower without it.
    """

    item: int
    confidence: float
    amount: float


@dataclass(frozen=True)
class ScoreExplanation:
    """Why an item has its score for a user.

    Attributes:
        method: `exact` (the likes' amounts sum to the score), `one_left_out` (each is the score's drop without it),
            `crowd` (how many people like it; nothing of the user), or `unexplained`.
        score: the model's score of the item for this user.
        likes: the greatest amount first.
        dislikes: what each did (amounts are mostly negative), the most harmful first.
        people: how many people like the item, for popularity; else None.
    """

    method: str
    score: float
    likes: list[Contribution]
    dislikes: list[Contribution]
    people: int | None = None


def explain_score(model: Recommender, confidence: Csr, item: int) -> ScoreExplanation:
    """Return what made the score of `item` (a position in the model's items) for one user.

    Args:
        model: a fitted recommender.
        confidence: one row of signed confidences over the model's items.
        item: which item to explain.
    """
    if isinstance(model, ImplicitALS):
        return _solved(model, confidence, item, _implicit_system(model, confidence))
    if isinstance(model, FrequencyScaledALS):
        likes = only(confidence, confidence.data > 0)
        return _solved(model, likes, item, _frequency_scaled_system(model, likes))
    if isinstance(model, FactorModel):
        return _one_left_out(model, confidence, item)
    if isinstance(model, ScoredItems):
        # Popularity's scores are counts, and less than one for breaking ties.
        people = int(model.scores[item]) if isinstance(model, Popularity) else None
        return ScoreExplanation(CROWD, float(model.scores[item]), [], [], people=people)
    return ScoreExplanation(UNEXPLAINED, float("nan"), [], [])


def _implicit_system(model: ImplicitALS, confidence: Csr) -> Floats:
    """Return A = Y'Y + lambda I + sum of (|c| - 1) y y', over likes and dislikes."""
    known = model.item_factors[confidence.indices].astype(np.float64)
    beyond = np.abs(confidence.data).astype(np.float64) - 1.0
    ridge = model.parameters["regularization"] * np.eye(known.shape[1])
    return np.asarray(_gram(model) + ridge + (known.T * beyond) @ known)


def _frequency_scaled_system(model: FrequencyScaledALS, likes: Csr) -> Floats:
    """Return A = alpha0 Y'Y + lambda (n + alpha0 I) I + sum of c y y', in the data's unit; dislikes are not in it."""
    known = model.item_factors[likes.indices].astype(np.float64)
    ridge = model.penalty(likes.nnz) * np.eye(known.shape[1])
    return np.asarray(model.unobserved * _gram(model) + ridge + (known.T * likes.data) @ known)


def _gram(model: FactorModel) -> Floats:
    factors = model.item_factors.astype(np.float64)
    return factors.T @ factors


def _solved(model: FactorModel, confidence: Csr, item: int, system: Floats) -> ScoreExplanation:
    """Return the terms of the sum, and what each dislike took away."""
    stored = confidence.data.astype(np.float64)
    known = model.item_factors[confidence.indices].astype(np.float64)
    wanted = model.item_factors[item].astype(np.float64)
    solved = np.linalg.solve(system, np.column_stack([wanted, known.T]))
    alike = known @ solved[:, 0]
    own = np.einsum("jf,fj->j", known, solved[:, 1:])
    amounts = np.maximum(stored, 0.0) * alike
    user = solved[:, 1:] @ np.maximum(stored, 0.0)
    beyond = np.abs(stored) - 1.0
    taken = -beyond * alike * (known @ user) / (1.0 - beyond * own)
    amounts = np.where(stored > 0, amounts, taken)
    return _explanation(EXACT, float(amounts[stored > 0].sum()), confidence, amounts)


def _one_left_out(model: FactorModel, confidence: Csr, item: int) -> ScoreExplanation:
    """Return by how much the score falls when each interaction alone is taken away: works for any way to solve a user."""
    wanted = model.item_factors[item].astype(np.float64)
    score = float(model.fold_in(confidence)[0] @ wanted)
    others = _without_each(confidence)
    left = model.fold_in(others).astype(np.float64) @ wanted if confidence.nnz else np.empty(0)
    return _explanation(ONE_LEFT_OUT, score, confidence, score - left)


def _without_each(confidence: Csr) -> Csr:
    """Return one row for each stored entry, holding all the others."""
    count = confidence.nnz
    repeated = confidence[np.zeros(count, dtype=np.int64)]
    return only(repeated, ~np.eye(count, dtype=bool).ravel())


def _explanation(method: str, score: float, confidence: Csr, amounts: Floats) -> ScoreExplanation:
    stored = confidence.data

    def found(which: Callable[[Any], Any], order: Floats) -> list[Contribution]:
        places = [at for at in np.argsort(order, kind="stable") if which(stored[at])]
        return [
            Contribution(int(confidence.indices[at]), float(stored[at]), float(amounts[at])) for at in places
        ]

    likes = found(lambda value: value > 0, -amounts)
    return ScoreExplanation(method, score, likes, found(lambda value: value < 0, amounts))
