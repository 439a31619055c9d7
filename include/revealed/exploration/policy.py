"""How a slate is drawn from a list, and with which exact probability each item came where it is: three policies, as data.

- `greedy` shows the list as it is; every propensity is 1.
- `epsilon_greedy` does so too, but with probability epsilon shows a uniform permutation of the pool.
- `plackett_luce` draws one place after the other from the pool, each in proportion to exp(utility / temperature).

The pool is the first `candidates` of a list from which everything that must not be shown is gone already, so that the
propensities are those of the draw that was made. Only one slate is drawn: nothing is filtered out afterwards.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, get_args

import numpy as np
from numpy.typing import NDArray

from revealed.errors import UsageError
from revealed.exploration.rank_marginals import Floats, Ints
from revealed.exploration.slate_propensities import plackett_luce_slate_propensities

PolicyName = Literal["greedy", "epsilon_greedy", "plackett_luce"]
POLICIES: tuple[PolicyName, ...] = get_args(PolicyName)
# exp(-600) of the best weight is not far from where numbers end. What is worth less counts as much.
_LOWEST_LOG_WEIGHT = -600.0


@dataclass(frozen=True)
class Exploration:
    """One policy with its parameters.

    Why these defaults: docs/decisions/exploration-defaults.md.

    Attributes:
        policy: which.
        epsilon: of `epsilon_greedy`: the probability of a uniform permutation.
        temperature: of `plackett_luce`, in units of utility (one standard deviation of a list's scores); the higher, the more
            is explored.
        candidates: how many of the best items are drawn from; never fewer than are asked for.

    Raises:
        UsageError: a parameter is out of its bounds.
    """

    policy: PolicyName = "plackett_luce"
    epsilon: float = 0.1
    temperature: float = 0.5
    candidates: int = 30

    def __post_init__(self) -> None:
        """Check what types alone cannot say."""
        _require(self.policy in POLICIES, "policy", self.policy, f"one of {', '.join(POLICIES)}")
        _require(0.0 <= self.epsilon <= 1.0, "epsilon", self.epsilon, "from 0 to 1")
        _require(0.05 <= self.temperature <= 1_000.0, "temperature", self.temperature, "from 0.05 to 1000")
        _require(1 <= self.candidates <= 1_000, "candidates", self.candidates, "from 1 to 1000")

    def parameters(self) -> dict[str, Any]:
        """Return what the policy depends on, for the log: plain JSON values."""
        if self.policy == "greedy":
            return {}
        own = (
            {"epsilon": self.epsilon}
            if self.policy == "epsilon_greedy"
            else {"temperature": self.temperature}
        )
        return own | {"candidates": self.candidates}


@dataclass(frozen=True)
class Slate:
    """One slate.

    Attributes:
        order: `[positions]`: places in the list that it was drawn from, in the order in which they are shown.
        propensities: `[positions]`: the probability with which this item was to come at this position.
        pool: how many items the positions that explore were drawn from.
    """

    order: Ints
    propensities: Floats
    pool: int


def slate(
    rng: np.random.Generator,
    utilities: NDArray[np.floating[Any]],
    k: int,
    exploration: Exploration,
    *,
    pinned: Mapping[int, int] | None = None,
) -> Slate:
    """Draw a slate of at most `k` from a list, and return it with its exact propensities.

    Args:
        rng: what the draw is made with.
        utilities: `[items]`, in the order of the list, finite.
        k: how many to show; fewer where the list is shorter.
        exploration: the policy.
        pinned: position (from 0) to place in the list: shown there with probability 1 if the slate reaches so far; the other
            positions are drawn from what is not pinned.

    Raises:
        UsageError: `k` is not positive, a utility is not finite, or a pin names no place, or one twice.
    """
    utilities = np.asarray(utilities, dtype=np.float64)
    positions = min(k, len(utilities))
    if k < 1 or not np.isfinite(utilities).all():
        raise UsageError(
            "a slate needs a positive length and finite utilities", where=f"{k} of {len(utilities)}"
        )
    fixed = _within(pinned or {}, positions, len(utilities))
    everything = np.arange(len(utilities))
    free = np.setdiff1d(everything, list(fixed.values())) if fixed else everything
    drawn = _drawn(rng, np.asarray(utilities[free], dtype=np.float64), positions - len(fixed), exploration)
    order, propensities = np.empty(positions, dtype=np.int64), np.ones(positions)
    is_free = np.ones(positions, dtype=bool)
    for position, place in fixed.items():
        order[position], is_free[position] = place, False
    order[is_free], propensities[is_free] = free[drawn.order], drawn.propensities
    return Slate(order, propensities, drawn.pool)


def _drawn(rng: np.random.Generator, utilities: Floats, positions: int, exploration: Exploration) -> Slate:
    """Return a slate of exactly so many positions, none pinned."""
    greedy = np.arange(positions)
    if exploration.policy == "greedy" or positions == 0:
        return Slate(greedy, np.ones(positions), positions)
    pool = min(max(exploration.candidates, positions), len(utilities))
    if exploration.policy == "epsilon_greedy":
        explores = rng.random() < exploration.epsilon
        order = rng.permutation(pool)[:positions] if explores else greedy
        chances = np.full(positions, exploration.epsilon / pool)
        return Slate(order, chances + (1.0 - exploration.epsilon) * (order == greedy), pool)
    log_weights = utilities[:pool] / exploration.temperature
    log_weights = np.maximum(log_weights - log_weights.max(), _LOWEST_LOG_WEIGHT)
    # The Gumbel-top-k trick: the order of such keys is a Plackett-Luce draw.
    keys = log_weights + rng.gumbel(size=pool)
    order = np.argsort(-keys, kind="stable")[:positions]
    return Slate(order, plackett_luce_slate_propensities(log_weights, order), pool)


def _within(pinned: Mapping[int, int], positions: int, items: int) -> dict[int, int]:
    """Return the pins that the slate reaches."""
    reached = {position: place for position, place in pinned.items() if position < positions}
    places = set(reached.values())
    if (
        len(places) < len(reached)
        or not all(0 <= place < items for place in places)
        or min(reached, default=0) < 0
    ):
        raise UsageError("a pin names a place of the list, each once", where=str(dict(pinned)))
    return reached


def _require(holds: bool, name: str, value: object, allowed: str) -> None:
    if not holds:
        raise UsageError(f"{value!r} is no {name} of exploration", where=name, remedy=f"set it {allowed}")
