"""A real short-video feed: fast people are no bots, and usual times come out log-normal enough to compare by."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest
from compiled_models import run_dbt_command
from loop_steps import settings_at

from revealed.engines.duckdb import connect
from revealed.landing import ingest_path
from revealed.warehouse import prepare_candidate

pytestmark = [pytest.mark.dbt, pytest.mark.slow]

KUAIRAND = Path(__file__).resolve().parents[2].parent / "shared" / "data" / "kuairand"


def test_people_of_a_real_feed_are_people(tmp_path: Path) -> None:
    if not KUAIRAND.is_dir():
        pytest.skip("the real data is not here: ../shared/data/kuairand")
    settings = settings_at(tmp_path / "home")
    ingest_path(settings, KUAIRAND, "kuairand")
    plan = prepare_candidate(settings, datetime(2022, 5, 9, tzinfo=UTC))
    only = (
        "--exclude-resource-type",
        "test",
        "unit_test",
        "--select",
        "+int_visits_judged",
        "+int_bot_actors",
    )
    run_dbt_command(settings, plan.folder, "build", *only)
    con = connect(settings, plan.database, read_only=True)
    bots = con.execute("select count(*) from intermediate.int_bot_actors").fetchone()
    days = con.execute(
        "select count(distinct actor_id), max(most_opens_in_a_minute) from intermediate.int_actor_days"
    ).fetchone()
    historical = con.execute(
        "select count(*), count(active_ms) from intermediate.int_item_visits where is_historical"
    ).fetchone()
    classes = con.execute(
        "select length_bucket, avg(dwell_z), stddev(dwell_z), avg(cast(dwell_z < 0 as integer)) "
        "from intermediate.int_visits_judged where active_ms > 0 group by 1"
    ).fetchall()
    con.close()
    assert bots == (0,)
    assert days is not None
    assert days[0] > 24_000
    assert days[1] <= 10
    assert historical is not None
    assert historical[0] > 800_000
    assert historical[1] == 0
    for _, mean, deviation, below in classes:
        assert abs(mean) < 0.02
        assert abs(deviation - 1) < 0.02
        assert 0.4 < below < 0.6
