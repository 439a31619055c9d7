"""Usual active times: planted log-normal times come out standard normal, and shrinkage is its closed form."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import duckdb
import numpy as np
import pytest
from compiled_models import create_table

pytestmark = [pytest.mark.dbt]

AS_OF = datetime.fromisoformat("2026-02-01")
HOLDOUT = datetime.fromisoformat("2026-01-25")
VISITS = {
    "actor_id": "varchar", "item_id": "varchar", "device": "varchar", "visit_date": "date", "opened_at": "timestamp",
    "last_received_at": "timestamp", "active_ms": "bigint", "is_opened": "boolean",
}  # fmt: skip


def load_visits(con: duckdb.DuckDBPyConnection, rows: list[tuple[Any, ...]]) -> None:
    """Rows of actor, item, device, opened_at, last_received_at, active_ms; items are named for their expected length."""
    create_table(con, "intermediate.int_item_visits", VISITS)
    create_table(con, "intermediate.int_visits_at_holdout", VISITS)
    frame = {name: [row[n] for row in rows] for n, name in enumerate(("a", "i", "d", "o", "r", "ms"))}
    con.execute(
        "insert into intermediate.int_item_visits select unnest($a), unnest($i), unnest($d), cast(unnest($o) as date), "
        "unnest($o), unnest($r), unnest($ms), true",
        frame,
    )
    create_table(con, "marts.dim_items", {"item_id": "varchar", "expected_dwell_s": "double"})
    con.execute(
        "insert into marts.dim_items select distinct item_id, try_cast(item_id as double) from intermediate.int_item_visits"
    )
    create_table(con, "intermediate.int_bot_actors", {"actor_id": "varchar", "first_flagged_on": "date"})
    con.execute("insert into intermediate.int_bot_actors values ('robot', date '2026-01-20')")
    create_table(con, "ops.build_plan", {"as_of": "timestamp", "holdout_start": "timestamp"})
    con.execute("insert into ops.build_plan values (?, ?)", [AS_OF, HOLDOUT])


def norms_of(models: dict[str, str], rows: list[tuple[Any, ...]]) -> dict[tuple[datetime, str, str], Any]:
    con = duckdb.connect()
    load_visits(con, rows)
    found = con.execute(
        f"select moment, length_bucket, device, visits, mu, sigma from ({models['int_dwell_norms']})"
    ).fetchall()
    con.close()
    return {row[:3]: row[3:] for row in found}


def visit(length: float | str, device: str | None, seconds: float, **over: Any) -> tuple[Any, ...]:
    opened = over.get("opened_at", datetime.fromisoformat("2026-01-20"))
    return (
        over.get("actor", "ann"), str(length), device, opened, over.get("received", opened), round(1000 * seconds),
    )  # fmt: skip


def test_standardised_times_are_standard_normal_in_every_class(models: dict[str, str]) -> None:
    """Planted log-normal times, another mean and spread a class: z has mean 0 and deviation 1 in each."""
    rng = np.random.default_rng(5)
    planted = {("10", "under_15s", "mobile"): (2.0, 0.4), ("20", "15s_to_30s", "desktop"): (3.0, 0.9),
               ("100", "60s_to_180s", "mobile"): (4.2, 0.6), ("500", "from_180s", "tablet"): (5.5, 0.7)}  # fmt: skip
    times = {key: rng.lognormal(mu, sigma, 6_000) for key, (mu, sigma) in planted.items()}
    rows = [visit(length, device, s) for (length, _, device), values in times.items() for s in values]
    norms = norms_of(models, rows)
    for (_, bucket, device), seconds in times.items():
        visits, mu, sigma = norms[AS_OF, bucket, device]
        z = (np.log(seconds) - mu) / sigma
        assert visits == len(seconds)
        assert abs(z.mean()) < 0.05
        assert abs(z.std() - 1) < 0.03


def shrunk(logs: Sequence[float], prior: tuple[float, float], n0: int = 50) -> tuple[float, float]:
    """The closed form: mean and variance with n0 visits' worth of trust in the wider group's."""
    n, values = len(logs), np.asarray(logs, dtype=float)
    squares = float(((values - values.mean()) ** 2).sum()) if n else 0.0
    return (float(values.sum()) + n0 * prior[0]) / (n + n0), (squares + n0 * prior[1]) / (max(n - 1, 0) + n0)


def test_a_class_with_few_visits_leans_on_its_length_and_that_on_all(models: dict[str, str]) -> None:
    rng = np.random.default_rng(6)
    classes = {("under_15s", "mobile"): [4.0, 8.0, 12.0], ("under_15s", "desktop"): [9.0],
               ("30s_to_60s", "unknown"): list(np.round(rng.lognormal(3.5, 0.5, 40), 3))}  # fmt: skip
    lengths = {"under_15s": 10, "30s_to_60s": 40}
    rows = [
        visit(lengths[b], None if d == "unknown" else d, s)
        for (b, d), values in classes.items()
        for s in values
    ]
    norms = norms_of(models, rows)
    everything = np.log([s for values in classes.values() for s in values])
    overall = (float(everything.mean()), float(everything.var(ddof=1)))
    short = shrunk(np.log([4.0, 8.0, 12.0, 9.0]).tolist(), overall)
    for device, seconds in (("mobile", [4.0, 8.0, 12.0]), ("desktop", [9.0]), ("tablet", [])):
        mu, variance = shrunk(np.log(seconds).tolist() if seconds else [], short)
        visits, found_mu, found_sigma = norms[AS_OF, "under_15s", device]
        assert visits == len(seconds)
        assert found_mu == pytest.approx(mu, abs=1e-7)
        assert found_sigma == pytest.approx(variance**0.5, abs=1e-6)
    assert norms[AS_OF, "from_180s", "mobile"][1:] == pytest.approx((overall[0], overall[1] ** 0.5), abs=1e-6)


@pytest.mark.parametrize("visits", [[], [10.0], [10.0, 10.0, 10.0]])
def test_too_little_to_know_a_spread_by_gives_no_verdict(models: dict[str, str], visits: list[float]) -> None:
    norms = norms_of(models, [visit(20, "mobile", s) for s in visits])
    count, mu, sigma = norms[AS_OF, "15s_to_30s", "mobile"]
    assert count == len(visits)
    assert (mu is None) == (not visits)
    assert sigma in (None, 0.0)
    assert len(norms) == 2 * 6 * 5


def test_norms_know_only_their_moment_and_no_bots(models: dict[str, str]) -> None:
    moments = ("2026-01-03T23:00", "2026-01-24T23:00", "2026-01-26")
    old, before, within = (datetime.fromisoformat(moment) for moment in moments)
    rows = [
        visit(20, "mobile", 10, opened_at=old),  # more than 28 days before the build, not before the holdout
        visit(20, "mobile", 10, opened_at=before),
        visit(20, "mobile", 10, opened_at=before, received=HOLDOUT),  # not known so by then
        visit(20, "mobile", 10, opened_at=within),
        visit(20, "mobile", 0, opened_at=before),
        visit(20, "mobile", 10, opened_at=before, actor="robot"),
        visit(20, "mobile", 10, opened_at=AS_OF),
    ]
    norms = norms_of(models, rows)
    assert norms[AS_OF, "15s_to_30s", "mobile"][0] == 3
    assert norms[HOLDOUT, "15s_to_30s", "mobile"][0] == 2
