"""Rank-biased overlap of two lists (Webber, Moffat & Zobel 2010, ACM TOIS 28(4)), extrapolated: RBO_EXT, equation 32.

RBO is the expected share of items that two lists have in common, seen by somebody who looks at one place more with
probability p each time. Lists that end are extrapolated as if their agreement went on. An item that both lists hold counts from
the depth m on that is the greater of its two ranks, so that the sum over depths is a sum over common items:
sum_d X_d/d p^d = sum over common items of (C(l) - C(m - 1)), where C(d) = sum_{i<=d} p^i / i.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

# Somebody who looks at ten places on average; the first ten have 86 % of the weight (Webber et al., section 4.3).
PERSISTENCE = 0.9


def head_weights(depth: int, p: float = PERSISTENCE) -> Floats:
    """Return C(0), ..., C(`depth`): the sums of p^i / i."""
    at = np.arange(1, depth + 1)
    return np.concatenate([[0.0], np.cumsum(p**at / at)])


def extrapolated_overlap(
    short: Ints, long: Ints, common_short: Ints, common: Ints, heads: Floats, p: float = PERSISTENCE
) -> Floats:
    """Return the RBO_EXT of many pairs of lists, each 0 (nothing in common) to 1 (the same).

    Args:
        short: length of the shorter list of each pair, 1 or more.
        long: length of the longer one.
        common_short: common items whose greater rank is within `short`.
        common: common items in all.
        heads: sum of C(m - 1) over the common items, m the greater of an item's two ranks.
        p: persistence, between 0 and 1.
    """
    weights = head_weights(int(long.max(initial=0)), p)
    tails = common * weights[long] - heads
    agreement = common_short / short
    # sum over d of X_s (d - s) / (s d) p^d, for the depths that only the longer list reaches
    powers = (p ** (short + 1) - p ** (long + 1)) / (1 - p)
    assumed = agreement * (powers - short * (weights[long] - weights[short]))
    found: Floats = (1 - p) / p * (tails + assumed) + ((common - common_short) / long + agreement) * p**long
    return found


def rank_biased_overlap(first: Sequence[str], second: Sequence[str], p: float = PERSISTENCE) -> float:
    """Return the RBO_EXT of two lists without repetitions, best first; 0 where one of them is empty."""
    short, long = sorted((first, second), key=len)
    if not short:
        return 0.0
    place = {item: rank for rank, item in enumerate(long, start=1)}
    deepest = [max(rank, place[item]) for rank, item in enumerate(short, start=1) if item in place]
    heads = head_weights(len(long), p)[np.array(deepest, dtype=np.int64) - 1].sum()
    numbers = (len(short), len(long), sum(m <= len(short) for m in deepest), len(deepest))
    counted = [np.array([number], dtype=np.int64) for number in numbers]
    return float(
        extrapolated_overlap(counted[0], counted[1], counted[2], counted[3], np.array([heads]), p)[0]
    )
