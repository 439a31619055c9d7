"""The propensities of one slate that was drawn by Plackett-Luce: only its own cells, cheap enough for every request.

`plackett_luce_rank_marginals` gives the whole matrix of items and positions; who serves needs the one cell of each shown
item. It is the same integral, over fewer points of a better variable.
"""

from __future__ import annotations

import math
from functools import lru_cache

import numpy as np

from revealed.errors import UsageError
from revealed.exploration.rank_marginals import Floats, Ints

# Of a cell, relatively: what the grid's width may cost. Rounding costs 1e-13.
_GRID_ERROR = 1e-11
# After 40 of its mean times an item has come, but for e^-40; before t(-3.3) = e^-30 nothing has.
_TAIL = 40.0
_FIRST = -3.3


def plackett_luce_slate_propensities(log_weights: Floats, slate: Ints) -> Floats:
    """Return, for each position of a slate, the probability that its item is at that rank under Plackett-Luce.

    p_k(i) = ∫ w_i e^{-w_i t} PB_{k-1}({1 - e^{-w_j t}}, j ≠ i) dt, as in `rank_marginals`. The counts of items that were not
    shown are taken once; each shown item then needs the counts of those before and after it in the slate. All terms are
    positive, so that small propensities keep their digits. t = exp(z - e^-z) makes the integrand fall off
    double-exponentially on the left (Takahasi and Mori, Publ. RIMS 1974), and a trapezoid sum in z converge fast.

    Args:
        log_weights: `[items]`, finite; score / temperature for softmax policies. Only differences matter.
        slate: `[positions]`, the places of the shown items in `log_weights`, in rank order, each once.

    Raises:
        UsageError: a weight is not finite, or the slate is empty or names an item twice or one that there is not.
    """
    items, positions = len(log_weights), len(slate)
    if not np.isfinite(log_weights).all() or not _is_slate(slate, items):
        raise UsageError(
            "propensities need finite weights and a slate of distinct items",
            where=f"{items} items, {positions} positions",
        )
    weights = np.exp(log_weights - log_weights.max())
    rates = weights / weights.sum()
    step = _grid_step(positions)
    grid = np.arange(_FIRST, math.log(_TAIL / _last_rate(rates, positions)) + step, step)
    fall = np.exp(-grid)
    exposure = rates[:, None] * np.exp(grid - fall)
    left, arrived = np.exp(-exposure), -np.expm1(-exposure)
    counts = _counts(arrived, left, sorted(set(range(items)).difference(slate.tolist())), positions)
    exactly = _exactly_before(counts, arrived[slate], left[slate])
    density = exposure[slate] * left[slate] * (1.0 + fall)
    cells: Floats = np.minimum(np.einsum("kt,kt->k", density, exactly) * step, 1.0)
    return cells


def _is_slate(slate: Ints, items: int) -> bool:
    named = slate.tolist()
    return 0 < len(named) == len(set(named)) and min(named) >= 0 and max(named) < items


@lru_cache(maxsize=1_024)
def _grid_step(positions: int) -> float:
    """Return a width at which the trapezoid sum is exact enough for so many positions.

    The sharpest integrand is that of the last of many equal items, t^{k-1} e^{-t} / (k-1)!. In ln t its Fourier transform is
    Γ(k + iω) / Γ(k), whose value at ω = 2π / width bounds the error; |Γ(k + iω)|² = πω / sinh(πω) · Π_{0<j<k} (j² + ω²).
    """
    width = 0.3
    while _log_error(positions, 2 * math.pi / width) > math.log(_GRID_ERROR):
        width *= 0.95
    return width


def _log_error(positions: int, omega: float) -> float:
    orders = np.arange(1, positions)
    grown = float(np.log1p((omega / orders) ** 2).sum())
    return 0.5 * (math.log(2 * math.pi * omega) - math.pi * omega + grown)


def _last_rate(rates: Floats, positions: int) -> float:
    """Return the rate of the item after whose coming all positions are filled: the next in the order of weights."""
    last = max(len(rates) - positions - 1, 0)
    return float(np.partition(rates, last)[last])


def _counts(arrived: Floats, left: Floats, items: list[int], positions: int) -> Floats:
    """Return `[positions, time]`: the probability that so many of the items, from none, have arrived."""
    counts = np.zeros((positions, arrived.shape[1]))
    counts[0] = 1.0
    for item in items:
        counts = _with(counts, arrived[item], left[item])
    return counts


def _with(counts: Floats, arrived: Floats, left: Floats) -> Floats:
    """Return the counts with one more item that may have arrived; those beyond the last are dropped."""
    more: Floats = counts * left
    more[1:] += counts[:-1] * arrived
    return more


def _exactly_before(counts: Floats, arrived: Floats, left: Floats) -> Floats:
    """Return `[positions, time]`: that exactly k of all others have arrived, for the k-th shown item (from 0).

    `counts` are those of the items that were not shown.
    """
    before = [counts]
    for place in range(len(arrived) - 1):
        before.append(_with(before[-1], arrived[place], left[place]))
    after = np.zeros_like(counts)
    after[0] = 1.0
    exactly = np.empty_like(counts)
    for place in range(len(arrived) - 1, -1, -1):
        exactly[place] = np.einsum("at,at->t", before[place][: place + 1], after[place::-1])
        after = _with(after, arrived[place], left[place])
    return exactly
