"""Costs are of the measured block alone, and a bar is missed when it is missed."""

from __future__ import annotations

from pathlib import Path

import pytest

from revealed.benchmarks.scale.builds import cpu_of_models, everyday_models
from revealed.benchmarks.scale.checks import Check, ratio
from revealed.benchmarks.scale.measure import measured
from revealed.benchmarks.scale.worker import run_task
from revealed.errors import BuildFailedError
from revealed.settings import Settings


def test_peak_is_of_the_block_not_of_what_came_before() -> None:
    with measured() as large:
        block = bytearray(300 << 20)
        block[:: 1 << 12] = b"x" * len(block[:: 1 << 12])
        del block
    with measured() as small:
        pass
    assert large.peak_mb > small.peak_mb + 200


def test_cpu_counts_all_threads_and_no_waiting(tmp_path: Path) -> None:
    settings = Settings.from_env({"REVEALED_HOME": str(tmp_path), "REVEALED_DUCKDB_THREADS": "2"})
    busy = "select max(sin(n)) from range(10000000) as numbers (n)"
    found = run_task(settings, "query", timed=[busy])
    nothing = run_task(settings, "query", timed=["select 1"])
    assert found["cpu_s"] > 20 * nothing["cpu_s"]
    assert found["cpu_s"] < 2.5 * found["wall_s"]
    assert nothing["answer"] == ["1"]


def test_what_is_undone_leaves_no_trace(tmp_path: Path) -> None:
    settings = Settings.from_env({"REVEALED_HOME": str(tmp_path)})
    database = str(tmp_path / "one.duckdb")
    run_task(
        settings, "query", database=database, is_read_only=False, timed=["create table kept as select 1 as n"]
    )
    planted = ["insert into kept select n from range(1000) as numbers (n)"]
    count = ["select count(*) from kept"]
    during = run_task(settings, "query", database=database, setup=planted, timed=count, undo=True)
    after = run_task(settings, "query", database=database, timed=count)
    assert (during["answer"], after["answer"]) == (["1001"], ["1"])


def test_a_child_that_fails_says_why(tmp_path: Path) -> None:
    settings = Settings.from_env({"REVEALED_HOME": str(tmp_path)})
    with pytest.raises(BuildFailedError, match="no_such_table"):
        run_task(settings, "query", timed=["select * from no_such_table"])


@pytest.mark.parametrize(
    ("value", "limit", "verdict"),
    [
        (1.3, 1.3, "ok"),
        (1.31, 1.3, "missed"),
        (0, 0, "ok"),
        (1, 0, "missed"),
        (5.0, None, ""),
        (None, 1.3, ""),
    ],
)
def test_verdicts(value: float | None, limit: float | None, verdict: str) -> None:
    assert Check("a bar", value, limit).verdict == verdict


def test_a_ratio_to_nothing_is_not_a_ratio() -> None:
    assert ratio(3.0, 2.0) == 1.5
    assert ratio(3.0, 0.0) is None


def test_models_written_whole_are_not_the_increment_s() -> None:
    kinds = [
        ("a", "incremental", "marts"),
        ("b", "table", "build"),
        ("c", "table", "marts"),
        ("d", "view", "marts"),
    ]
    models = [
        {"name": name, "materialized": kind, "schema": schema, "cpu_s": 2.0**-number}
        for number, (name, kind, schema) in enumerate(kinds)
    ]
    figures = {"models": models}
    assert everyday_models(figures) == ["a", "b", "d"]
    assert cpu_of_models(figures, ["a", "d", "elsewhere"]) == 1.125
    assert cpu_of_models(figures, None) == 1.875
