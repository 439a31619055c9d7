"""From the warehouse's tables to curves: which method answers, what a refusal says, and that order changes nothing."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from revealed.feedback.position_bias import CURVE_SCHEMA, examination_curves

MOMENT = datetime.fromisoformat("2026-01-22")
TRUTH = (1.0, 0.6, 0.4)


def weights(**changes: Any) -> list[dict[str, Any]]:
    """A uniform policy over ten items, three positions, forty groups of people."""
    rows = [
        {
            "moment": MOMENT,
            "surface": "feed",
            "model_name": "m",
            "policy": "uniform",
            "actor_group": group,
            "position": position,
            "impressions": 100,
            "clicks": round(50 * TRUTH[position - 1]),
            "logged_impressions": 100,
            "logged_clicks": round(50 * TRUTH[position - 1]),
            "weight": 1000.0,
            "squared_weight": 10_000.0,
            "max_weight": 10.0,
            "clicked_weight": 500.0 * TRUTH[position - 1],
            "clicked_squared_weight": 5000.0 * TRUTH[position - 1],
        }
        for group in range(40)
        for position in (1, 2, 3)
    ]
    return [{**row, **changes} for row in rows]


UNLOGGED = {
    "logged_impressions": 0,
    "logged_clicks": 0,
    "weight": 0.0,
    "squared_weight": 0.0,
    "max_weight": 0.0,
    "clicked_weight": 0.0,
    "clicked_squared_weight": 0.0,
}


def cells(**changes: Any) -> list[dict[str, Any]]:
    rows = [
        {
            "moment": MOMENT,
            "surface": "feed",
            "context": "named",
            "cell": cell,
            "position": position,
            "impressions": 1000,
            "clicks": round(500 * TRUTH[position - 1]),
            "score_level": None,
            "score_low": None,
            "score_high": None,
        }
        for cell in (-5, 8)
        for position in (1, 2, 3)
    ]
    return [{**row, **changes} for row in rows]


CELLS = pa.schema(
    [
        ("moment", pa.timestamp("us")),
        ("surface", pa.string()),
        ("context", pa.string()),
        ("cell", pa.int64()),
        ("position", pa.int32()),
        ("impressions", pa.int64()),
        ("clicks", pa.int64()),
        ("score_level", pa.float64()),
        ("score_low", pa.float64()),
        ("score_high", pa.float64()),
    ]
)


def curves(rows: list[dict[str, Any]], of_cells: list[dict[str, Any]] | None = None) -> list[dict[str, Any]]:
    def read(surfaces: list[str]) -> pa.Table:
        assert of_cells is not None, "cells were asked for although propensities give the curve"
        assert surfaces == ["feed"]
        return pa.Table.from_pylist(of_cells, schema=CELLS)

    table = examination_curves(pa.Table.from_pylist(rows), read)
    assert table.schema == CURVE_SCHEMA
    found: list[dict[str, Any]] = table.to_pylist()
    return found


def test_propensities_come_first_and_cells_are_not_even_read() -> None:
    found = curves(weights())
    assert [row["examination"] for row in found] == pytest.approx(TRUTH, abs=1e-6)
    assert {row["method"] for row in found} == {"hajek"}
    assert {row["basis"] for row in found} == {"policies m uniform"}
    assert found[1]["clicks"] == 1200
    assert found[1]["naive_ctr_ratio"] == pytest.approx(0.6)
    assert [row["reason"] for row in found] == [None] * 3


def test_without_propensities_the_cells_answer() -> None:
    found = curves(weights(**UNLOGGED), cells())
    assert [row["examination"] for row in found] == pytest.approx(TRUTH, abs=1e-6)
    assert {row["method"] for row in found} == {"poisson"}
    assert found[0]["basis"] == "logged context clusters: 2 cells shown at several positions and clicked"


def test_without_either_it_is_refused_and_never_one() -> None:
    found = curves(weights(**UNLOGGED), cells(context="none", cell=None))
    assert {(row["method"], row["examination"], row["ci_low"], row["ci_high"]) for row in found} == {
        ("refused", None, None, None)
    }
    assert found[0]["reason"].startswith(
        "by propensities: no impression carries a propensity. By cells: the log names"
    )
    assert found[0]["naive_ctr_ratio"] == 1.0


def test_a_score_that_does_not_order_the_list_is_no_context() -> None:
    level = [
        {**row, "context": "score", "score_level": 10.0, "score_low": 0.1, "score_high": 0.9}
        for row in cells()
    ]
    found = curves(weights(**UNLOGGED), level)
    assert "it is not what the ranker sorts by" in found[0]["reason"]


def test_one_position_has_nothing_to_be_compared_with() -> None:
    alone = [row for row in weights() if row["position"] == 1]
    (row,) = curves(alone)
    assert (row["method"], row["examination"]) == ("refused", None)
    assert "every request shows one item" in row["reason"]


def test_a_surface_that_never_shows_position_one_is_refused() -> None:
    found = curves([row for row in weights() if row["position"] > 1])
    assert {row["method"] for row in found} == {"refused"}
    assert "position 1" in found[0]["reason"]


def test_surfaces_and_moments_are_apart_and_sorted() -> None:
    later = datetime.fromisoformat("2026-01-23")
    rows = weights(surface="z") + weights(moment=later, surface="a", **UNLOGGED) + weights(surface="a")
    asked: list[list[str]] = []

    def read(surfaces: list[str]) -> pa.Table:
        asked.append(surfaces)
        return pa.Table.from_pylist(cells(moment=later, surface="a"), schema=CELLS)

    table = examination_curves(pa.Table.from_pylist(rows), read)
    assert asked == [["a"]]
    keys = [(row["moment"], row["surface"], row["position"]) for row in table.to_pylist()]
    assert keys == sorted(keys)
    assert [row["method"] for row in table.to_pylist()] == ["hajek"] * 6 + ["poisson"] * 3


def test_the_order_of_rows_changes_no_bit() -> None:
    rng = np.random.default_rng(0)
    rows = weights()
    for row in rows:
        row["weight"] *= 1 + 0.1 * rng.random()
        row["clicked_weight"] *= 1 + 0.1 * rng.random()
    shuffled = [rows[n] for n in rng.permutation(len(rows))]
    assert curves(rows) == curves(shuffled)


def test_nothing_gives_nothing() -> None:
    empty = pa.Table.from_pylist(weights()).slice(0, 0)
    assert examination_curves(empty, lambda *_: pa.Table.from_pylist([], schema=CELLS)).num_rows == 0
