"""Whatever arrives in whatever order, a continued build equals one from scratch, mart by mart."""

from __future__ import annotations

import shutil
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from loop_steps import build, hashes, put_into_service, settings_at
from tangled_world import START, TangledWorld

from revealed.engines.duckdb import connect
from revealed.landing import ingest_landing
from revealed.settings import Settings
from revealed.warehouse import BuildPlan, finish_candidate, prepare_candidate, run_dbt

pytestmark = [pytest.mark.dbt]

# Days after the start at which a build is made, once each further batch of files has landed: forward, the same moment
# again with more files, back, and forward past the end.
QUICK = (4.0, 4.5)
LONG = (2.0, 3.5, 3.5, 3.0, 5.2, 12.0)


def _steps(home: Path, seed: int, moments: tuple[float, ...]) -> None:
    world = TangledWorld(seed)
    batches = world.deliveries(len(moments), home / "source")
    settings = settings_at(home / "home")
    for number, (files, days) in enumerate(zip(batches, moments, strict=True)):
        _land(settings, home, files)
        as_of = START + timedelta(days=days)
        continued = build(settings, as_of)
        assert continued.from_scratch == (number == 0)
        if not continued.from_scratch:
            different = _different(settings, continued, build(settings, as_of, from_scratch=True))
            assert different == set(), f"seed {seed}, as of day {days}"
        if days == max(moments[: number + 1]):  # what is in service is never replaced by something older
            put_into_service(settings, continued)


def _different(settings: Settings, continued: BuildPlan, scratch: BuildPlan) -> set[str]:
    """The marts whose content differs."""
    ours, wanted = hashes(settings, continued.database), hashes(settings, scratch.database)
    return {name for name in wanted if ours[name] != wanted[name]}


def _land(settings: Settings, home: Path, files: list[Path], source: str = "source") -> None:
    for path in files:
        target = settings.landing / path.relative_to(home / source)
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(path.read_bytes())
    ingest_landing(settings)


@pytest.mark.slow  # a shorter sibling: test_incremental holds continued builds to builds from scratch
def test_a_tangled_world_built_in_steps_equals_scratch(tmp_path: Path) -> None:
    _steps(tmp_path, 1, QUICK)


@pytest.mark.slow
@pytest.mark.parametrize("seed", [2, 3, 4])
def test_tangled_worlds_built_in_many_steps_equal_scratch(tmp_path: Path, seed: int) -> None:
    _steps(tmp_path, seed, LONG)


@pytest.mark.slow  # a shorter sibling: chaos/test_warehouse_kills kills builds and starts them again
@pytest.mark.parametrize("from_scratch", [False, True])
def test_dbt_tried_again_in_the_same_candidate_changes_nothing(tmp_path: Path, from_scratch: bool) -> None:
    """A task that is tried again finds this build's own rows where the last build's were."""
    world = TangledWorld(5)
    first, second = world.deliveries(2, tmp_path / "source")
    settings = settings_at(tmp_path / "home")
    _land(settings, tmp_path, first)
    put_into_service(settings, build(settings, START + timedelta(days=3)))
    _land(settings, tmp_path, second)
    as_of = START + timedelta(days=5)
    plan = prepare_candidate(settings, as_of, from_scratch=from_scratch)
    run_dbt(settings, plan, data_tests=False)
    once = replace(plan, folder=shutil.copytree(plan.folder, tmp_path / "once"))
    run_dbt(settings, plan, data_tests=False)
    finish_candidate(settings, once)
    finish_candidate(settings, plan)
    assert hashes(settings, plan.database) == hashes(settings, once.database)


def test_a_build_equals_one_of_the_log_cut_at_its_moment(tmp_path: Path) -> None:
    """Truncation invariance, line by line: what was received later does not exist yet."""
    as_of = START + timedelta(days=3)
    (whole,) = TangledWorld(6).deliveries(1, tmp_path / "source")
    cut = TangledWorld(6)
    for log in ("events", "inferences"):
        kept = [line for line in getattr(cut, log) if datetime.fromisoformat(line["received_at"]) < as_of]
        assert 0 < len(kept) < len(getattr(cut, log))
        setattr(cut, log, kept)
    (early,) = cut.deliveries(1, tmp_path / "cut")
    of_all, of_cut = settings_at(tmp_path / "all"), settings_at(tmp_path / "early")
    _land(of_all, tmp_path, whole)
    _land(of_cut, tmp_path, early, source="cut")
    assert _facts(of_all, build(of_all, as_of)) == _facts(of_cut, build(of_cut, as_of))


def _facts(settings: Settings, plan: BuildPlan) -> dict[str, str]:
    """Content hashes, fct_events without its file and line: the two logs are other files."""
    con = connect(settings, plan.database, read_only=True)
    row = con.execute(
        "select sum(cast(hash(facts) as hugeint)) "
        "from (select * exclude (source_file, source_line) from marts.fct_events) as facts"
    ).fetchone()
    con.close()
    assert row is not None
    return hashes(settings, plan.database) | {"fct_events": str(row[0])}
