"""Whether items come at positions as often as their logged propensities say: a chi-square test, shared with the gateway's."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence

import numpy as np
from scipy.stats import chi2

# One slate: its items in order, and their propensities.
Shown = tuple[Sequence[str], Sequence[float]]
# Cells that are expected less often are counted together, as is usual for the test.
_LEAST_EXPECTED = 5.0


def agreement(slates: Iterable[Shown]) -> float:
    """Return the p-value of each item at each position coming as often as logged, over requests for the same list.

    Positions of one slate depend on each other, which the sum of their statistics does not show; the smallest of the positions'
    p-values, times how many there are (Bonferroni), holds whatever they share.
    What is logged for a cell must always be the same.
    """
    counts: Counter[tuple[int, str]] = Counter()
    logged: dict[tuple[int, str], float] = {}
    requests = positions = 0
    for items, propensities in slates:
        requests, positions = requests + 1, len(items)
        for position, (item, propensity) in enumerate(zip(items, propensities, strict=True)):
            cell = (position, item)
            counts[cell] += 1
            assert abs(logged.setdefault(cell, propensity) - propensity) < 1e-9
    found = [_p_value(position, counts, logged, requests) for position in range(positions)]
    return min(1.0, min(found) * positions)


def _p_value(
    position: int, counts: Counter[tuple[int, str]], logged: dict[tuple[int, str], float], requests: int
) -> float:
    cells = [cell for cell in logged if cell[0] == position]
    expected = np.array([logged[cell] for cell in cells]) * requests
    observed = np.array([counts[cell] for cell in cells], dtype=np.float64)
    # What never came is known by what its propensity leaves of 1; more than 1 is no probability, and no agreement.
    if expected.sum() > requests * (1 + 1e-9):
        return 0.0
    expected, observed = np.append(expected, requests - expected.sum()), np.append(observed, 0.0)
    rare = expected < _LEAST_EXPECTED
    expected = np.append(expected[~rare], expected[rare].sum())
    observed = np.append(observed[~rare], observed[rare].sum())
    if expected[-1] < _LEAST_EXPECTED:  # too little to be counted apart: with the smallest of the others
        at = int(np.argmin(expected[:-1])) if len(expected) > 1 else 0
        expected[at] += expected[-1] * (len(expected) > 1)
        observed[at] += observed[-1] * (len(expected) > 1)
        expected, observed = expected[: max(len(expected) - 1, 1)], observed[: max(len(observed) - 1, 1)]
    if len(expected) == 1:
        return 1.0
    return float(chi2.sf(((observed - expected) ** 2 / expected).sum(), len(expected) - 1))
