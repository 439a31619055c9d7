"""Bradley and Terry's model on features: P(i over j) = sigma(w'(x_i - x_j)), and how its probabilities are made honest.

What is fitted are differences between two items of one list, so that whatever both share (the person, the moment, the
surface) falls away, and there is no intercept: a pair and its mirror image say the same.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import brentq
from scipy.special import expit
from threadpoolctl import threadpool_limits

Floats = NDArray[np.float64]

# Pairs that are all on the right side would otherwise be believed without limit.
_COLDEST, _HOTTEST = 1e-2, 1e2
_BINS = 10


def fit(differences: Floats, weight: Floats, penalty: float = 1.0) -> Floats:
    """Return w that minimises sum of weight log(1 + exp(-w'd)) + penalty w'w / 2, by Newton's method.

    Every pair is given to scikit-learn with its mirror image at half the weight: the same loss, and both labels exist.

    Args:
        differences: features of the chosen item less those of the rejected one, one row a pair.
        weight: of each pair, positive.
        penalty: the ridge, in units of pairs of weight 1; features should be of like size.
    """
    from sklearn.linear_model import LogisticRegression

    model = LogisticRegression(
        C=1.0 / penalty, fit_intercept=False, solver="newton-cholesky", tol=1e-10, max_iter=200
    )
    labels = np.repeat([1, 0], len(differences))
    with threadpool_limits(limits=1, user_api="blas"):
        model.fit(np.vstack([differences, -differences]), labels, sample_weight=np.tile(weight, 2) / 2)
    return np.asarray(model.coef_[0], dtype=np.float64)


def log_loss(margin: Floats, weight: Floats) -> float:
    """Return the weighted mean of -log P(chosen over rejected), P = sigma(margin); log 2 is what a coin gets."""
    return float(np.average(np.logaddexp(0.0, -margin), weights=weight))


def temperature(margin: Floats, weight: Floats) -> float:
    """Return the T at which sigma(margin / T) has the least log loss (Guo et al., ICML 2017), within [.01, 100].

    With s = 1 / T the loss is convex, and its slope, the weighted mean of -m sigma(-s m), is zero at the least.
    """

    def slope(inverse: float) -> float:
        return float(-(weight * margin) @ expit(-inverse * margin))

    low, high = 1 / _HOTTEST, 1 / _COLDEST
    if slope(low) >= 0:
        return _HOTTEST
    return _COLDEST if slope(high) <= 0 else 1.0 / float(brentq(slope, low, high, xtol=1e-12))


def calibration_error(margin: Floats, weight: Floats) -> float:
    """Return the expected calibration error: how far the share of right calls is from what was claimed, on average.

    A pair's claim is the probability of the likelier side, in ten bins of equal width from .5 to 1; bins count by weight.
    """
    claimed = expit(np.abs(margin))
    bins = np.minimum(((claimed - 0.5) * 2 * _BINS).astype(int), _BINS - 1)
    gap = np.bincount(bins, weights=weight * (claimed - right(margin)), minlength=_BINS)
    return float(np.abs(gap).sum() / weight.sum())


def right(margin: Floats) -> Floats:
    """Return 1 where the chosen item is ahead, 0 where it is behind, a half between equals."""
    return np.asarray(0.5 + 0.5 * np.sign(margin), dtype=np.float64)
