from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import duckdb
import pytest
from breakages import COUNT, EMPTY, EVENTS, IMPRESSIONS, NULL, SHORT, Breakages
from derived_breakages import CREDITS, DERIVED
from valid_warehouse import AS_OF, build_valid_warehouse

from revealed.errors import AuditFailedError
from revealed.quality import AuditFailure, AuditResult, audit_warehouse
from revealed.quality.suite import Suite
from revealed.quality.suites import warehouse_suites
from revealed.quality.validation import validate
from revealed.settings import Settings


def _name(failure: AuditFailure) -> tuple[str, str, str | None]:
    return failure.table, failure.expectation, failure.column


def _names(found: Any) -> set[tuple[str, str, str | None]]:
    return {_name(failure) for failure in found}


def _every_expectation() -> set[tuple[str, str, str | None]]:
    return {
        (
            suite.name,
            expectation.meta["rule"] if expectation.meta else expectation.configuration.type,
            (expectation.meta or {}).get("column") or expectation.configuration.kwargs.get("column"),
        )
        for suite in warehouse_suites(AS_OF)
        for expectation in suite.expectations
    }


def test_a_valid_warehouse_passes_every_expectation(settings: Settings, tmp_path: Path) -> None:
    result = audit_warehouse(settings, build_valid_warehouse(tmp_path / "w.duckdb"), as_of=AS_OF)
    assert (result.passed, result.failures, result.warnings) == (True, [], ())
    assert result.checks == sum(len(suite.expectations) for suite in warehouse_suites(AS_OF)) > 100
    result.require_pass()


@pytest.mark.parametrize(
    "broken",
    [IMPRESSIONS, EVENTS, DERIVED, CREDITS, SHORT, EMPTY],
    ids=["shown", "events", "derived", "credits", "short", "empty"],
)
def test_a_broken_row_fails_its_expectation_alone_and_is_named(
    settings: Settings, tmp_path: Path, broken: Breakages
) -> None:
    database = build_valid_warehouse(tmp_path / "w.duckdb", *broken.statements)
    result = audit_warehouse(settings, database, as_of=AS_OF)
    assert not result.passed
    assert _names(result.failures) == set(broken.failures)
    assert _names(result.warnings) == set(broken.warnings)
    expected = broken.failures | broken.warnings
    for failure in (*result.failures, *result.warnings):
        rows = expected[_name(failure)]
        assert failure.unexpected_count == (0 if failure.expectation == COUNT else len(rows)), failure
        found = sorted(failure.sample_rows, key=lambda row: [str(value) for value in row.values()])
        assert all(want.items() <= row.items() for row, want in zip(found, rows, strict=True)), failure


def _of_missing_values(suite: Suite) -> Suite:
    return replace(
        suite, expectations=tuple(e for e in suite.expectations if e.configuration.type in (COUNT, NULL))
    )


def test_a_missing_value_fails_in_every_column_that_needs_one(settings: Settings, tmp_path: Path) -> None:
    needed = {name for name in _every_expectation() if name[1] == NULL}
    nulls = [f"update {table} set {column} = null" for table, _, column in needed]
    database = build_valid_warehouse(tmp_path / "w.duckdb", *nulls)
    outcomes = validate(settings, database, [_of_missing_values(suite) for suite in warehouse_suites(AS_OF)])
    assert needed <= _names(failure for outcome in outcomes for failure in outcome.failures)


def test_the_rule_of_completeness_tells_every_column_that_it_names(tmp_path: Path) -> None:
    """Asked of DuckDB directly: one column of one row missing, for each column of each table that has the rule."""
    columns = 0
    with duckdb.connect(str(build_valid_warehouse(tmp_path / "w.duckdb"))) as con:
        for suite in warehouse_suites(AS_OF):
            for rule in [e for e in suite.expectations if (e.meta or {}).get("rule") == "complete"]:
                for column in rule.description.removeprefix("never missing: ").split(", "):
                    one = f"(select * replace (null as {column}) from {suite.name} limit 1)"
                    rows = con.execute(rule.meta["query"].replace("{batch}", one)).fetchall()
                    assert [row[-1] for row in rows] == [column], (suite.name, column)
                    columns += 1
    assert columns > 100


