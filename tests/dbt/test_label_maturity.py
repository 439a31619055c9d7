"""Late labels: the delay curve and the corrected rates, held to known numbers, known truths and their own definition."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import duckdb
import numpy as np
import pyarrow as pa
import pytest
from delay_world import AS_OF, RATE, Clicks, draw_clicks, write_logs
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from loop_steps import build_models, settings_at
from numpy.typing import NDArray
from rendered_sql import render

from revealed.engines.duckdb import connect
from revealed.landing import ingest_landing
from revealed.settings import Settings

pytestmark = [pytest.mark.dbt]

Floats = NDArray[np.float64]
Table = dict[str, list[object]]
Query = Callable[[Table, Table, int], list[tuple[float, ...]]]

CURVE = "with horizons as (select * from h), cells as (select * from c), {{ reverse_time_hazard() }} "
RATES = CURVE + (
    ", cohorts as (select * from g), {{ corrected_rates(['outcome_type']) }}"
    " select rate, standard_error, aged_outcomes, effective_exposures from estimates order by outcome_type"
)

# Cumulative incurred losses of the Reinsurance Association of America's triangle (Mack 1994), by accident year.
RAA = (
    (5012, 8269, 10907, 11805, 13539, 16181, 18009, 18608, 18662, 18834),
    (106, 4285, 5396, 10666, 13782, 15599, 15496, 16169, 16704),
    (3410, 8992, 13873, 16141, 18735, 22214, 22863, 23466),
    (5655, 11555, 15766, 21266, 23425, 26083, 27067),
    (1092, 9565, 15836, 22169, 25955, 26180),
    (1513, 6445, 11702, 12935, 15852),
    (557, 4020, 10946, 12314),
    (1351, 6947, 13112),
    (3133, 5395),
    (2063,),
)


@pytest.fixture(scope="module")
def queries(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, str]:
    """The curve's query and the rates' query, as dbt renders them."""
    curve = CURVE + "select share_known, outcomes_at_delay, outcomes_by_delay from curve"
    both = f"{curve} order by outcome_type, period -- cut here\n{RATES}"
    first, second = render(settings_at(tmp_path_factory.mktemp("rendered")), both).split("-- cut here")
    return first, second


def answer(
    query: str, cells: Table, cohorts: Table | None = None, *, periods: int, threads: int = 1
) -> Floats:
    """Run a rendered query on planted cells (and cohorts)."""
    con = duckdb.connect(config={"threads": threads})
    try:
        con.register("c", pa.table(cells))
        con.register("g", pa.table(cohorts or {}) if cohorts else pa.table({"nothing": [0]}))
        types = pa.table({"outcome_type": sorted(set(map(str, cells["outcome_type"])))})
        con.register("types", types)
        con.execute(f"create view h as select outcome_type, {periods} as periods from types")
        return np.array(con.execute(query).fetchall(), dtype=np.float64)
    finally:
        con.close()


def of_one_type(age: list[object], delay: list[object], outcomes: list[object]) -> Table:
    return {"outcome_type": ["x"] * len(age), "age": age, "delay": delay, "outcomes": outcomes}


def test_the_raa_triangle_gives_its_published_reserve(queries: tuple[str, str]) -> None:
    """52,135: Mack (1994), "Which stochastic model is underlying the chain ladder method?"; weights, some negative."""
    increments = [np.diff(row, prepend=0) for row in RAA]
    cells = of_one_type(
        [len(row) for row in RAA for _ in row],
        [delay for row in RAA for delay in range(len(row))],
        [float(x) for row in increments for x in row],
    )
    share = answer(queries[0], cells, periods=10)[:, 0]
    reserve = sum(row[-1] / share[len(row) - 1] - row[-1] for row in RAA)
    assert reserve == pytest.approx(52_135.23, abs=0.01)


counts = st.lists(
    st.tuples(st.integers(0, 9), st.integers(0, 9), st.integers(1, 30)), min_size=1, max_size=25
)


@given(counts)
@hypothesis_settings(max_examples=60, deadline=None)
def test_the_curve_is_a_distribution_and_its_definition(
    queries: tuple[str, str], drawn: list[tuple[int, int, int]]
) -> None:
    age, delay, outcomes = (np.array(x) for x in zip(*[(max(a, d), d, n) for a, d, n in drawn], strict=True))
    found = answer(
        queries[0], of_one_type(age.tolist(), delay.tolist(), outcomes.astype(float).tolist()), periods=10
    )
    at = [outcomes[(delay == s) & (age >= s + 1)].sum() for s in range(10)]
    by = [outcomes[(delay <= s) & (age >= s + 1)].sum() for s in range(10)]
    hazard = [n / m if m else 0.0 for n, m in zip(at, by, strict=True)]
    assert found[:, 1].tolist() == at
    assert found[:, 2].tolist() == by
    assert found[:, 0] == pytest.approx([np.prod([1 - h for h in hazard[j + 1 :]]) for j in range(10)])
    assert (np.diff(found[:, 0]) >= 0).all()
    assert found[-1, 0] == 1


def replicated(runs: int) -> tuple[list[Clicks], Table, Table]:
    worlds = [draw_clicks(np.random.default_rng(seed), 20_000, 60) for seed in range(runs)]
    con = duckdb.connect()
    for seed, world in enumerate(worlds):
        drawn = pa.table({"age": np.floor(world.age), "delay": world.delay, "known": world.is_known})
        con.register("clicks", drawn)
        into = "create table drawn as" if seed == 0 else "insert into drawn"
        con.execute(
            f"{into} select printf('%03d', {seed}) as outcome_type, cast(age as bigint) as age,"
            " case when known then cast(floor(delay) as bigint) end as delay, count(*) as n from clicks group by all"
        )
    cells = con.execute(
        "select outcome_type, age, delay, n as outcomes from drawn where delay is not null"
    ).to_arrow_table()
    cohorts = con.execute(
        "select outcome_type, age, sum(n) as exposures, coalesce(sum(n) filter (where delay < age), 0) as aged_outcomes"
        " from drawn where age < 7 group by all"
    ).to_arrow_table()
    con.close()
    return worlds, cells.to_pydict(), cohorts.to_pydict()


def test_the_corrected_rate_is_right_and_knows_how_sure_it_is(queries: tuple[str, str]) -> None:
    """Conversion rate .08, Weibull(.8, 6 days), last week: naive .036, converters-only .0725 (science.md e)."""
    worlds, cells, cohorts = replicated(200)
    found = answer(queries[1], cells, cohorts, periods=60)
    rate, error = found[:, 0], found[:, 1]
    off = np.abs(rate - RATE) / error
    assert rate.mean() == pytest.approx(RATE, abs=3 * rate.std() / np.sqrt(len(rate)))
    assert error.mean() == pytest.approx(rate.std(), rel=0.15)
    assert 0.91 <= (off < 1.96).mean() <= 0.985
    assert (off < 3).mean() >= 0.98
    assert np.mean([world.naive_rate() for world in worlds]) == pytest.approx(0.036, abs=0.0025)
    assert np.mean([world.converters_only_rate() for world in worlds]) == pytest.approx(0.0725, abs=0.002)


def test_its_bits_do_not_depend_on_threads(queries: tuple[str, str]) -> None:
    _, cells, cohorts = replicated(4)
    one = answer(queries[1], cells, cohorts, periods=60, threads=1)
    backwards = {name: values[::-1] for name, values in cells.items()}
    four = answer(queries[1], backwards, cohorts, periods=60, threads=4)
    assert one.tobytes() == four.tobytes()


@pytest.fixture(scope="module")
def planted(tmp_path_factory: pytest.TempPathFactory) -> tuple[Settings, Path, Clicks]:
    """Twenty thousand showings and their conversions as logs, those received later too, landed and built."""
    settings = settings_at(tmp_path_factory.mktemp("home"))
    clicks = draw_clicks(np.random.default_rng(5), 20_000, 60)
    write_logs(settings.landing, clicks)
    ingest_landing(settings)
    plan = build_models(settings, AS_OF, "+rpt_outcome_rates", "+rpt_label_maturity")
    return settings, plan.database, clicks


def test_the_platform_recovers_the_rate_from_logs(planted: tuple[Settings, Path, Clicks]) -> None:
    settings, database, clicks = planted
    con = connect(settings, database, read_only=True)
    rows = con.execute(
        "select model_version, exposures, outcomes, naive_rate, mature_rate, corrected_rate, standard_error, method,"
        " share_known, mature_exposures from marts.rpt_outcome_rates"
        " where outcome_type = 'convert' and impression_date is null order by model_version"
    ).fetchall()
    con.close()
    (new, exposures, outcomes, naive, mature, corrected, error, method, share, mature_exposures), old = rows
    assert (new, exposures, outcomes) == (
        "new",
        int(clicks.is_recent.sum()),
        int((clicks.is_known & clicks.is_recent).sum()),
    )
    assert naive == pytest.approx(clicks.naive_rate())
    assert (mature, mature_exposures, method) == (None, 0, "corrected")
    assert abs(corrected - RATE) < 3 * error
    assert abs(naive - RATE) > 3 * error
    assert 0.3 < share < 0.6
    assert abs(old[5] - RATE) < 3 * old[6]
    assert old[6] < error / 3


def test_days_add_up_and_the_youngest_is_refused(planted: tuple[Settings, Path, Clicks]) -> None:
    settings, database, _ = planted
    con = connect(settings, database, read_only=True)
    by_day = con.execute(
        "select sum(exposures), sum(outcomes), sum(aged_outcomes), sum(effective_exposures)"
        " from marts.rpt_outcome_rates where outcome_type = 'convert' and impression_date is not null"
    ).fetchone()
    total = con.execute(
        "select sum(exposures), sum(outcomes), sum(aged_outcomes), sum(effective_exposures)"
        " from marts.rpt_outcome_rates where outcome_type = 'convert' and impression_date is null"
    ).fetchone()
    youngest = con.execute(
        "select method, reason, corrected_rate from marts.rpt_outcome_rates"
        " where outcome_type = 'convert' order by impression_date desc nulls last limit 1"
    ).fetchone()
    curve = con.execute(
        "select share_known from marts.rpt_label_maturity where outcome_type = 'convert' order by delay_periods"
    ).fetchnumpy()["share_known"]
    con.close()
    assert by_day is not None
    assert by_day == pytest.approx(total)
    assert youngest == ("refused", "no impression is old enough to say anything", None)
    assert (np.diff(curve) >= 0).all()
    assert curve[-1] == 1
    truth = 1 - np.exp(-((np.arange(1, 61) / 6.0) ** 0.8))
    assert np.abs(curve - truth).max() < 0.04
