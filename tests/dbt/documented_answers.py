"""What the answers to `docs/queries.md` must be, from the raw lines and the simulated world's truth."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import duckdb
import pytest

Rows = list[dict[str, Any]]
METHODS = ("last", "first", "linear", "time_decay", "position_based", "markov", "shapley")


def purchase_paths(con: duckdb.DuckDBPyConnection, raw: Path, truth: Path, rows: Rows) -> None:
    """Each method hands out what was paid less what came back, to decisions that the inference log holds."""
    (purchase,) = {row["outcome_event_id"] for row in rows}
    paid, bought_at, cause = con.execute(
        f"select value, occurred_at, cause_request_id from read_parquet('{raw}/events/*/*.parquet') as events "
        f"join read_parquet('{truth}/events.parquet') using (event_id) where event_id = ? limit 1",
        [purchase],
    ).fetchall()[0]
    back = con.execute(
        "select coalesce(sum(reversed_value), 0) from marts.fct_reversals where original_event_id = ?",
        [purchase],
    ).fetchall()[0][0]
    for method in METHODS:
        assert sum(row[method] for row in rows) == pytest.approx(paid - back), method
    assert [row["touch"] for row in rows] == list(range(1, len(rows) + 1))
    assert len(rows) > 1
    logged = {
        row[:4]
        for row in con.execute(
            "select request_id, slate.item.item_id, slate.item.position, model_version "
            f"from read_parquet('{raw}/inferences/*/*.parquet'), unnest(items) as slate (item)"
        ).fetchall()
    }
    for row in rows:
        assert (row["request_id"], row["item_id"], row["position"], row["model_version"]) in logged
        assert row["touched_at"] <= bought_at
    assert cause is None or cause in {row["request_id"] for row in rows}


def clickbait_clicks(con: duckdb.DuckDBPyConnection, raw: Path, truth: Path, rows: Rows) -> None:
    """Every one was clicked and left early, and the planted bait (teasers) is far more frequent than among all clicks."""
    clicked = dict(
        con.execute(
            "select items.framing, count(*) from marts.fct_impressions join marts.dim_items as items using (item_id) "
            "where is_clicked and not is_bot group by 1"
        ).fetchall()
    )
    share_of_clicks = clicked["teaser"] / sum(clicked.values())
    share_of_bait = sum(row["framing"] == "teaser" for row in rows) / len(rows)
    assert len(rows) >= 10
    assert share_of_bait > 1.5 * share_of_clicks
    assert all(row["dwell_s"] < min(10, row["expected_dwell_s"]) for row in rows)
    assert len({(row["request_id"], row["item_id"]) for row in rows}) == len(rows)


def returned_credit(con: duckdb.DuckDBPyConnection, raw: Path, truth: Path, rows: Rows) -> None:
    """Whatever the method, the lines add up to the money that the week's returns took back."""
    total, returns = con.execute(
        "select sum(reversed_value), count(distinct reversal_event_id) from marts.fct_reversals "
        "where reversal_type = 'return' and original_type = 'purchase' "
        "and received_at >= (select as_of - interval 7 day from ops.build_plan)"
    ).fetchall()[0]
    sent = con.execute(
        f"select count(distinct event_id) from read_parquet('{raw}/events/*/*.parquet') where event_type = 'return' "
        "and received_at >= (select as_of - interval 7 day from ops.build_plan) "
        "and received_at < (select as_of from ops.build_plan)"
    ).fetchall()[0][0]
    assert 0 < returns <= sent
    for method in METHODS:
        assert sum(row[method] or 0 for row in rows) == pytest.approx(total), method
    assert sum(row["returns"] for row in rows) >= returns


Check = Callable[[duckdb.DuckDBPyConnection, Path, Path, Rows], None]
CHECKS: tuple[Check, ...] = (purchase_paths, clickbait_clicks, returned_credit)
