"""With which probability a policy shows each item of a pool at each position: the whole matrix, for many lists at once.

`policy.slate` draws one slate and tells the probabilities of what it drew; who asks what a policy *would* show needs them
all. Whatever a policy comes to do besides (a slot for something else, say) is to be mixed in here, so that what is asked about
stays what is served.
"""

from __future__ import annotations

import numpy as np

from revealed.exploration.policy import Exploration
from revealed.exploration.rank_marginals import (
    Floats,
    epsilon_greedy_rank_marginals,
    plackett_luce_rank_marginals,
)

# As in a draw: what is worth less than exp(-600) of the best counts as much.
_LOWEST_LOG_WEIGHT = -600.0


def pool_size(exploration: Exploration, positions: int) -> int:
    """Return how many of the first items of a list `positions` are filled from; a list may be shorter."""
    return max(exploration.candidates, positions)


def pool_marginals(utilities: Floats, positions: int, exploration: Exploration) -> Floats:
    """Return `[lists, pool, positions]`, what a policy shows of some pools of the same size.

    Args:
        utilities: `[lists, pool]`, in the order of the lists, finite: all that may be drawn from.
        positions: how many are shown; positions beyond the pool's end show nothing.
        exploration: the policy.

    Raises:
        UsageError: a utility is not finite.
    """
    lists, pool = utilities.shape
    found = np.zeros((lists, pool, positions))
    filled = min(positions, pool)
    if lists and filled:
        found[:, :, :filled] = _marginals(np.asarray(utilities, dtype=np.float64), filled, exploration)
    return found


def _marginals(utilities: Floats, positions: int, exploration: Exploration) -> Floats:
    """Return `[lists or 1, pool, positions]`, as many positions as the pool can fill."""
    if exploration.policy == "plackett_luce":
        log_weights = utilities / exploration.temperature
        log_weights = np.maximum(log_weights - log_weights.max(axis=1, keepdims=True), _LOWEST_LOG_WEIGHT)
        return plackett_luce_rank_marginals(np.exp(log_weights), positions)
    epsilon = exploration.epsilon if exploration.policy == "epsilon_greedy" else 0.0
    return epsilon_greedy_rank_marginals(np.arange(positions), utilities.shape[1], epsilon)[None]
