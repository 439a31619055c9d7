"""A small model of the reward, for the estimators that are sure of half of the answer before they weigh the log.

q(x, k, a) = theta_k · gamma(x, a): how much a position earns beside the average one, times how much an item earns (in this
context). Rare items are drawn to the average item, an item in a context to the item. The estimators stay right when the
model is wrong, and only gain less; so it is plain on purpose.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from revealed.evaluation.off_policy.policy_log import Floats, Ints, PolicyLog

FOLDS = 5
# Rows of an average item that an item's own rows are mixed with.
_PRIOR_ROWS = 20.0
# Cells of a table of contexts by positions by items; above, contexts are not told apart.
_MOST_CELLS = 20_000_000


def predict(log: PolicyLog, chosen: NDArray[np.bool_]) -> Floats:
    """Return `[contexts or 1, positions, items]`, the expected reward of showing an item, learnt from the chosen rows."""
    reward = log.reward[chosen]
    contexts, positions, items = log.shape
    mean = float(reward.mean()) if len(reward) else 0.0
    place = _shrunk(log.position[chosen], reward, np.full(positions, mean))
    item = _shrunk(log.item[chosen], reward, np.full(items, mean))
    if contexts > 1 and contexts * positions * items <= _MOST_CELLS:
        cell = log.context[chosen] * items + log.item[chosen]
        item = _shrunk(cell, reward, np.tile(item, contexts))
    theta = place / mean if mean else np.ones(positions)
    predicted: Floats = item.reshape(-1, 1, items) * theta[None, :, None]
    return predicted


def fold_of(log: PolicyLog, seed: int) -> Ints:
    """Return which of the folds each row belongs to; a person's rows are together."""
    people = int(log.person.max()) + 1
    dealt: Ints = np.random.default_rng(seed).permutation(people)[log.person] % FOLDS
    return dealt


def _shrunk(code: Ints, reward: Floats, prior: Floats) -> Floats:
    """Return each code's mean reward, mixed with `_PRIOR_ROWS` rows of its prior."""
    count = np.bincount(code, minlength=len(prior))
    total = np.bincount(code, weights=reward, minlength=len(prior))
    means: Floats = (total + _PRIOR_ROWS * prior) / (count + _PRIOR_ROWS)
    return means
