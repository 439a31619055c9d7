"""The policy that a recommender would be in service: everybody's own list, under the exploration that draws from it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from revealed.evaluation.off_policy.policy_log import Floats, Ints, PolicyLog

# Rows whose pools are looked at together: some 30 MB of probabilities.
_ROWS_AT_ONCE = 100_000


@dataclass(frozen=True)
class ServedPools:
    """Slates drawn from pools: the probability of each item of a request's pool at each rank.

    A table of marginals would have people × places × items cells; this one has a pool for each situation that a
    person was in.

    Attributes:
        name: what it is called in the report.
        items: `[pools, width]`, codes of the log's items; -1 for an item that the log never shows, and where a pool has ended.
        marginals: `[pools, ranks, width]`, the probability of each item at each rank.
        pool: `[rows]`, which pool the slate of each of the log's rows would have been drawn from.
        rank: `[rows]`, which of the ranks stands at the row's position.
    """

    name: str
    items: Ints
    marginals: Floats
    pool: Ints
    rank: Ints

    def only(self, rows: NDArray[np.bool_]) -> ServedPools:
        """Return the same policy for the chosen rows of the log alone."""
        return replace(self, pool=self.pool[rows], rank=self.rank[rows])

    def propensity(self, log: PolicyLog) -> Floats:
        """Return, for every row, with which probability this policy would have shown the same."""
        found = np.zeros(log.rows)
        for part in _parts(np.arange(log.rows)):
            is_shown = self.items[self.pool[part]] == log.item[part, None]
            found[part] = np.where(is_shown, self._chances(part), 0.0).sum(axis=1)
        return found

    def average(self, values: Floats, log: PolicyLog, chosen: NDArray[np.bool_]) -> Floats:
        """Return, for the chosen rows, the mean over this policy's items of `values` (`[contexts or 1, positions, items]`).

        Items that the log never shows count as the place's average item: nothing is known of them.
        """
        context = log.context if values.shape[0] > 1 else np.zeros(log.rows, dtype=np.int64)
        anything = values.mean(axis=2)
        means = [np.zeros(0)]
        for part in _parts(np.flatnonzero(chosen)):
            items, place = self.items[self.pool[part]], (context[part], log.position[part])
            own = np.where(
                items >= 0, values[place[0][:, None], place[1][:, None], items], anything[place][:, None]
            )
            means.append((self._chances(part) * own).sum(axis=1))
        return np.concatenate(means)

    def supported(self, log: PolicyLog) -> float:
        """Return the share of this policy's choices, in the log's situations, that the log shows at least once there."""
        _, positions, items = log.shape
        shown = np.zeros((positions, items), dtype=bool)
        shown[log.position, log.item] = True
        supported = 0.0
        for part in _parts(np.arange(log.rows)):
            codes, place = self.items[self.pool[part]], log.position[part]
            own = (codes >= 0) & shown[place[:, None], codes]
            supported += float((self._chances(part) * own).sum())
        return supported / log.rows

    def _chances(self, rows: Ints) -> Floats:
        """Return `[rows, width]`, the probability of each item of the rows' pools at the rows' ranks."""
        chances: Floats = self.marginals[self.pool[rows], self.rank[rows]]
        return chances


def _parts(rows: Ints) -> Iterator[Ints]:
    for start in range(0, len(rows), _ROWS_AT_ONCE):
        yield rows[start : start + _ROWS_AT_ONCE]
