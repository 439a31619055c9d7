"""The policy that a recommender would be in service: everybody's own list, place by place, and some exploration."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from revealed.evaluation.off_policy.policy_log import Floats, Ints, PolicyLog


@dataclass(frozen=True)
class ServedLists:
    """Epsilon-greedy over lists: p(item at place k) = (1 - exploration) [it is the list's k-th] + exploration / catalogue.

    A table of marginals would have people × places × items cells; this one is known row by row.

    Attributes:
        name: what it is called in the report.
        lists: `[people, depth]`, each person's list as codes of the log's items; -1 for items that the log never shows.
        rank: `[positions]`, which place of the list (from 0) stands at the log's position.
        exploration: the share of requests that are answered by a uniform permutation of the catalogue instead.
        catalogue: how many items there are to explore.
    """

    name: str
    lists: Ints
    rank: Ints
    exploration: float
    catalogue: int

    def propensity(self, log: PolicyLog) -> Floats:
        """Return, for every row, with which probability this policy would have shown the same."""
        chosen: Floats = (1.0 - self.exploration) * (self._listed(log) == log.item)
        return chosen + self.exploration / self.catalogue

    def average(self, values: Floats, log: PolicyLog) -> Floats:
        """Return, for every row, the mean over this policy's items of `values` (`[contexts or 1, positions, items]`).

        Items that the log never shows count as the place's average item: nothing is known of them.
        """
        context = log.context if values.shape[0] > 1 else np.zeros(log.rows, dtype=np.int64)
        anything = values.mean(axis=2)[context, log.position]
        listed = self._listed(log)
        own = np.where(listed >= 0, values[context, log.position, listed], anything)
        averaged: Floats = (1.0 - self.exploration) * own + self.exploration * anything
        return averaged

    def supported(self, log: PolicyLog) -> float:
        """Return the share of this policy's choices, in the log's situations, that the log shows at least once there."""
        _, positions, items = log.shape
        shown = np.zeros((positions, items), dtype=bool)
        shown[log.position, log.item] = True
        listed = self._listed(log)
        own = (listed >= 0) & shown[log.position, listed]
        explored = shown.sum(axis=1)[log.position] / self.catalogue
        return float(((1.0 - self.exploration) * own + self.exploration * explored).mean())

    def _listed(self, log: PolicyLog) -> Ints:
        """Return the item that each row's person would have been shown at the row's place."""
        rank = self.rank[log.position]
        reached = rank < self.lists.shape[1]
        found: Ints = self.lists[log.person, np.where(reached, rank, 0)]
        return np.where(reached, found, -1)
