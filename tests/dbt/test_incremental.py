"""A day rebuilt after late lines equals a build from scratch, and the same build twice gives the same data."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from loop_steps import build, copy_landing, hashes, put_into_service, settings_at

from revealed.landing import ingest_landing
from revealed.settings import Settings
from revealed.simulation import WorldConfig, simulate

pytestmark = [pytest.mark.dbt]

WITHHELD = {
    "events-2026-01-05.jsonl",
    "events-2026-01-07T00.ndjson",
    "inferences-2026-01-05.jsonl",
    "inferences-2026-01-07T00.ndjson",
}


def moment(day: int) -> datetime:
    return datetime(2026, 1, day, tzinfo=UTC)


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("world") / "landing"
    config = replace(WorldConfig.demo(), users=120, items=80, days=12, late_rate=0.004, mean_activity=0.3)
    simulate(folder, config)
    return folder


@pytest.fixture(scope="module")
def in_service(world: Path, tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """A warehouse as of day 9, built while four files of days 5 and 7 had not arrived."""
    settings = settings_at(tmp_path_factory.mktemp("home"))
    names = {path.name for path in world.rglob("*") if path.is_file()}
    assert names >= WITHHELD, "the world no longer writes these files: withhold others"
    copy_landing(world, settings.landing, names - WITHHELD)
    ingest_landing(settings)
    put_into_service(settings, build(settings, moment(9)))
    return settings


@pytest.mark.slow  # of a tangled world: test_touched_keys
def test_a_later_day_builds_on_the_last_one_and_equals_a_build_from_scratch(in_service: Settings) -> None:
    continued = build(in_service, moment(10))
    scratch = build(in_service, moment(10), from_scratch=True)
    assert continued.window_start is not None
    assert continued.window_start > moment(1).date(), (
        "the window reaches back to the first day: nothing is tested"
    )
    assert hashes(in_service, continued.database) == hashes(in_service, scratch.database)
    assert hashes(in_service, continued.database) != hashes(in_service, in_service.published_warehouse)


@pytest.mark.slow  # after a kill: chaos/test_warehouse_kills
def test_the_same_moment_twice_gives_the_same_data(in_service: Settings) -> None:
    again = build(in_service, moment(9))
    assert again.window_start == moment(9).date()
    assert hashes(in_service, again.database) == hashes(in_service, in_service.published_warehouse)


@pytest.mark.slow  # of planted lines: test_late_lines
def test_an_earlier_moment_forgets_what_was_not_yet_known(in_service: Settings) -> None:
    earlier = build(in_service, moment(8))
    scratch = build(in_service, moment(8), from_scratch=True)
    assert not earlier.from_scratch
    assert hashes(in_service, earlier.database) == hashes(in_service, scratch.database)


@pytest.mark.slow  # of a tangled world: test_touched_keys
def test_late_files_rebuild_their_days_exactly(in_service: Settings, world: Path) -> None:
    copy_landing(world, in_service.landing, WITHHELD)
    assert ingest_landing(in_service).files == len(WITHHELD)
    rebuilt = build(in_service, moment(11))
    scratch = build(in_service, moment(11), from_scratch=True)
    assert rebuilt.window_start is not None
    assert rebuilt.window_start <= moment(5).date()
    assert hashes(in_service, rebuilt.database) == hashes(in_service, scratch.database)


@pytest.mark.slow  # of a small world, line by line: test_touched_keys
def test_building_as_of_a_moment_equals_building_on_the_log_cut_there(
    world: Path, in_service: Settings, tmp_path: Path
) -> None:
    """Truncation invariance: lines received later change nothing (those files are simply not there)."""
    cut = settings_at(tmp_path / "home")
    names = {path.name for path in world.rglob("*") if path.is_file()}
    early = {name for name in names if not any(f"2026-01-{day:02d}" in name for day in (10, 11, 12))}
    assert early != names
    copy_landing(world, cut.landing, early)
    copy_landing(world, in_service.landing)
    ingest_landing(cut)
    ingest_landing(in_service)
    of_cut = build(cut, moment(10), from_scratch=True)
    of_all = build(in_service, moment(10), from_scratch=True)
    assert hashes(cut, of_cut.database) == hashes(in_service, of_all.database)
