"""Factors for items that a model has never seen, foretold from their content (Gantner et al., ICDM 2010).

Ridge regression from content to factors over the items that the model knows. The ridge is the one that foretells best
an item left out, which for ridge regression is known in closed form: the residual over one minus the leverage.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from revealed.evaluation.metrics import Csr
from revealed.training.factor_model import FactorModel
from revealed.training.item_content import ItemContent
from revealed.training.matrix import Ids, moved, positions, selection

Floats = NDArray[np.float64]

# Fewer items than this teach nothing that could be trusted.
_FEWEST_ITEMS = 20
_LEAST_R2 = 0.01
_CERTAIN = 3.0
# In units of the mean variance along an axis; the last is as good as no content at all.
_RIDGES = np.logspace(-4, 5, 10)
_LARGEST_SAMPLE = 2_000
_SEED = 19


@dataclass(frozen=True)
class ContentMap:
    """A ridge regression from features to factors, and how well it foretells items left out.

    Attributes:
        intercept: the factors of an item of mean features.
        center: the mean features.
        slopes: features by factors.
        ridge: the strength chosen.
        items: how many items it was learned from.
        r2: share of the factors' variance that content foretells of items left out; 0 is what their mean does.
        rank_quality: how often the foretold factors point nearer to the item's own than to another item's; chance is .5.
        reason: why it must not be used; empty where it may.
    """

    intercept: Floats
    center: Floats
    slopes: Floats
    ridge: float
    items: int
    r2: float
    rank_quality: float
    reason: str

    @property
    def accepted(self) -> bool:
        """Whether content explains enough for cold items to be placed by it."""
        return not self.reason

    def foretell(self, features: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return the factors for rows of features."""
        foretold: NDArray[np.float32] = (self.intercept + (features - self.center) @ self.slopes).astype(
            np.float32
        )
        return foretold

    def to_dict(self) -> dict[str, Any]:
        """Return plain JSON values: what a reviewer reads of it."""
        return {
            name: getattr(self, name)
            for name in ("accepted", "items", "ridge", "r2", "rank_quality", "reason")
        }


class WithColdItems(FactorModel):
    """A fitted model with further items, placed by content. People are solved from the model's own items, as without them.

    Attributes:
        is_cold: for each item, whether its factors were foretold.
    """

    def __init__(self, model: FactorModel, content: ItemContent, mapping: ContentMap) -> None:
        self.parameters, self._model = model.parameters, model
        described = content.items[content.is_described]
        self.items: Ids = np.unique(np.concatenate([model.items, described]))
        self.item_factors = np.zeros((len(self.items), model.item_factors.shape[1]), dtype=np.float32)
        self.item_factors[positions(model.items, self.items)] = model.item_factors
        # Nobody's like is in a factor of zeros: such an item is as cold as one that the model lacks.
        self.is_cold = ~self.item_factors.any(axis=1) & (positions(self.items, described) >= 0)
        self.item_factors[self.is_cold] = mapping.foretell(content.features_of(self.items[self.is_cold]))
        self._own = selection(self.items, model.items)

    def fold_in(self, confidence: Csr) -> NDArray[np.float32]:
        """Return the model's own user factors; what is known of cold items plays no part."""
        return self._model.fold_in(moved(confidence, self._own))

    def _tastes(self) -> NDArray[np.float32]:
        return self.item_factors[:, : self._model._tastes().shape[1]]


def map_content(model: FactorModel, content: ItemContent) -> ContentMap:
    """Return the regression from content to the model's item factors, accepted or refused.

    It is refused where fewer than 20 items have both, and where content does not foretell items left out better than
    their mean does: R² below .01, or a gain within three standard errors of none.
    """
    features = content.features_of(model.items)
    learned = features.any(axis=1) & model.item_factors.any(axis=1)
    x, y = features[learned].astype(np.float64), model.item_factors[learned].astype(np.float64)
    if len(x) < _FEWEST_ITEMS:
        reason = f"only {len(x)} items have both factors and content, fewer than {_FEWEST_ITEMS}"
        width = y.shape[1]
        return ContentMap(
            np.zeros(width),
            np.zeros(x.shape[1]),
            np.zeros((x.shape[1], width)),
            0.0,
            len(x),
            0.0,
            0.5,
            reason,
        )
    with threadpool_limits(limits=1, user_api="blas"):
        return _chosen(x, y)


