"""The models' own tests: dbt's unit tests on a built candidate, and the documentation inside the file."""

from __future__ import annotations

import json
import shutil
from datetime import UTC, datetime
from pathlib import Path

import pytest
from compiled_models import run_dbt_command
from documented_answers import CHECKS
from loop_steps import copy_landing, settings_at

from revealed.documented_queries import queries_document, read_queries, run_query
from revealed.engines.duckdb import connect
from revealed.landing import ingest_landing
from revealed.settings import Settings
from revealed.simulation import WorldConfig, simulate
from revealed.warehouse import BuildPlan, compile_manifest, prepare_candidate, run_dbt
from revealed.warehouse.dictionary import data_dictionary

pytestmark = [pytest.mark.dbt]

AS_OF = datetime(2026, 1, 7, tzinfo=UTC)


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("world") / "landing"
    simulate(folder, WorldConfig.tiny())
    return folder


@pytest.fixture(scope="module")
def built(world: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Settings, BuildPlan]:
    settings = settings_at(tmp_path_factory.mktemp("home"))
    copy_landing(world, settings.landing)
    ingest_landing(settings)
    plan = prepare_candidate(settings, AS_OF)
    run_dbt(settings, plan)
    return settings, plan


def dbt_test(settings: Settings, folder: Path, *select: str) -> dict[str, str]:
    """Run some of dbt's tests on the candidate in `folder`; return the status of each by its name."""
    run_dbt_command(settings, folder, "test", "--select", *select, may_fail=True)
    results = json.loads((settings.home / "target" / "run_results.json").read_bytes())["results"]
    return {result["unique_id"].split(".")[2]: result["status"] for result in results}


def test_unit_tests_hold(built: tuple[Settings, BuildPlan]) -> None:
    settings, plan = built
    results = dbt_test(settings, plan.folder, "test_type:unit")
    assert len(results) >= 7
    assert {name for name, status in results.items() if status != "pass"} == set()


def test_a_continued_build_tests_what_it_wrote(built: tuple[Settings, BuildPlan], tmp_path: Path) -> None:
    """An impression lost and one doubled, on one day: told by a build that wrote the day, not by one that wrote later ones."""
    settings, plan = built
    database = Path(shutil.copy(plan.database, tmp_path / "warehouse.duckdb"))
    requests = (
        "select request_id from intermediate.int_impressions where impression_date = date '2026-01-04' "
        "group by all having count(*) > 1 order by all limit 1"
    )
    with connect(settings, database) as con:
        con.execute(
            f"create table kept as from intermediate.int_impressions where request_id in ({requests})"
        )
        con.execute(
            "delete from intermediate.int_impressions where request_id in (select request_id from kept)"
        )
        con.execute("insert into intermediate.int_impressions from kept order by position limit 1")
        con.execute(
            "insert into intermediate.int_impressions from intermediate.int_impressions "
            "where impression_date = date '2026-01-04' order by request_id desc, item_id limit 1"
        )
    tests = ("impressions_of_every_shown_item", "unique_combination_int_impressions_request_id__item_id")
    sparing = ("fct_evidence_is_the_product_of_its_factors",)
    found = {}
    for day in ("2026-01-04", "2026-01-05"):
        with connect(settings, database) as con:
            con.execute(f"update ops.build_plan set window_start = date '{day}'")
        found[day] = dbt_test(settings, tmp_path, *tests, *sparing)
    assert found["2026-01-04"] == dict.fromkeys(tests, "fail") | dict.fromkeys(sparing, "pass")
    assert found["2026-01-05"] == dict.fromkeys((*tests, *sparing), "pass")


def test_every_mart_and_column_is_described_in_the_file(built: tuple[Settings, BuildPlan]) -> None:
    settings, plan = built
    con = connect(settings, plan.database, read_only=True)
    relations = con.execute(
        "select table_name, comment from duckdb_tables() where schema_name = 'marts' "
        "union all select view_name, comment from duckdb_views() where schema_name = 'marts'"
    ).fetchall()
    columns = con.execute(
        "select table_name || '.' || column_name, comment from duckdb_columns() where schema_name = 'marts'"
    ).fetchall()
    con.close()
    assert len(relations) >= 9
    assert len(columns) > 150
    assert [name for name, comment in relations + columns if not comment] == []
    assert [name for name, comment in relations if not comment.startswith("One row per")] == []


def test_candidate_holds_what_the_raw_lines_say(built: tuple[Settings, BuildPlan]) -> None:
    """Against plain SQL on raw Parquet: no event lost, none counted twice, none from the future."""
    settings, plan = built
    con = connect(settings, plan.database, read_only=True)
    raw = con.execute(
        f"select count(distinct event_id) from read_parquet('{settings.raw}/events/*/*.parquet') "
        f"where received_at < timestamp '{AS_OF:%Y-%m-%d}'"
    ).fetchone()
    marts = con.execute(
        "select count(*), count(distinct event_id), max(received_at) from marts.fct_events"
    ).fetchone()
    con.close()
    assert raw is not None
    assert marts is not None
    assert marts[:2] == (raw[0], raw[0])
    assert marts[2] < AS_OF.replace(tzinfo=None)


