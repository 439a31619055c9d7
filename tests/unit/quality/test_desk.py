"""The audit's desk: each view worked out once, from the first changed day on; the candidate stays as it is."""

from __future__ import annotations

import hashlib
import tempfile
from collections.abc import Callable
from pathlib import Path

import duckdb
import pytest
from valid_warehouse import AS_OF, build_valid_warehouse

from revealed.errors import AuditFailedError
from revealed.quality import audit_warehouse
from revealed.quality.desk import open_desk
from revealed.quality.suites import warehouse_suites
from revealed.settings import Settings

CONTINUED = "update ops.build_plan set window_start = date '2026-03-02'"
OLD, NEW = "request_id = 'r2'", "request_id = 'r1'"  # shown on the first and on the second of March


def as_view(table: str) -> tuple[str, str]:
    """SQL that makes a mart a view, as dbt's are: without the file's name."""
    name = table.split(".")[1]
    return (
        f"alter table {table} rename to {name}_stored",
        f"create view {table} as select * from marts.{name}_stored",
    )


def rows_on_the_desk(settings: Settings, database: Path, table: str) -> tuple[int, list[str]]:
    """How many rows of the table are judged, and which of its columns."""
    suites = [suite for suite in warehouse_suites(AS_OF) if suite.name == table]
    with open_desk(settings, database, suites) as desk:
        desk.lay_out(suites[0])
        con = desk.cursor()
        (count,) = con.execute(f"select count(*) from {table}").fetchall()
        return count[0], [row[0] for row in con.execute(f"describe {table}").fetchall()]


@pytest.mark.parametrize(("plan", "rows"), [((), 12), ((CONTINUED,), 6)], ids=["scratch", "continued"])
def test_a_continued_build_is_judged_from_its_first_changed_day_on(
    settings: Settings, tmp_path: Path, plan: tuple[str, ...], rows: int
) -> None:
    shown = "marts.fct_impressions"
    database = build_valid_warehouse(tmp_path / "w.duckdb", *as_view(shown), *plan)
    found, columns = rows_on_the_desk(settings, database, shown)
    assert found == rows
    assert {"request_id", "net_value", "is_hide_mature"} <= set(columns)
    assert not {"snapshot_id", "variant"} & set(columns), "worked out though no rule reads them"


def test_pairs_are_judged_from_the_day_whose_labels_were_open(settings: Settings, tmp_path: Path) -> None:
    """Their labels mature within a day: those of the first of March may have become final in this build."""
    pairs = (*as_view("marts.feedback_pairs"), CONTINUED)
    database = build_valid_warehouse(tmp_path / "w.duckdb", *pairs)
    assert rows_on_the_desk(settings, database, "marts.feedback_pairs")[0] == 3
    with duckdb.connect(str(database)) as con:
        con.execute("update policy.signal_policy set maturity_window_hours = 1")
    assert rows_on_the_desk(settings, database, "marts.feedback_pairs")[0] == 0


def test_a_table_is_judged_whole_whatever_the_plan(settings: Settings, tmp_path: Path) -> None:
    database = build_valid_warehouse(tmp_path / "w.duckdb", CONTINUED)
    assert rows_on_the_desk(settings, database, "marts.fct_impressions")[0] == 12


@pytest.mark.parametrize(
    ("broken", "plan", "found"),
    [(NEW, (CONTINUED,), 3), (OLD, (CONTINUED,), 0), (OLD, (), 3)],
    ids=["written now", "audited before", "from scratch"],
)
def test_what_this_build_wrote_fails_and_is_named_though_its_mart_is_a_view(
    settings: Settings,
    tmp_path: Path,
    only: Callable[[str], None],
    broken: str,
    plan: tuple[str, ...],
    found: int,
) -> None:
    only("fct_impressions")
    breakage = f"update marts.fct_impressions set propensity = 2 where {broken}"
    database = build_valid_warehouse(
        tmp_path / "w.duckdb", breakage, *as_view("marts.fct_impressions"), *plan
    )
    result = audit_warehouse(settings, database, as_of=AS_OF)
    assert sum(failure.unexpected_count for failure in result.failures) == found
    assert all(row["propensity"] == 2 for failure in result.failures for row in failure.sample_rows)