def leave_one_out(x: Floats, y: Floats, ridge: float) -> Floats:
    """Return y minus what the ridge regression on all other rows foretells of it, row by row, in closed form.

    Both are centred by their means over all rows; the intercept is not held back. Allen 1974 (PRESS): the residual of
    the fit on all rows over 1 - leverage.
    """
    axes = _Axes(x, y)
    return axes.left_out(ridge)


class _Axes:
    """The regression along the principal axes of x, so that every ridge costs one product."""

    def __init__(self, x: Floats, y: Floats) -> None:
        self.center, self.intercept = x.mean(axis=0), y.mean(axis=0)
        self.y = y - self.intercept
        centred = x - self.center
        spread, self.axes = np.linalg.eigh(centred.T @ centred)
        self.spread = np.maximum(spread, 0)
        self.turned = centred @ self.axes
        self.wanted = self.turned.T @ self.y

    def slopes(self, ridge: float) -> Floats:
        return np.asarray(self.axes @ (self.wanted / (self.spread + ridge)[:, None]))

    def left_out(self, ridge: float) -> Floats:
        shrunk = 1 / (self.spread + ridge)
        residual = self.y - self.turned @ (self.wanted * shrunk[:, None])
        leverage = 1 / len(self.y) + self.turned**2 @ shrunk
        return np.asarray(residual / np.maximum(1 - leverage, 1e-12)[:, None])

    @property
    def unit(self) -> float:
        return max(float(self.spread.mean()), 1e-12)


def _chosen(x: Floats, y: Floats) -> ContentMap:
    axes = _Axes(x, y)
    ridges = [float(step * axes.unit) for step in _RIDGES]
    losses = [float((axes.left_out(ridge) ** 2).sum()) for ridge in ridges]
    ridge = ridges[int(np.argmin(losses))]
    residual = axes.left_out(ridge)
    by_mean = (axes.y * (len(y) / (len(y) - 1))) ** 2
    gain = by_mean.sum(axis=1) - (residual**2).sum(axis=1)
    r2 = float(gain.sum() / max(by_mean.sum(), 1e-300))
    certainty = float(gain.mean() / max(gain.std(ddof=1) / np.sqrt(len(gain)), 1e-300))
    quality = _rank_quality(axes.y - residual, axes.y)
    reason = "" if r2 >= _LEAST_R2 and certainty >= _CERTAIN else _refusal(r2, certainty)
    return ContentMap(axes.intercept, axes.center, axes.slopes(ridge), ridge, len(x), r2, quality, reason)


def _refusal(r2: float, certainty: float) -> str:
    return (
        f"content foretells {max(r2, 0):.1%} of the variance of factors of items left out, {certainty:.1f} standard"
        f" errors from none; {_LEAST_R2:.0%} and {_CERTAIN:g} are asked for"
    )


def _rank_quality(foretold: Floats, own: Floats) -> float:
    chosen = np.arange(len(own))
    if len(own) > _LARGEST_SAMPLE:
        chosen = np.random.default_rng(_SEED).choice(len(own), _LARGEST_SAMPLE, replace=False)
    cosines = _directions(foretold[chosen]) @ _directions(own[chosen]).T
    mine = np.diag(cosines)[:, None]
    nearer = (cosines < mine).sum() + 0.5 * ((cosines == mine).sum() - len(chosen))
    return float(nearer / (len(chosen) * (len(chosen) - 1)))


def _directions(rows: Floats) -> Floats:
    return np.asarray(rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-300))
