"""What the contenders would have earned in the days that they have not seen, from what was shown then and how likely it was.

Each contender is judged as it would be in service: everybody's own list, with a tenth of the requests explored. The
rewards are satisfied clicks whose label is mature; only impressions with a logged propensity count.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from revealed.engines.duckdb import connect, literal
from revealed.evaluation.compare import Difference, interval
from revealed.evaluation.off_policy import PolicyLog, PolicyValue, ServedLists, evaluated
from revealed.evaluation.off_policy.estimators import ESTIMATORS
from revealed.evaluation.off_policy.evaluate import Evaluated
from revealed.feedback import DatasetManifest
from revealed.settings import Settings
from revealed.training.matrix import Ids, Interactions, positions
from revealed.training.protocol import NOTHING
from revealed.training.serving import Server

EXPLORATION = 0.1
DECIDING = "dr"
REWARD = "satisfied clicks a shown item"


@dataclass(frozen=True)
class OffPolicyTrial:
    """Every contender's value on one log.

    Attributes:
        rows, people: the shown items that count, and whose they are.
        left_out: shown items without a known propensity, or of people whom the training fold does not know.
        reason: why nothing was estimated; '' where something was tried.
        values: by contender.
        differences: doubly robust value of one minus that of another, where neither is refused; paired over people.
    """

    rows: int
    people: int
    left_out: int
    reason: str
    values: dict[str, PolicyValue]
    differences: list[Difference]

    def to_dict(self) -> dict[str, Any]:
        """Return plain JSON values."""
        return asdict(self)


def hold_off_policy_trial(
    settings: Settings, dataset: DatasetManifest, fold: Interactions, servers: Mapping[str, Server]
) -> OffPolicyTrial:
    """Return what each contender's lists would have earned in the dataset's logged impressions.

    Args:
        settings: DuckDB's limits.
        dataset: whose impressions since the split are read.
        fold: the training fold; `servers` make lists for its people.
        servers: the contenders.
    """
    log, rows, ranks, total = _read(settings, dataset, fold)
    if log is None:
        return OffPolicyTrial(0, 0, total, "no impression of these days has a known propensity", {}, [])
    depth = int(ranks.max()) + 1
    found = {
        name: evaluated(log, _policy(name, server, log, rows, ranks, depth))
        for name, server in servers.items()
    }
    values = {name: evaluation.value for name, evaluation in found.items()}
    return OffPolicyTrial(log.rows, len(rows), total - log.rows, "", values, _differences(found))


def _read(
    settings: Settings, dataset: DatasetManifest, fold: Interactions
) -> tuple[PolicyLog | None, NDArray[np.int64], NDArray[np.int64], int]:
    """Return the log, the fold's row of each of its people, the list's place of each of its positions, and all rows."""
    con = connect(settings)
    try:
        path = literal(dataset.file("fold_impressions.parquet"))
        found = con.execute(
            "select user_id, item_id, position, propensity, is_satisfied,"
            " dense_rank() over (order by surface, position) - 1 as place"
            f" from read_parquet({path}) order by request_id, item_id"
        ).fetchnumpy()
    finally:
        con.close()
    user = positions(np.asarray(found["user_id"], dtype=object), fold.users)
    propensity = np.ma.filled(np.ma.asarray(found["propensity"], dtype=np.float64), np.nan)
    kept = (user >= 0) & (propensity > 0)
    if not kept.any():
        return None, user[:0], user[:0], len(user)
    rows, person = np.unique(user[kept], return_inverse=True)
    log, ranks = _log({name: np.asarray(found[name])[kept] for name in found}, propensity[kept], person)
    return log, rows, ranks, len(user)


def _log(
    found: dict[str, NDArray[Any]], propensity: NDArray[np.float64], person: NDArray[np.int64]
) -> tuple[PolicyLog, NDArray[np.int64]]:
    """Return the log, a position for every place of every surface, and which place of a list each of these is."""
    items, item = np.unique(found["item_id"].astype(object), return_inverse=True)
    places, first, position = np.unique(found["place"], return_index=True, return_inverse=True)
    log = PolicyLog(
        item=item.astype(np.int64),
        position=position.astype(np.int64),
        context=np.zeros(len(item), dtype=np.int64),
        person=person.astype(np.int64),
        propensity=propensity,
        reward=found["is_satisfied"].astype(np.float64),
        items=[str(name) for name in items],
        positions=[int(place) for place in places],
        contexts=[""],
    )
    return log, found["position"][first].astype(np.int64) - 1


def _policy(
    name: str,
    server: Server,
    log: PolicyLog,
    rows: NDArray[np.int64],
    ranks: NDArray[np.int64],
    depth: int,
) -> ServedLists:
    items: Ids = np.asarray(log.items, dtype=object)
    code = positions(server.space, items)
    lists = server.items_for(rows, depth)
    return ServedLists(
        name=name,
        lists=np.where(lists == NOTHING, NOTHING, code[lists]).astype(np.int64),
        rank=ranks,
        exploration=EXPLORATION,
        catalogue=len(np.union1d(server.space, items)),
    )


def _differences(found: Mapping[str, Evaluated]) -> list[Difference]:
    """Return every pair's difference; a refused value is in none."""
    at = ESTIMATORS.index(DECIDING)
    told = {
        name: (evaluation.value.by(DECIDING).estimate, evaluation.draws[:, at])
        for name, evaluation in found.items()
    }
    return [
        Difference(f"off-policy {DECIDING}", model, baseline, mine - theirs, *interval(drawn - other))
        for model, (mine, drawn) in told.items()
        for baseline, (theirs, other) in told.items()
        if model != baseline and mine is not None and theirs is not None
    ]