def test_what_is_new_may_rest_on_what_is_old(settings: Settings, tmp_path: Path) -> None:
    """An event of the second of March belongs to a showing of the first; the report's older days are not counted again."""
    views = [
        sql
        for mart in ("fct_impressions", "fct_attribution", "feedback_pairs")
        for sql in as_view(f"marts.{mart}")
    ]
    late = "update marts.fct_events set event_date = date '2026-03-02' where matched_request_id = 'r2'"
    late_outcome = "update marts.fct_attribution set event_date = date '2026-03-02' where request_id = 'r2'"
    database = build_valid_warehouse(tmp_path / "w.duckdb", late, late_outcome, *views, CONTINUED)
    result = audit_warehouse(settings, database, as_of=AS_OF)
    assert result.failures == []


@pytest.mark.parametrize(
    ("emptied", "rules"),
    [((), set()), (("delete from intermediate.int_impressions",), {"shows_what_was_shown"})],
    ids=["nothing new", "nothing at all"],
)
def test_a_build_in_which_nothing_changed_passes_where_there_is_something(
    settings: Settings, tmp_path: Path, only: Callable[[str], None], emptied: tuple[str, ...], rules: set[str]
) -> None:
    """The same moment built again: its first changed day is the as-of day, of which nothing has been received yet."""
    only("fct_impressions")
    again = "update ops.build_plan set window_start = date '2026-03-03'"
    database = build_valid_warehouse(
        tmp_path / "w.duckdb", *as_view("marts.fct_impressions"), again, *emptied
    )
    result = audit_warehouse(settings, database, as_of=AS_OF)
    assert {failure.expectation for failure in result.failures} == rules


def test_a_candidate_without_a_plan_is_not_audited(settings: Settings, tmp_path: Path) -> None:
    views = (*as_view("marts.fct_impressions"), "delete from ops.build_plan")
    with pytest.raises(AuditFailedError, match="could not be carried out"):
        audit_warehouse(settings, build_valid_warehouse(tmp_path / "w.duckdb", *views), as_of=AS_OF)


def test_the_candidate_stays_as_it_was_and_nothing_is_left_beside_it(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    scratch = tmp_path / "tmp"
    scratch.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(scratch))
    folder = tmp_path / "candidate"
    folder.mkdir()
    database = build_valid_warehouse(folder / "w.duckdb", *as_view("marts.fct_impressions"))
    before = hashlib.sha256(database.read_bytes()).digest()
    suites = warehouse_suites(AS_OF)
    refused = pytest.raises(duckdb.InvalidInputException, match="read-only")
    with refused, open_desk(settings, database, suites) as desk:
        desk.lay_out(next(suite for suite in suites if suite.table == "fct_impressions"))
        assert list(scratch.iterdir()) != []
        desk.cursor().execute("delete from candidate.marts.fct_impressions_stored")
    assert list(scratch.iterdir()) == []
    assert [path.name for path in folder.iterdir()] == ["w.duckdb"]
    assert hashlib.sha256(database.read_bytes()).digest() == before
    with duckdb.connect(str(database)) as writer:
        writer.execute("create table marts.written_after_the_audit as select 1")


def test_what_no_later_suite_reads_is_cleared_away(settings: Settings, tmp_path: Path) -> None:
    database = build_valid_warehouse(
        tmp_path / "w.duckdb", *as_view("marts.fct_impressions"), *as_view("marts.fct_attribution")
    )
    suites = warehouse_suites(AS_OF)
    laid_out = []
    with open_desk(settings, database, suites) as desk:
        for suite in suites:
            desk.lay_out(suite)
            tables = desk.cursor().execute(
                "select table_name from duckdb_tables() where database_name = 'memory' order by 1"
            )
            laid_out.append((suite.table, [row[0] for row in tables.fetchall()]))
    assert ("rpt_model_daily", ["fct_impressions"]) in laid_out, "its sums are compared with them"
    assert ("fct_attribution", ["fct_attribution"]) in laid_out
    assert laid_out[-1] == ("ledger", [])
