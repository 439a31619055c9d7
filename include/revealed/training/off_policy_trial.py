"""What the contenders would have earned in the days that they have not seen, from what was shown then and how likely it was.

Each contender is judged as it would be in service: everybody's own list, drawn from as the home's rules say that surfaces
explore. The rewards are satisfied clicks whose label is mature; only impressions count whose propensity was logged, in
requests that explored.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from revealed.evaluation.compare import Difference, interval
from revealed.evaluation.off_policy import PolicyValue, SupportLimits, evaluated
from revealed.evaluation.off_policy.estimators import ESTIMATORS
from revealed.evaluation.off_policy.evaluate import Evaluated, unknown_value
from revealed.feedback import DatasetManifest
from revealed.settings import Settings
from revealed.training.heard_loggers import heard_rows, only
from revealed.training.logged_showings import read_showings
from revealed.training.matrix import Interactions
from revealed.training.served_policy import served_policy, told
from revealed.training.serving import Server

if TYPE_CHECKING:
    from revealed.publishing.service import Service

DECIDING = "dr"
REWARD = "satisfied clicks a shown item"
NOTHING_TOLD = "no impression of these days has a known propensity below 1, so that nothing was explored"
# A list changes from day to day, and rules with it: a little of what would be shown nobody could have been shown in these days.
# `min_supported` asks whether anybody at all was shown an item at a place; of personal lists few logs are so large, and what
# these people could not have been shown, the mean weight tells.
LIMITS = SupportLimits(max_missing=0.10, min_supported=0.0)


@dataclass(frozen=True)
class OffPolicyTrial:
    """Every contender's value on one log.

    Attributes:
        rows, people: the shown items that count, and whose they are.
        left_out: shown items that do not count: of people whom the training fold does not know, without a known
            propensity, in requests that explored nothing, or of loggers that could not show what the deciding contenders would.
        reason: why nothing was estimated; '' where something was tried.
        values: by contender.
        differences: doubly robust value of one minus that of another, where neither is refused; paired over people.
        target: how every contender is served, for people; '' where nothing was tried.
        not_drawn: how many people were left to one side by lot, for the log has more requests than can be judged in time.
    """

    rows: int
    people: int
    left_out: int
    reason: str
    values: dict[str, PolicyValue]
    differences: list[Difference]
    target: str = ""
    not_drawn: int = 0

    def to_dict(self) -> dict[str, Any]:
        """Return plain JSON values."""
        return asdict(self)


def hold_off_policy_trial(
    settings: Settings,
    dataset: DatasetManifest,
    fold: Interactions,
    servers: Mapping[str, Server],
    service: Service | None = None,
    deciding: Collection[str] = (),
) -> OffPolicyTrial:
    """Return what each contender would have earned in the dataset's logged impressions, had it been in service.

    Args:
        settings: DuckDB's limits.
        dataset: whose impressions since the split are read.
        fold: the training fold; `servers` make lists for its people.
        servers: the contenders.
        service: how lists are served; by default as the home's rules say.
        deciding: whose comparison decides: the showings of a logger that cannot show what these would are left out. By default
            everybody's.

    Raises:
        InvalidInputError: the home's rules say what cannot be followed.
    """
    from revealed.publishing.service import read_service

    service = service or read_service(settings, dataset)
    showings = read_showings(settings, dataset, fold, service.widest_pool)
    if isinstance(showings, int):
        return OffPolicyTrial(0, 0, showings, NOTHING_TOLD, {}, [])
    target = told(service, showings.drawn_surfaces)
    policies = {
        name: served_policy(f"{name}, served by {target}", server, service, showings)
        for name, server in servers.items()
    }
    rows = heard_rows(showings, [policies[name] for name in deciding or policies], LIMITS)
    log = only(showings.log, rows)
    found = {name: evaluated(log, policy.only(rows), limits=LIMITS) for name, policy in policies.items()}
    return OffPolicyTrial(
        rows=log.rows,
        people=len(np.unique(log.person)),
        left_out=showings.left_out + int((~rows).sum()),
        reason="",
        values={name: evaluation.value for name, evaluation in found.items()},
        differences=_differences(found),
        target=target,
        not_drawn=showings.people - len(showings.rows),
    )


def _differences(found: Mapping[str, Evaluated]) -> list[Difference]:
    """Return every pair's difference, wider by what is not known of either; a refused value is in none."""
    at = ESTIMATORS.index(DECIDING)
    told_of = {
        name: (one.estimate, evaluation.draws[:, at], _unknown(evaluation.value))
        for name, evaluation in found.items()
        if (one := evaluation.value.by(DECIDING)).estimate is not None
    }
    differences = []
    for model, (mine, drawn, open_mine) in told_of.items():
        for baseline, (theirs, other, open_theirs) in told_of.items():
            if model != baseline:
                low, high = interval(drawn - other)
                open_value = open_mine + open_theirs
                differences.append(
                    Difference(
                        f"off-policy {DECIDING}",
                        model,
                        baseline,
                        mine - theirs,
                        low - open_value,
                        high + open_value,
                    )
                )
    return differences


def _unknown(value: PolicyValue) -> float:
    return unknown_value(value.support, LIMITS, value.logging.estimate or 0.0)