def test_matching_agrees_with_the_planted_cause(built: tuple[Settings, BuildPlan], world: Path) -> None:
    """Events without a request id: certain where the item was shown once, more often right than not where it was not."""
    settings, plan = built
    truth = world.parent / "simulation" / "truth"
    con = connect(settings, plan.database, read_only=True)
    rows = con.execute(
        "with showings as (select actor_id, item_id, count(*) as shown from marts.fct_impressions group by all) "
        "select shown = 1, count(*), avg(cast(events.matched_request_id = truth.cause_request_id as integer)) "
        "from marts.fct_events as events "
        f"inner join read_parquet('{truth}/events.parquet') as truth using (event_id) "
        "inner join showings on events.actor_id = showings.actor_id and events.item_id = showings.item_id "
        "where events.match_type = 'last_touch' "
        # A cause whose own line is late or was quarantined cannot be found by anybody.
        "and truth.cause_request_id in (select request_id from marts.fct_impressions) group by 1"
    ).fetchall()
    con.close()
    found = {once: (events, right) for once, events, right in rows}
    assert found[True][0] >= 10
    assert found[True][1] == 1.0
    assert found[False][1] > 0.6


def test_every_outcome_is_in_the_ledger_with_its_planted_cause(
    built: tuple[Settings, BuildPlan], world: Path
) -> None:
    """Whole net value under each method; what really caused an outcome is always among its touches."""
    settings, plan = built
    truth = world.parent / "simulation" / "truth"
    con = connect(settings, plan.database, read_only=True)
    outcomes = con.execute(
        "select count(*) from marts.fct_events inner join policy.signal_policy as policy using (event_type) "
        "where policy.polarity != 'neutral' and attribution_window_hours > 0 and reversal_of is null"
    ).fetchone()
    methods = con.execute(
        "select method, count(distinct outcome_event_id), abs(sum(credit) - sum(net_value) filter (touch_number = touches)) "
        "from marts.fct_attribution where outcome_type != 'satisfied_click' group by method"
    ).fetchall()
    caused = con.execute(
        "select outcome_event_id, bool_or(request_id = truth.cause_request_id) from marts.fct_attribution "
        f"inner join read_parquet('{truth}/events.parquet') as truth on outcome_event_id = truth.event_id "
        # A cause whose own line is late or was quarantined cannot be found by anybody.
        "where method = 'last' and truth.cause_request_id in (select request_id from marts.fct_impressions) group by 1"
    ).fetchall()
    satisfied = con.execute(
        "select (select count(*) from marts.fct_impressions where is_satisfied and is_clicked), "
        "(select sum(credit_share) from marts.fct_attribution "
        "where outcome_type = 'satisfied_click' and method = 'last' and request_id is not null)"
    ).fetchone()
    con.close()
    assert outcomes is not None
    assert satisfied is not None
    assert {count for _, count, _ in methods} == {outcomes[0]}
    assert len(methods) == 7
    assert max(lost for _, _, lost in methods) < 1e-6
    assert len(caused) > 100
    assert all(found for _, found in caused)
    assert satisfied[0] == satisfied[1] > 0


def test_views_work_in_a_copy_under_another_name(built: tuple[Settings, BuildPlan], tmp_path: Path) -> None:
    settings, plan = built
    copy = tmp_path / "analyst.duckdb"
    shutil.copyfile(plan.database, copy)
    con = connect(settings)
    con.execute(f"attach '{copy}' as mine (read_only)")
    row = con.execute("select count(*) from mine.marts.fct_impressions").fetchone()
    con.close()
    assert row is not None
    assert row[0] > 0


def test_the_data_dictionary_is_up_to_date(tmp_path: Path) -> None:
    settings = settings_at(tmp_path)
    committed = (settings.project_root / "docs" / "data-dictionary.md").read_text()
    assert data_dictionary(compile_manifest(settings)) == committed, "run `make docs`"


@pytest.mark.parametrize("number", range(len(CHECKS)), ids=[check.__name__ for check in CHECKS])
def test_the_documented_queries_answer_their_questions(
    built: tuple[Settings, BuildPlan], world: Path, number: int
) -> None:
    settings, plan = built
    queries = read_queries(queries_document(settings))
    assert len(queries) == len(CHECKS)
    query = queries[number]
    con = connect(settings, plan.database, read_only=True)
    try:
        rows = run_query(con, query)
        CHECKS[number](con, settings.raw, world.parent / "simulation" / "truth", rows)
    finally:
        con.close()
    assert query.answer.splitlines()[0].split() == list(rows[0]), "run `make answers`"
