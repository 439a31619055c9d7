"""The position curve of a built warehouse against the world's planted truth, and against its own past."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from loop_steps import build, build_models, settings_at

from revealed.engines.duckdb import connect, literal
from revealed.landing import ingest_landing, ingest_path
from revealed.settings import Settings
from revealed.simulation import WorldConfig, simulate
from revealed.warehouse import BuildPlan

pytestmark = [pytest.mark.dbt]

OPEN_BANDIT = Path(__file__).resolve().parents[2].parent / "shared" / "data" / "obd_men"
AS_OF = datetime(2026, 1, 13, tzinfo=UTC)
HOLDOUT = datetime(2026, 1, 11, tzinfo=UTC)
REPORTS = ("+rpt_position_bias", "+rpt_exposure_bias", "+rpt_popularity_bias", "+rpt_topic_exposure")


@pytest.fixture(scope="module")
def landed(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    settings = settings_at(tmp_path_factory.mktemp("home"))
    simulate(settings, replace(WorldConfig.demo(), users=500, items=120, days=12, mean_activity=0.4))
    ingest_landing(settings)
    return settings


@pytest.fixture(scope="module")
def built(landed: Settings) -> BuildPlan:
    return build_models(landed, AS_OF, *REPORTS, "+fct_events")


def rows(settings: Settings, plan: BuildPlan, query: str) -> list[tuple[Any, ...]]:
    con = connect(settings, plan.database, read_only=True)
    try:
        return con.execute(query).fetchall()
    finally:
        con.close()


def test_the_curve_is_within_its_intervals_of_the_planted_truth(landed: Settings, built: BuildPlan) -> None:
    truth = landed.home / "simulation" / "truth" / "examination.parquet"
    found = rows(
        landed,
        built,
        f"""
        with planted as (
            select surface, position, theta / first_value(theta) over (
                partition by surface order by position) as theta
            from read_parquet({literal(truth)})
        )
        select surface, position, method, examination, ci_low <= theta and theta <= ci_high, theta
        from marts.rpt_position_bias inner join planted using (surface, position) order by surface, position
        """,
    )
    estimated = [row for row in found if row[2] != "refused" and row[1] > 1]
    assert {row[0] for row in estimated} >= {"home_feed", "article_related"}
    assert {row[2] for row in estimated} == {"hajek"}
    assert [row for row in estimated if row[0] == "home_feed" and not row[4]] == []
    assert sum(not row[4] for row in estimated) <= 2, "one interval in twenty may miss"
    home = [(row[3], row[5]) for row in estimated if row[0] == "home_feed"]
    assert max(abs(value / theta - 1) for value, theta in home) < 0.25


def test_a_search_engine_that_logs_no_propensity_and_never_varies_is_refused(
    landed: Settings, built: BuildPlan
) -> None:
    found = rows(
        landed,
        built,
        "select method, examination, ci_low, reason from marts.rpt_position_bias where surface = 'search'",
    )
    assert len(found) == 8
    assert {row[:3] for row in found} == {("refused", None, None)}
    assert all("no impression carries a propensity" in row[3] for row in found)


def test_the_holdout_s_curve_is_the_one_that_was_known_then(landed: Settings, built: BuildPlan) -> None:
    """Late clicks of the held-out days are in the warehouse, and must not be in the curve that trains before them."""
    query = "select * exclude (basis) from intermediate.int_examination_curve where moment = timestamp '{}' order by all"
    then = build_models(landed, HOLDOUT, "+int_examination_curve", from_scratch=True)
    moment = f"{HOLDOUT:%Y-%m-%d}"
    known_then = rows(landed, then, query.format(moment))
    assert len(known_then) > 15
    assert rows(landed, built, query.format(moment)) == known_then
    late = rows(
        landed,
        built,
        f"""select count(*) from marts.fct_events where event_type = 'click' and received_at >= '{moment}'
            and occurred_at < timestamp '{moment}' - interval 1 day""",
    )
    assert late[0][0] > 0, "no late click: nothing is tested"


def test_exposure_bias_is_reported_for_every_surface(landed: Settings, built: BuildPlan) -> None:
    surfaces = {"(all)", "home_feed", "article_related", "search", "email"}
    gini = rows(landed, built, "select surface, exposure_gini from marts.rpt_exposure_bias")
    assert {surface for surface, _ in gini} == surfaces
    assert dict(gini)["search"] > dict(gini)["home_feed"], "search shows a handful of items, the feed all"
    shares = rows(
        landed,
        built,
        """select surface, sum(exposure_share), sum(engagement_share) from marts.rpt_popularity_bias group by surface
            union all
            select surface, sum(exposure_share), sum(engagement_share) from marts.rpt_topic_exposure group by surface""",
    )
    assert len(shares) == 2 * len(surfaces)
    assert all(row[1:] == pytest.approx((1.0, 1.0)) for row in shares)


@pytest.mark.slow
def test_open_bandit_through_the_loop(tmp_path: Path) -> None:
    """Both of its policies share a surface: the random one carries the curve, the bandit is left out by name."""
    if not OPEN_BANDIT.is_dir():
        pytest.skip("the real data is not here: ../shared/data/obd_men")
    settings = settings_at(tmp_path / "home")
    ingest_path(settings, OPEN_BANDIT, "open-bandit")
    plan = build(settings, datetime(2019, 12, 4, tzinfo=UTC))
    found = rows(
        settings,
        plan,
        "select position, method, round(examination, 3), used_clicks, basis from marts.rpt_position_bias order by 1",
    )
    assert [row[1:4] for row in found] == [("hajek", 1.0, 10), ("hajek", 2.132, 22), ("hajek", 1.381, 14)]
    assert "left out zozotown bts: effective sample size 174 of 3339 at position 1" in found[0][4]
