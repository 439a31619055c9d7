"""What came of showing each item in the days that the training fold does not know."""

from __future__ import annotations

import numpy as np

from revealed.engines.duckdb import connect, literal
from revealed.evaluation.tiers import ItemOutcomes
from revealed.feedback import DatasetManifest
from revealed.settings import Settings
from revealed.training.matrix import Ids, positions


def read_item_outcomes(settings: Settings, dataset: DatasetManifest, space: Ids) -> ItemOutcomes:
    """Return how often each item of `space` was shown since the split, clicked, and clicked to satisfaction (mature labels)."""
    con = connect(settings)
    try:
        path = literal(dataset.file("fold_impressions.parquet"))
        found = con.execute(
            "select item_id, count(*) as shown, count(*) filter (where is_clicked) as clicked,"
            " count(*) filter (where is_clicked and is_satisfied) as satisfied"
            f" from read_parquet({path}) group by item_id order by item_id"
        ).fetchnumpy()
    finally:
        con.close()
    at = positions(np.asarray(found["item_id"], dtype=object), space)
    counts = np.zeros((3, len(space)))
    for row, name in enumerate(("shown", "clicked", "satisfied")):
        counts[row, at[at >= 0]] = np.asarray(found[name], dtype=np.float64)[at >= 0]
    return ItemOutcomes(*counts)