def test_the_breakages_cover_every_expectation() -> None:
    broken: set[tuple[str, str, str | None]] = set()
    for group in (IMPRESSIONS, EVENTS, DERIVED, CREDITS, SHORT, EMPTY):
        broken |= set(group.failures) | set(group.warnings)
    counts = {name for name in _every_expectation() if name[1] == COUNT}
    must_have_rows = {"marts.fct_events", "marts.feedback_user_item", "ops.ledger"}
    assert {table for table, _, _ in counts & broken} == must_have_rows
    may_be_empty = counts - broken
    missing_values = {name for name in _every_expectation() if name[1] == NULL}
    assert _every_expectation() - broken - missing_values == may_be_empty


def test_every_suite_counts_its_rows_first() -> None:
    for suite in warehouse_suites(AS_OF):
        assert suite.expectations[0].configuration.type == COUNT, suite.name


def test_rows_on_the_edge_of_a_rule_pass(settings: Settings, tmp_path: Path) -> None:
    edges = (
        "update marts.fct_impressions set propensity = 1, scroll_depth = 1 where request_id = 'r1'",
        "update marts.fct_impressions set position = position + 10 where request_id = 'r3'",
        "update marts.fct_impressions set as_of = timestamp '2026-03-01' where request_id = 'r2'",
        "update marts.fct_events set match_lag_s = -300, dwell_ms = 0 where event_id = 'e1'",
        "update marts.fct_events set received_at = occurred_at - interval 300 second where event_id = 'e2'",
        "update marts.feedback_user_item set confidence = sign(confidence)",
        "delete from marts.feedback_fold_test",
    )
    result = audit_warehouse(settings, build_valid_warehouse(tmp_path / "w.duckdb", *edges), as_of=AS_OF)
    assert result.failures == []


def test_the_moment_of_the_build_is_what_future_means(settings: Settings, tmp_path: Path) -> None:
    database = build_valid_warehouse(tmp_path / "w.duckdb")
    result = audit_warehouse(settings, database, as_of=AS_OF - timedelta(days=2))
    rules = {failure.expectation for failure in result.failures}
    assert rules == {"received_before_as_of", "occurred_before_as_of", "as_of_not_later"}


@pytest.mark.parametrize(
    "suites", [[], [Suite("marts", "dim_items", ("item_id",), ())]], ids=["none", "empty"]
)
def test_an_audit_that_evaluates_nothing_fails(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, suites: list[Suite]
) -> None:
    monkeypatch.setattr("revealed.quality.suites.warehouse_suites", lambda as_of: suites)
    result = audit_warehouse(settings, build_valid_warehouse(tmp_path / "w.duckdb"), as_of=AS_OF)
    assert not result.passed
    with pytest.raises(AuditFailedError):
        result.require_pass()


def test_a_suite_without_a_row_count_fails(settings: Settings, tmp_path: Path) -> None:
    dim_items = next(suite for suite in warehouse_suites(AS_OF) if suite.table == "dim_items")
    vacuous = Suite("marts", "dim_items", ("item_id",), dim_items.expectations[1:])
    (outcome,) = validate(settings, build_valid_warehouse(tmp_path / "w.duckdb"), [vacuous])
    assert _names(outcome.failures) == {("marts.dim_items", "suite_evaluated", None)}


def test_an_expectation_that_cannot_be_evaluated_fails_and_says_why(
    settings: Settings, tmp_path: Path, only: Callable[[str], None]
) -> None:
    only("dim_items")
    database = build_valid_warehouse(tmp_path / "w.duckdb", "alter table marts.dim_items drop column price")
    result = audit_warehouse(settings, database, as_of=AS_OF)
    (failure,) = result.failures
    assert _name(failure)[0] == "marts.dim_items"
    assert "price" in failure.sample_rows[0]["error"]


def test_a_warning_that_cannot_be_evaluated_is_a_failure(
    settings: Settings, tmp_path: Path, only: Callable[[str], None]
) -> None:
    only("fct_events")
    database = build_valid_warehouse(
        tmp_path / "w.duckdb", "alter table marts.fct_events drop column request_id"
    )
    result = audit_warehouse(settings, database, as_of=AS_OF)
    assert "unmatched_share" in {failure.expectation for failure in result.failures}


