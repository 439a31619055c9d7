"""The arms of the closed-loop experiment: how each orders what can be shown, how it explores, and what it logs of that."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from revealed.exploration.rank_marginals import (
    Floats,
    Ints,
    plackett_luce_rank_marginals,
    sample_plackett_luce,
)
from revealed.simulation.policies import Choice
from revealed.simulation.population import Bools

# The least weight beside the best's 1: what the exact marginals' grid and 64-bit numbers carry without a loss.
_LOWEST_UTILITY_OVER_TEMPERATURE = -25.0
# Of the marginals' grid: exact to eight digits, at half the cost of the default.
_STEP = 0.4


@dataclass(frozen=True)
class Arm:
    """One way to run the service.

    Attributes:
        name: as the table calls it.
        learns: whether its lists come from the platform; else `recent` or `oracle` say what they come from.
        temperature: of Plackett-Luce over the best `candidates`; 0 shows the best as they are.
        logs_propensities: whether the inference log says with which probability an item stood where it did.
        logs_scores: whether it says what the ranker thought of the item.
        candidates: how many of the best it draws from.
    """

    name: str
    learns: bool = True
    temperature: float = 0.0
    logs_propensities: bool = True
    logs_scores: bool = True
    candidates: int = 100

    @property
    def policy(self) -> str:
        """What the inference log calls it."""
        return "plackett_luce" if self.temperature else "greedy"


TEMPERATURE = 0.7
STATIC, ORACLE = Arm("most recent", learns=False, logs_propensities=False), Arm("oracle", learns=False)
EXPLORING = Arm("learning, exploring", temperature=TEMPERATURE)
GREEDY = Arm("exploration off")
IGNORED = Arm(
    "propensities ignored", temperature=TEMPERATURE, logs_propensities=False, logs_scores=False
)
ARMS = (STATIC, EXPLORING, GREEDY, IGNORED, ORACLE)


def choose(arm: Arm, rng: np.random.Generator, utilities: Floats, eligible: Bools, slots: int) -> Choice:
    """Return one slate a row, drawn as the arm draws, with the exact probability of every item at its place.

    Args:
        arm: how it explores.
        rng: of the draws; as many are taken whatever the arm, so that arms stay comparable.
        utilities: `[requests, items]`, higher is better; minus infinity for what the lists do not hold.
        eligible: `[requests, items]`, what may be shown.
        slots: items a slate.
    """
    keys = np.where(eligible, utilities, -np.inf)
    pool = np.argsort(-keys, axis=1, kind="stable")[:, : arm.candidates]
    values = np.take_along_axis(keys, pool, axis=1)
    known = np.isfinite(values)
    reach = known.sum(axis=1)
    weights = _weights(values, known, arm.temperature)
    drawn = sample_plackett_luce(rng, np.maximum(weights, 1e-300), slots)
    if not arm.temperature:
        drawn = np.broadcast_to(np.arange(slots), drawn.shape)
    items = np.take_along_axis(pool, drawn, axis=1)
    shown = np.take_along_axis(known, drawn, axis=1)
    propensities = _propensities(arm, weights, reach, drawn)
    scores = np.take_along_axis(np.where(known, values, np.nan), drawn, axis=1)
    return Choice(np.where(shown, items, -1), scores, np.where(shown, propensities, np.nan), reach)


def _weights(values: Floats, known: Bools, temperature: float) -> Floats:
    best = np.max(np.where(known, values, -np.inf), axis=1, keepdims=True)
    gap = np.where(known, values - best, 0.0) / (temperature or 1.0)
    return np.where(known, np.exp(np.maximum(gap, _LOWEST_UTILITY_OVER_TEMPERATURE)), 0.0)


def _propensities(arm: Arm, weights: Floats, reach: Ints, drawn: Ints) -> Floats:
    """Exact rank marginals, requests with equally many candidates at once; NaN for an arm that logs none."""
    found = np.full(drawn.shape, np.nan)
    if not arm.logs_propensities:
        return found
    if not arm.temperature:
        return np.ones(drawn.shape)
    for count in np.unique(reach):
        rows = np.flatnonzero(reach == count)
        slots = min(drawn.shape[1], int(count))
        if not slots:
            continue
        marginals = plackett_luce_rank_marginals(weights[rows, :count], slots, step=_STEP)
        places = np.minimum(drawn[rows, :slots], count - 1)
        found[rows, :slots] = marginals[np.arange(len(rows))[:, None], places, np.arange(slots)]
    return found
