"""How sure a factor model is of a person's scores: the posterior that its normal equations imply.

Alternating least squares is the posterior mean of a linear model with known item factors: a pair held with confidence c is
an observation of variance sigma2 / c, the ridge is a Gaussian prior, so that Cov(x_u) = sigma2 (Y'C_uY + ridge I)^-1.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from revealed.errors import NoDataError
from revealed.training.als import ImplicitALS
from revealed.training.ials import FrequencyScaledALS
from revealed.training.protocol import Recommender

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


@dataclass(frozen=True)
class NormalEquations:
    """What a factor model solves for one person: `unobserved` Y'Y + sum of excess y y' + ridge I.

    Attributes:
        factors: the item factors Y, items by factors.
        gram: Y'Y.
        unobserved: weight of a pair of which nothing is known.
        ridge, ridge_per_like: the ridge, and what each like adds to it.
        only_likes: whether dislikes count as unobserved.
    """

    factors: Floats
    gram: Floats
    unobserved: float
    ridge: float
    ridge_per_like: float
    only_likes: bool

    def excess(self, confidence: Floats) -> Floats:
        """Return what each signed confidence adds to the weight that its pair has anyway."""
        if self.only_likes:
            return np.maximum(confidence, 0.0)
        return np.abs(confidence) - self.unobserved

    def inverse(self, items: Ints, confidence: Floats) -> Floats:
        """Return (Y'C_uY + ridge I)^-1 for a person who holds `items` with these signed confidences."""
        known = self.factors[items]
        ridge = self.ridge + self.ridge_per_like * int((confidence > 0).sum())
        matrix = self.unobserved * self.gram + (known.T * self.excess(confidence)) @ known
        return np.asarray(np.linalg.inv(matrix + ridge * np.eye(len(matrix))), dtype=np.float64)


def normal_equations(model: Recommender) -> NormalEquations:
    """Return what the model solves for a person.

    Raises:
        NoDataError: the model has no item factors, such as popularity: it cannot say how sure it is.
    """
    if not isinstance(model, ImplicitALS | FrequencyScaledALS):
        raise NoDataError(
            f"the model {model.name!r} has no factors, so that nothing tells which answers would teach it most",
            where="the champion",
            remedy="queries are published from the first ALS model that becomes champion",
        )
    factors = model.item_factors.astype(np.float64)
    parameters = model.parameters
    if isinstance(model, FrequencyScaledALS):
        ridge, per_like = model.penalty(0), model.penalty(1) - model.penalty(0)
        return NormalEquations(
            factors, factors.T @ factors, model.unobserved, ridge, per_like, only_likes=True
        )
    ridge = float(parameters["regularization"])
    return NormalEquations(factors, factors.T @ factors, 1.0, ridge, 0.0, only_likes=False)


def leverage(inverse: Floats, factors: Floats) -> Floats:
    """Return y' inverse y for each row y: times sigma2, the variance of the person's score of the item."""
    return np.asarray(np.einsum("ij,ij->i", factors @ inverse, factors), dtype=np.float64)


def noise(residual: Floats, confidence: Floats, spread: Floats) -> float:
    """Return sigma2 from pairs that the person's factors were solved without: mean of residual^2 / (1 / c + leverage).

    A residual's variance is sigma2 (1 / c + leverage). Confidences that are alpha times too large make both terms alpha
    times too small; sigma2 grows to match, so that intervals are as wide as the errors that are seen.

    Args:
        residual: preference (0 or 1) less score.
        confidence: of the pair, without sign.
        spread: its leverage.
    """
    return float(np.mean(residual**2 / (1.0 / confidence + spread)))


def information(
    inverse: Floats, gram: Floats, factors: Floats, answer: float, excess: Floats | None = None
) -> Floats:
    """Return by how much an answer would lower the summed variance of the person's scores of all items, over sigma2.

    One observation y with confidence c lowers the inverse B by B y y' B / (1 / c + y'By), and so the trace of Y B Y' by
    y'B Y'Y B y / (1 / c + y'By).

    Args:
        inverse: B, of what is known now.
        gram: Y'Y over all items.
        factors: y of the items that could be asked about, as rows.
        answer: c, the confidence of an answer.
        excess: for items already known, the weight they have in B, which is taken out first (Sherman and Morrison).
    """
    toward = factors @ inverse
    spread = np.einsum("ij,ij->i", toward, factors)
    gain = np.einsum("ij,jk,ik->i", toward, gram, toward, optimize=True)
    if excess is not None:
        left = 1.0 - excess * spread
        spread, gain = spread / left, gain / left**2
    return np.asarray(gain / (1.0 / answer + spread), dtype=np.float64)
