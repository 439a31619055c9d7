"""Was the challenger tested on days that it had not seen? Its test is repeated with the same recipe, fitted here and now.

What a registration says of itself cannot settle that: a model that has learnt from the test days ranks them well, and
says so truthfully. So the recipe is fitted again on the dataset's own training fold, and both are asked for the same
lists. Who foresees clearly more than the same recipe can has seen more than the fold.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from revealed.evaluation.compare import Contender, Difference
from revealed.feedback import DatasetManifest
from revealed.settings import Settings
from revealed.training.artifact import load_model
from revealed.training.candidates import compare_on, lists_of
from revealed.training.device import Device
from revealed.training.holdout import read_holdout
from revealed.training.known import known_at_split
from revealed.training.popularity import Popularity
from revealed.training.protocol import create
from revealed.training.refresh import TWIN

# Beyond this many pairs a fit costs too much to be repeated at every look at the gates.
LARGEST_REPEATED = 1_000_000
TESTED, REPEATED = "tested", "repeated"


@dataclass(frozen=True)
class Foresight:
    """How much more the tested model foresees than its recipe does; `difference` is None where that was not tried."""

    difference: Difference | None
    baseline: float
    reason: str


def repeat_test(settings: Settings, dataset: DatasetManifest, folder: Path) -> Foresight:
    """Return the tested model's NDCG@10 minus that of its recipe fitted on the dataset's training fold.

    Args:
        settings: DuckDB's limits.
        dataset: that the model was tested on.
        folder: the model's; its twin is what was tested.

    Raises:
        DamagedModelError: the twin's files are damaged.
        NoDataError: the fold does not hold what a fit needs.
    """
    if dataset.rows_of("fold_train.parquet") > LARGEST_REPEATED:
        return Foresight(None, 0.0, f"not repeated: more than {LARGEST_REPEATED:,} pairs")
    twin, _ = load_model(folder / TWIN)
    known = known_at_split(settings, dataset)
    again, popularity = create(twin.name, twin.parameters), Popularity()
    for model in (again, popularity):
        model.fit(known.data, Device("cpu", "the repeated test"))
    servers = {TESTED: known.server(twin, popularity), REPEATED: known.server(again, popularity)}
    holdout = read_holdout(settings, dataset, known.data, [server.space for server in servers.values()])
    lists = [Contender(name, lists_of(server, holdout)) for name, server in servers.items()]
    found = compare_on(settings, dataset, known, holdout, lists)
    return Foresight(found.difference(TESTED, REPEATED), found.metrics[REPEATED]["ndcg@10"], "")
