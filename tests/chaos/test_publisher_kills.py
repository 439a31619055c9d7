"""Publishers are killed while two race and two read: nobody meets a partial, mixed or older snapshot, and nothing told is lost.

`CHAOS_SEED` replays the moments of a run.
"""

from __future__ import annotations

import json
import multiprocessing
import multiprocessing.forkserver as forkserver
import os
import random
import shutil
import signal
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest
import snapshot_publishers
from snapshot_publishers import (
    FILES,
    Reading,
    fill,
    publish,
    publish_for_ever,
    publish_in_place,
    publish_pointing_first,
    publish_without_manifest,
    read_for_ever,
    read_once,
    settings_at,
)

from revealed import durable
from revealed.errors import StaleError
from revealed.faults import SNAPSHOT_POINTS
from revealed.publishing.generations import CURRENT, pointer
from revealed.publishing.manifest import SnapshotManifest
from revealed.publishing.publication import publish_generation, publishing
from revealed.settings import Settings

# Children begin as copies of a process that has imported everything: a hundred starts of Python would be the test.
PROCESSES = multiprocessing.get_context("forkserver")


@pytest.fixture(scope="module", autouse=True)
def _processes() -> None:
    """Start the process that is copied; it imports by the environment's path, not by ours."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", os.pathsep.join(path for path in sys.path if path))
        PROCESSES.set_forkserver_preload([snapshot_publishers.__name__])
        forkserver.ensure_running()
    warm = PROCESSES.Process(target=settings_at, args=(Path(),))
    warm.start()
    warm.join()


@dataclass
class Outcome:
    """What happened in a run of kills."""

    kills: int
    acknowledged: list[int]
    readings: list[Reading] = field(default_factory=list)

    @property
    def anomalies(self) -> list[str]:
        return [anomaly for reading in self.readings for anomaly in reading.anomalies]

    @property
    def reads(self) -> int:
        return sum(reading.whole for reading in self.readings)


def kill_publishers(home: Path, kills: int, *, how: Callable[[Settings], int] = publish) -> Outcome:
    """Let two publishers race, kill one or the other `kills` times at moments spread over their work, and read meanwhile."""
    seed = int(os.environ.get("CHAOS_SEED", "11"))
    moments, acknowledgements = random.Random(seed), home / "acknowledged"
    acknowledgements.touch()

    def start() -> multiprocessing.process.BaseProcess:
        child = PROCESSES.Process(target=publish_for_ever, args=(home, acknowledgements, how), daemon=True)
        child.start()
        return child

    publish(settings_at(home))
    with _readers(home) as reports:
        publishers = [start(), start()]
        for number in range(kills):
            time.sleep(moments.uniform(0.0, 0.12))
            at = moments.randrange(2)
            _kill(publishers[at])
            publishers[at] = start()
            told = [int(line) for line in acknowledgements.read_text().split()]
            if how is publish and told:
                assert int(pointer(settings_at(home)) or 0) >= max(told), f"kill {number} of seed {seed}"
        for publisher in publishers:
            _kill(publisher)
        outcome = Outcome(kills, [int(line) for line in acknowledgements.read_text().split()])
    outcome.readings = [Reading(**json.loads(report.read_bytes())) for report in reports]
    return outcome


def _kill(child: multiprocessing.process.BaseProcess) -> None:
    assert child.pid is not None
    os.kill(child.pid, signal.SIGKILL)
    child.join()


@contextmanager
def _readers(home: Path) -> Iterator[list[Path]]:
    reports, stop = [home / "reader-1.json", home / "reader-2.json"], home / "stop"
    readers = [PROCESSES.Process(target=read_for_ever, args=(home, report, stop)) for report in reports]
    for reader in readers:
        reader.start()
    try:
        yield reports
    finally:
        stop.touch()
        for reader in readers:
            reader.join()


@pytest.fixture
def home(tmp_path: Path) -> Path:
    (tmp_path / "home").mkdir()
    return tmp_path / "home"


def assert_sound(home: Path, outcome: Outcome) -> None:
    assert outcome.anomalies == []
    assert len(set(outcome.acknowledged)) == len(outcome.acknowledged)  # a number is given once
    assert publish(settings_at(home)) > max(outcome.acknowledged)
    root = settings_at(home).published_recommendations
    assert [path.name for path in root.glob(".*")] == []
    assert len(list(root.glob("[0-9]*"))) == 5


def test_a_handful_of_kills(home: Path) -> None:
    outcome = kill_publishers(home, 8)
    assert outcome.reads > 50
    assert_sound(home, outcome)


@pytest.mark.slow
def test_a_hundred_kills_and_ten_thousand_reads(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    outcome = kill_publishers(home, 100)
    with capsys.disabled():
        retired = sum(reading.retired for reading in outcome.readings)
        seen = [reading.generations for reading in outcome.readings]
        sys.stdout.write(
            f"\n{outcome.kills} kills, {len(outcome.acknowledged)} publishes told, {outcome.reads:,} whole reads of"
            f" {seen} generations, {retired} retired, {len(outcome.anomalies)} anomalies\n"
        )
    assert outcome.reads >= 10_000
    assert_sound(home, outcome)


@pytest.mark.parametrize("how", [publish_pointing_first, publish_without_manifest, publish_in_place])
def test_the_readers_catch_a_protocol_that_is_broken(home: Path, how: Callable[[Settings], int]) -> None:
    assert kill_publishers(home, 6, how=how).anomalies != []


@pytest.mark.parametrize("point", SNAPSHOT_POINTS)
def test_a_kill_at_each_step_leaves_a_whole_snapshot_and_the_next_publish_cleans_up(
    home: Path, point: str
) -> None:
    settings = settings_at(home)
    publish(settings)
    child = PROCESSES.Process(target=_publish_with_fault, args=(home, point))
    child.start()
    child.join()
    assert child.exitcode == 137
    found = Reading()
    assert read_once(settings, found, 1) == (2 if point == "snapshot_pointed" else 1)
    assert found.anomalies == []
    # A number is never given twice: what was renamed and never pointed at has used one up.
    assert publish(settings) == (3 if point in ("snapshot_renamed", "snapshot_pointed") else 2)
    assert list(settings.published_recommendations.glob(".*")) == []
    assert settings.published_snapshot_database.resolve().parent.name == pointer(settings)


def _publish_with_fault(home: Path, point: str) -> None:
    os.environ["REVEALED_FAULT"] = point
    publish(settings_at(home))


def test_should_the_lock_fail_the_later_publisher_loses(home: Path) -> None:
    """The generation is looked at again, since a lock file can be deleted, or be on a disk that does not lock."""
    settings = settings_at(home)
    publish(settings)

    def overtaken(staged: Path, generation: int) -> SnapshotManifest:
        manifest = fill(staged, generation)
        shutil.rmtree(settings.locks)
        other = PROCESSES.Process(target=publish, args=(settings,))
        other.start()
        other.join()
        return manifest

    with publishing(settings), pytest.raises(StaleError, match="000002 is in service"):
        publish_generation(settings, overtaken)
    found = Reading()
    assert read_once(settings, found, 0) == 2
    assert sorted(path.name for path in settings.published_recommendations.glob("[0-9]*")) == [
        "000001",
        "000002",
    ]


def durable_order(home: Path, monkeypatch: pytest.MonkeyPatch, *, skip: str = "") -> list[str]:
    """Publish, and return what a power cut could undo: what the pointer was moved over before it was on disk."""
    settings, on_disk, undone = settings_at(home), set[str](), list[str]()
    rename = Path.replace

    def on_file(path: Path) -> None:
        if skip != "files":
            on_disk.add(path.name)

    def on_folder(folder: Path) -> None:
        if skip != "folders":
            on_disk.add(f"{folder.name}/")

    def replace(self: Path, target: Path) -> Path:
        if target.name == CURRENT:
            wanted = {*FILES, "manifest.json", f".{CURRENT}.{os.getpid()}.tmp"}
            wanted |= {f".staged.{os.getpid()}/", "recommendations/"}
            undone.extend(sorted(wanted - on_disk))
        return rename(self, target)

    monkeypatch.setattr(durable, "fsync_file", on_file)
    monkeypatch.setattr(durable, "fsync_directory", on_folder)
    monkeypatch.setattr(Path, "replace", replace)
    publish(settings)
    return undone


def test_all_is_on_disk_before_the_pointer_moves(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert durable_order(home, monkeypatch) == []


@pytest.mark.parametrize(("skip", "example"), [("files", "items.parquet"), ("folders", "recommendations/")])
def test_a_missing_fsync_is_caught(
    home: Path, monkeypatch: pytest.MonkeyPatch, skip: str, example: str
) -> None:
    assert example in durable_order(home, monkeypatch, skip=skip)
