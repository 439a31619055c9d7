"""Do the three tiers agree: what people click, how satisfied they are with what they clicked, and the offline ranking?

A model can win the ranking test with clickbait, because clicks are what it was tested on. So what its lists hold is also
judged by what came of it: the share of satisfied clicks among all clicks, item by item. Satisfaction *per click* is asked,
not per impression: an item for few people is seldom clicked by the average person, and that is not its fault.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from revealed.evaluation.bootstrap import Difference, intervals_and_differences
from revealed.evaluation.compare import Contender
from revealed.evaluation.metrics import NOTHING

CLICKS, SATISFACTION = "clicks a showing", "satisfied clicks a click"
_DEPTH = 10
# Outcomes of an average item that an item's own are mixed with.
_PRIOR = 20.0

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class ItemOutcomes:
    """What came of showing each item: how often it was shown, clicked, and clicked to satisfaction; `[items]` each."""

    shown: Floats
    clicked: Floats
    satisfied: Floats


@dataclass(frozen=True)
class Tiers:
    """What the lists hold, by contender and tier, and every difference with its 95 % interval (paired over people).

    `clicks` is how many mature clicks it rests on; with none, nothing is told.
    """

    clicks: int
    values: dict[str, dict[str, float]]
    differences: list[Difference]

    def difference(self, tier: str, model: str, baseline: str) -> Difference | None:
        """Return one difference, if both took part."""
        wanted = (tier, model, baseline)
        return next(
            (found for found in self.differences if (found.metric, found.model, found.baseline) == wanted),
            None,
        )

    def to_dict(self) -> dict[str, Any]:
        """Return plain JSON values; the inverse of `from_dict`."""
        return asdict(self)

    @classmethod
    def from_dict(cls, value: Mapping[str, Any]) -> Tiers:
        """Return what `to_dict` gave."""
        found = [Difference(**one) for one in value["differences"]]
        return cls(clicks=value["clicks"], values=value["values"], differences=found)


def judge_tiers(contenders: Sequence[Contender], outcomes: ItemOutcomes) -> Tiers:
    """Return what the first ten places of every contender's lists hold.

    Args:
        contenders: lists over the items of `outcomes`, one row a test user, the same for all.
        outcomes: of every item, in days that no contender has learnt from.
    """
    clicks = int(outcomes.clicked.sum())
    if not clicks:
        return Tiers(0, {}, [])
    rates = {
        CLICKS: _shrunk(outcomes.clicked, outcomes.shown),
        SATISFACTION: _shrunk(outcomes.satisfied, outcomes.clicked),
    }
    values: dict[str, dict[str, float]] = {found.name: {} for found in contenders}
    differences = []
    for tier, rate in rates.items():
        held = {found.name: _held(found.lists[:, :_DEPTH], rate) for found in contenders}
        for name, per_user in held.items():
            values[name][tier] = float(per_user.mean())
        differences += intervals_and_differences(tier, held)[1]
    return Tiers(clicks, values, differences)


def _shrunk(count: Floats, of: Floats) -> Floats:
    """Return each item's rate, drawn to the average item's where little is known of it."""
    mean = float(count.sum() / of.sum())
    rates: Floats = (count + _PRIOR * mean) / (of + _PRIOR)
    return rates


def _held(lists: NDArray[np.int32], rate: Floats) -> Floats:
    """Return the mean rate of each user's list; an empty list holds nothing."""
    filled = lists != NOTHING
    total = np.where(filled, rate[lists], 0.0).sum(axis=1)
    means: Floats = total / np.maximum(filled.sum(axis=1), 1)
    return means
