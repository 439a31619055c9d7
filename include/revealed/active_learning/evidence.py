"""What a dataset says about questions: where words and deeds point apart, how much an answer weighs, what is sold out."""

from __future__ import annotations

from collections import defaultdict
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from revealed.active_learning.candidates import Disagreements
from revealed.engines.duckdb import connect, literal
from revealed.feedback import DatasetManifest
from revealed.feedback.export import INTERACTIONS, ITEMS
from revealed.settings import Settings
from revealed.training.matrix import Ids, positions


def read_disagreements(settings: Settings, dataset: DatasetManifest, users: Ids, items: Ids) -> Disagreements:
    """Return the pairs with a standing statement and counted evidence of deeds against it.

    Deeds are the evidence that is not explicit. What a fresh, firm statement voids is not counted, so that such a pair
    becomes a question as the statement fades, or as the person goes on acting against it.
    """
    found = _rows(
        settings,
        f"""
        with told as (
            select user_id, item_id, abs(explicit_evidence) as words,
                case when anchor > 0 then negative_evidence - greatest(-explicit_evidence, 0)
                    else positive_evidence - greatest(explicit_evidence, 0) end as deeds
            from read_parquet({literal(dataset.file(INTERACTIONS))})
            where anchor is not null and anchor != 0
        )
        select user_id, item_id, 4 * words * deeds / (words + deeds) ** 2 as doubt
        from told where words > 0 and deeds > 1e-9
        order by user_id, item_id""",
        needs=("anchor", "explicit_evidence"),
        path=dataset.file(INTERACTIONS),
    )
    rows = positions(np.asarray(found["user_id"], dtype=object), users)
    columns = positions(np.asarray(found["item_id"], dtype=object), items)
    kept = (rows >= 0) & (columns >= 0)
    return Disagreements(rows[kept], columns[kept], np.asarray(found["doubt"], dtype=np.float64)[kept])


def read_answer_confidence(settings: Settings, dataset: DatasetManifest) -> float:
    """Return the confidence that an answer will have: the median of pairs that were firmly spoken of, else of all."""
    path = dataset.file(INTERACTIONS)
    found = _rows(
        settings,
        "select median(abs(confidence)) as usual from read_parquet("
        f"{literal(path)}) where abs(anchor) >= 0.999 having count(*) > 0",
        needs=("anchor",),
        path=path,
    )
    if not len(found["usual"]):
        found = _rows(
            settings,
            f"select median(abs(confidence)) as usual from read_parquet({literal(path)})",
            needs=(),
            path=path,
        )
    return float(found["usual"][0])


def unavailable(settings: Settings, dataset: DatasetManifest, items: Ids) -> NDArray[np.bool_]:
    """Return which of the items must not be shown."""
    path = dataset.file(ITEMS)
    query = f"select item_id from read_parquet({literal(path)}) where is_available = false"
    at = positions(np.asarray(_rows(settings, query, needs=(), path=path)["item_id"], dtype=object), items)
    blocked = np.zeros(len(items), dtype=bool)
    blocked[at[at >= 0]] = True
    return blocked


def _rows(settings: Settings, query: str, *, needs: tuple[str, ...], path: Path) -> dict[str, Any]:
    """Return the columns of a query; none where the file, of an older policy, lacks a column that it needs."""
    con = connect(settings)
    try:
        columns = con.from_query(f"from read_parquet({literal(path)})").columns
        if not set(needs) <= set(columns):
            return defaultdict(lambda: np.empty(0))
        found: dict[str, Any] = dict(con.execute(query).fetchnumpy())
        return found
    finally:
        con.close()
