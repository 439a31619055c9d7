"""How slates are chosen, and with which exact probability: four logging policies."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from revealed.exploration.rank_marginals import (
    Floats,
    Ints,
    plackett_luce_rank_marginals,
    sample_plackett_luce,
)
from revealed.simulation.population import Bools

TEMPERATURE = 0.25


@dataclass(frozen=True)
class Choice:
    """Slates, one row a request: item indices (-1: slate too short), scores, propensities (NaN: unknown).

    `reach` is the number of items that could have been shown: the eligible ones, or the candidates that the
    policy draws from. `candidates` and `marginals` (the whole matrix) are kept for Plackett-Luce only.
    """

    items: Ints
    scores: Floats
    propensities: Floats
    reach: Ints
    candidates: Ints | None = None
    marginals: Floats | None = None


def _top(keys: Floats, slots: int) -> Ints:
    """Return the `slots` best columns of every row, best first; -1 where nothing finite is left."""
    order = np.argsort(-keys, axis=1, kind="stable")[:, :slots]
    return np.where(np.isfinite(np.take_along_axis(keys, order, axis=1)), order, -1).astype(np.int64)


def _at(values: Floats, items: Ints) -> Floats:
    return np.asarray(np.take_along_axis(values, np.maximum(items, 0), axis=1), dtype=np.float64)


def uniform(rng: np.random.Generator, scores: Floats, eligible: Bools, slots: int) -> Choice:
    """Show a uniform permutation of what is eligible: p_k(i) = 1/n."""
    items = _top(np.where(eligible, rng.random(scores.shape), -np.inf), slots)
    reach = eligible.sum(axis=1)
    propensities = np.broadcast_to((1.0 / np.maximum(reach, 1))[:, None], items.shape)
    return Choice(items, _at(scores, items), propensities.copy(), reach)


def epsilon_greedy(
    rng: np.random.Generator, scores: Floats, eligible: Bools, slots: int, epsilon: float
) -> Choice:
    """Show the best-scored slate, or with probability `epsilon` a uniform permutation."""
    greedy = _top(np.where(eligible, scores, -np.inf), slots)
    explored = _top(np.where(eligible, rng.random(scores.shape), -np.inf), slots)
    explores = rng.random(len(scores)) < epsilon
    items = np.where(explores[:, None], explored, greedy)
    reach = eligible.sum(axis=1)
    propensities = (1.0 - epsilon) * (items == greedy) + (epsilon / np.maximum(reach, 1))[:, None]
    return Choice(items, _at(scores, items), propensities, reach)


def plackett_luce(
    rng: np.random.Generator, scores: Floats, eligible: Bools, slots: int, candidates: int
) -> Choice:
    """Draw the slate from the best `candidates` by Plackett-Luce; anything else has propensity 0.

    The caller makes sure that every request has that many eligible items.
    """
    pool = _top(np.where(eligible, scores, -np.inf), candidates)
    pool_scores = _at(scores, pool)
    weights = np.exp((pool_scores - pool_scores.max(axis=1, keepdims=True)) / TEMPERATURE)
    drawn = sample_plackett_luce(rng, weights, slots)
    marginals = plackett_luce_rank_marginals(weights, slots)
    propensities = marginals[np.arange(len(drawn))[:, None], drawn, np.arange(slots)]
    items = np.take_along_axis(pool, drawn, axis=1)
    reach = np.full(len(items), candidates)
    return Choice(items, _at(scores, items), propensities, reach, candidates=pool, marginals=marginals)


def deterministic(scores: Floats, eligible: Bools, slots: int) -> Choice:
    """Show the best-scored slate of a system that logs no propensity: it is unknown, not 1."""
    items = _top(np.where(eligible, scores, -np.inf), slots)
    unknown = np.full(items.shape, np.nan)
    return Choice(items, _at(scores, items), unknown, eligible.sum(axis=1))
