"""Exact rank-marginal propensities: with which probability a policy shows an item at a position.

Off-policy estimates are only right when the logged propensity is this marginal. The softmax probability of an
item, its probability of being in the slate at all and the conditional probability of one draw all look
plausible and all give biased estimates; none of them is the probability of (item, position). Pure NumPy, so
that whatever logs a slate (the demo world, a gateway) logs the same numbers.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from revealed.errors import UsageError

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

_LOG_TIME_FLOOR = -34.0
_TAIL = 40.0
_CHUNK_CELLS = 4_000_000


def uniform_rank_marginals(items: int, positions: int) -> Floats:
    """Return `[items, positions]` of 1/items: a uniform permutation has no favourites."""
    return np.full((items, positions), 1.0 / items)


def epsilon_greedy_rank_marginals(greedy: Ints, items: int, epsilon: float) -> Floats:
    """Return `[items, positions]` for `greedy`, replaced with probability `epsilon` by a uniform permutation.

    p_k(i) = (1 - epsilon) 1[greedy_k = i] + epsilon / items. `greedy` holds item indices in rank order.
    """
    marginals = np.full((items, len(greedy)), epsilon / items)
    marginals[greedy, np.arange(len(greedy))] += 1.0 - epsilon
    return marginals


def plackett_luce_rank_marginals(weights: Floats, positions: int, step: float = 0.2) -> Floats:
    """Return `[..., items, positions]`, the probability that item i is at rank k under Plackett-Luce.

    Plackett-Luce draws without replacement in proportion to `weights` (> 0), which is the order of
    independent exponential arrival times with those rates. Item i comes k-th when it arrives at t and exactly
    k-1 others came before: p_k(i) = ∫ w_i e^{-w_i t} PB_{k-1}({1 - e^{-w_j t}}, j ≠ i) dt, PB the
    Poisson-binomial probability.

    The integrand is smooth in ln t, so that a trapezoid sum of width `step` converges fast: at 0.2 it agrees
    with the sum over all permutations to 1e-13, at 0.4 to 1e-8.

    Args:
        weights: `[..., items]`, positive, of any scale; exp(score / temperature) for softmax policies.
        positions: how many ranks, at most the number of items.
        step: the grid's width in ln t.

    Raises:
        UsageError: a weight is not positive and finite, or there are more positions than items.
    """
    if not np.all((weights > 0) & np.isfinite(weights)) or not 1 <= positions <= weights.shape[-1]:
        raise UsageError(
            "Plackett-Luce needs positive finite weights and at most as many positions as items",
            where=f"{weights.shape[-1]} items, {positions} positions",
        )
    flat = np.atleast_2d(weights).reshape(-1, weights.shape[-1])
    rates = flat / flat.sum(axis=1, keepdims=True)
    log_time = np.arange(_LOG_TIME_FLOOR, np.log(_TAIL / rates.min()) + step, step)
    per_request = rates.shape[1] * positions * len(log_time) * 2
    chunk = max(1, _CHUNK_CELLS // per_request)
    parts = [
        _marginals(rates[start : start + chunk], positions, np.exp(log_time)) * step
        for start in range(0, len(rates), chunk)
    ]
    return np.concatenate(parts).reshape(*weights.shape, positions)


def _marginals(rates: Floats, positions: int, time: Floats) -> Floats:
    """Sum the integrand over the grid: `[requests, items, positions]`, still to be multiplied by the step."""
    arrived = -np.expm1(-rates[:, :, None] * time)
    density = rates[:, :, None] * time * np.exp(-rates[:, :, None] * time)
    before = _counts_of_arrivals(arrived, positions)
    after = _counts_of_arrivals(arrived[:, ::-1], positions)[:, ::-1]
    result = np.empty((*rates.shape, positions))
    for rank in range(positions):
        exactly = sum(before[:, :, a] * after[:, :, rank - a] for a in range(rank + 1))
        result[:, :, rank] = np.sum(density * exactly, axis=2)
    return result


def _counts_of_arrivals(arrived: Floats, positions: int) -> Floats:
    """Return `[requests, items, counts, time]`: how many items *before* each have arrived.

    Leaving an item out by joining the counts before and after it only adds and multiplies positive numbers;
    dividing it out of the full count loses all digits where it has almost surely arrived.
    """
    requests, items, points = arrived.shape
    counts = np.zeros((requests, items, positions, points))
    counts[:, 0, 0] = 1.0
    for item in range(1, items):
        here = arrived[:, item - 1, None]
        counts[:, item] = counts[:, item - 1] * (1.0 - here)
        counts[:, item, 1:] += counts[:, item - 1, :-1] * here
    return counts


def sample_plackett_luce(rng: np.random.Generator, weights: Floats, positions: int) -> Ints:
    """Return `[requests, positions]` item indices in rank order, drawn by the Gumbel-top-k trick."""
    keys = np.log(weights) + rng.gumbel(size=weights.shape)
    return np.argsort(-keys, axis=-1, kind="stable")[..., :positions].astype(np.int64)
