"""The same lines give the same dataset, byte for byte, whatever files they came in and whatever died on the way."""

from __future__ import annotations

import os
import shutil
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from built_warehouses import FINISH, PREPARE, PUBLISH, audited, kill_at, settings_at
from reshuffled_logs import reshuffle

from revealed.faults import DATASET_POINTS, LANDING_POINTS, WAREHOUSE_BUILD_POINTS
from revealed.feedback import DatasetManifest, list_datasets, read_dataset, write_dataset
from revealed.landing import ingest_landing
from revealed.settings import Settings
from revealed.simulation import WorldConfig, simulate
from revealed.warehouse import finish_candidate, load_plan, prepare_candidate, publish_built, run_dbt

pytestmark = [pytest.mark.integration]

LAST = datetime(2026, 1, 11, tzinfo=UTC)
HALFWAY = LAST - timedelta(days=4)
LAND = "from revealed.landing import ingest_landing; ingest_landing(settings)"
WRITE = "from revealed.feedback import write_dataset; write_dataset(settings, settings.published_warehouse)"


@pytest.fixture(scope="module")
def logs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("world") / "landing"
    simulate(folder, WorldConfig(days=11, users=50, items=40, seed=11, mean_activity=0.4, late_rate=0.03))
    return folder


@pytest.fixture(scope="module")
def at_once(logs: Path, tmp_path_factory: pytest.TempPathFactory) -> DatasetManifest:
    """The dataset of logs that came in order and were built once, from scratch."""
    settings = settings_at(tmp_path_factory.mktemp("at-once"))
    shutil.copytree(logs, settings.landing)
    ingest_landing(settings)
    build(settings, LAST)
    manifest = write_dataset(settings, settings.published_warehouse)
    assert all(entry.rows for entry in manifest.files.values()), "an empty file proves nothing"
    return manifest


def build(settings: Settings, as_of: datetime) -> None:
    plan = prepare_candidate(settings, as_of)
    run_dbt(settings, plan, data_tests=False)
    finish_candidate(settings, plan)
    publish_built(settings, audited(settings, plan))


def build_with_kills(settings: Settings, as_of: datetime) -> None:
    """Die at every step of the build, and each time do what an operator or Airflow would: run it again."""
    for point in WAREHOUSE_BUILD_POINTS[:2]:
        kill_at(point, settings, PREPARE, as_of.isoformat())
    plan = prepare_candidate(settings, as_of)
    run_dbt(settings, plan, data_tests=False)
    for point in WAREHOUSE_BUILD_POINTS[2:]:
        kill_at(point, settings, FINISH, str(plan.folder))
    finish_candidate(settings, load_plan(plan.folder))
    folder = audited(settings, plan)
    kill_at("warehouse_renamed", settings, PUBLISH, str(folder))
    publish_built(settings, folder)


def land(settings: Settings, files: list[Path], logs: Path, kills: tuple[str, ...] = LANDING_POINTS) -> None:
    for path in files:
        final = settings.landing / path.relative_to(logs)
        final.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, final)
        os.utime(final, (0, 0))  # nobody writes it any more
    for point in kills:
        kill_at(point, settings, LAND)
    ingest_landing(settings)


def files_of(manifest: DatasetManifest) -> dict[str, str]:
    return {name: entry.sha256 for name, entry in manifest.files.items()}


@pytest.mark.slow  # shorter siblings: test_touched_keys (steps), test_warehouse_kills (kills), test_feedback_dataset (order)
def test_other_files_duplicates_kills_and_an_increment_give_the_same_dataset(
    logs: Path, at_once: DatasetManifest, tmp_path: Path
) -> None:
    settings = settings_at(tmp_path / "home")
    assert reshuffle(logs, tmp_path / "logs", seed=4, parts=5, duplicates=0.05) > 100
    files = sorted(path for path in (tmp_path / "logs").rglob("*") if path.is_file())
    land(settings, files[::2], tmp_path / "logs", kills=())
    build(settings, HALFWAY)
    land(settings, files[1::2], tmp_path / "logs")
    build_with_kills(settings, LAST)
    for point in DATASET_POINTS:
        kill_at(point, settings, WRITE)
    torn = write_dataset(settings, settings.published_warehouse)

    assert torn.inputs["digest"] != at_once.inputs["digest"], "the files are the same: nothing is tested"
    assert files_of(torn) == files_of(at_once)
    assert torn.version == at_once.version
    assert read_dataset(settings) == torn
    assert [found.version for found in list_datasets(settings)] == [torn.version]
    assert not list(settings.datasets.glob(".staged*"))


@pytest.fixture
def day_by_day(logs: Path, tmp_path: Path) -> Settings:
    settings = settings_at(tmp_path / "home")
    shutil.copytree(logs, settings.landing)
    ingest_landing(settings)
    return settings


@pytest.mark.slow
def test_day_by_day_gives_the_datasets_of_every_day_at_once(
    day_by_day: Settings, logs: Path, at_once: DatasetManifest, tmp_path: Path
) -> None:
    """Each day's dataset, built on the day before, is the one that a build from scratch of that day gives."""
    other = settings_at(tmp_path / "scratch")
    reshuffle(logs, other.landing, seed=5, parts=3, duplicates=0.05)
    ingest_landing(other)
    for days in range(7, -1, -1):
        moment = LAST - timedelta(days=days)
        build(day_by_day, moment)
        built = write_dataset(day_by_day, day_by_day.published_warehouse)
        if days % 3 == 0:
            shutil.rmtree(other.published, ignore_errors=True)
            build(other, moment)
            scratch = write_dataset(other, other.published_warehouse)
            assert (moment, files_of(built)) == (moment, files_of(scratch))
            assert built.version == scratch.version
    assert built.version == at_once.version