@pytest.mark.parametrize("damage", ["missing table", "not a database", "missing file"])
def test_a_crash_is_never_a_pass(settings: Settings, tmp_path: Path, damage: str) -> None:
    database = tmp_path / "w.duckdb"
    if damage == "missing table":
        build_valid_warehouse(database, "drop table marts.fct_sessions")
    elif damage == "not a database":
        database.write_bytes(b"no database" * 1000)
    with pytest.raises(AuditFailedError, match="could not be carried out") as caught:
        audit_warehouse(settings, database, as_of=AS_OF)
    assert caught.value.__cause__ is not None
    assert str(database) in str(caught.value)
    assert not settings.data_docs.exists()


def test_a_crash_tells_what_duckdb_said(settings: Settings, tmp_path: Path) -> None:
    """dbt's views name their catalogue, which is the file's name: a renamed copy cannot be read."""
    database = build_valid_warehouse(
        tmp_path / "w.duckdb",
        "alter table marts.dim_items rename to stored",
        "create view marts.dim_items as select * from w.marts.stored",
    )
    renamed = database.rename(tmp_path / "copy.duckdb")
    with pytest.raises(AuditFailedError, match='Catalog "w" does not exist'):
        audit_warehouse(settings, renamed, as_of=AS_OF)


def test_undocumented_means_failed(settings: Settings, tmp_path: Path, only: Callable[[str], None]) -> None:
    only("dim_items")
    settings.home.mkdir()
    settings.data_docs.write_text("a file where the site should be")
    with pytest.raises(AuditFailedError, match="could not be documented"):
        audit_warehouse(settings, build_valid_warehouse(tmp_path / "w.duckdb"), as_of=AS_OF)


def test_at_most_five_of_many_failing_rows_are_named(
    settings: Settings, tmp_path: Path, only: Callable[[str], None]
) -> None:
    only("fct_impressions")
    many = (
        "update marts.fct_impressions set propensity = 2",
        "update marts.fct_impressions set is_clickbait = true, is_clicked = false",
    )
    result = audit_warehouse(settings, build_valid_warehouse(tmp_path / "w.duckdb", *many), as_of=AS_OF)
    assert {(f.unexpected_count, len(f.sample_rows)) for f in result.failures} == {(12, 5)}


def test_a_reader_of_the_file_is_not_disturbed_and_the_file_is_let_go(
    settings: Settings, tmp_path: Path, only: Callable[[str], None]
) -> None:
    only("dim_items")
    database = build_valid_warehouse(tmp_path / "w.duckdb")
    script = (
        "import duckdb, sys; con = duckdb.connect(sys.argv[1], read_only=True); print('open', flush=True); "
        "sys.stdin.readline(); print(con.execute('select count(*) from marts.fct_events').fetchone()[0])"
    )
    with subprocess.Popen(
        [sys.executable, "-c", script, str(database)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as reader:
        assert reader.stdout is not None
        assert reader.stdout.readline() == "open\n"
        assert audit_warehouse(settings, database, as_of=AS_OF).passed
        assert reader.communicate("go\n")[0] == "5\n"
    with duckdb.connect(str(database)) as writer:
        writer.execute("create table marts.written_after_the_audit as select 1")


def test_the_verdict_survives_json() -> None:
    failure = AuditFailure("marts.t", "rule", None, 3, [{"id": "a", "x": None}], "x is there")
    result = AuditResult(False, 7, [failure], Path("docs/index.html"), (failure,))
    assert AuditResult.from_dict(result.to_dict()) == result


def test_a_refusal_names_table_expectation_column_number_and_rows(
    settings: Settings, tmp_path: Path, only: Callable[[str], None]
) -> None:
    only("fct_impressions")
    broken = "update marts.fct_impressions set propensity = 1.5 where request_id = 'r3' and position = 2"
    result = audit_warehouse(settings, build_valid_warehouse(tmp_path / "w.duckdb", broken), as_of=AS_OF)
    with pytest.raises(AuditFailedError) as caught:
        result.require_pass()
    message = str(caught.value)
    for part in ("marts.fct_impressions.propensity", "between", "1 row", "'r3'", "'i3'", "1.5", "index.html"):
        assert part in message
