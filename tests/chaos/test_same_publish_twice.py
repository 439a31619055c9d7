"""The same publish task at once from two schedulers, after a third was killed in it: one visible effect, exactly.

What makes it one is our lock and our generation; Airflow's limits let two of a task run after a crash. The short form, with
small snapshots and many more races, is test_publisher_kills.py.
"""

from __future__ import annotations

import os
import subprocess
import sys
from datetime import timedelta
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[1] / "unit" / "feedback"))

from planted_world import AS_OF, World, settings_in, write_warehouse
from trained_home import published_once

from revealed.faults import SNAPSHOT_POINTS
from revealed.feedback import write_dataset
from revealed.publishing import current_snapshot, list_snapshots, publish_snapshot, verify_snapshot
from revealed.settings import Settings

# What the DAG's task does, with lists audited for real; a refusal exits with its own code.
TASK = """
import sys
sys.path[:0] = {path!r}
from pathlib import Path
from planted_world import settings_in
from revealed.errors import RevealedError
from revealed.publishing import publish_snapshot
try:
    print(publish_snapshot(settings_in(Path({home!r}))).generation)
except RevealedError as error:
    sys.exit(error.exit_code)
"""


@pytest.fixture
def home(tmp_path_factory: pytest.TempPathFactory, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home with generation 1 in service and a newer dataset to publish from."""
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    settings = published_once(tmp_path_factory.getbasetemp(), tmp_path / "home")
    later = World(as_of=AS_OF + timedelta(days=1), seed=8)
    write_dataset(settings, write_warehouse(settings.home / "w" / "later" / "w.duckdb", later))
    return settings.home


def start(home: Path, fault: str = "") -> subprocess.Popen[str]:
    code = TASK.format(path=[path for path in sys.path if "feedback" in path], home=str(home))
    return subprocess.Popen(
        [sys.executable, "-c", code],
        env=os.environ | {"REVEALED_FAULT": fault},
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )


def assert_one_effect(settings: Settings, generation: int) -> None:
    assert current_snapshot(settings).generation == generation
    assert verify_snapshot(settings)["generation"] == generation
    assert publish_snapshot(settings).generation == generation  # once more changes nothing
    assert list(settings.published_recommendations.glob(".*")) == []


@pytest.mark.slow
@pytest.mark.parametrize("point", SNAPSHOT_POINTS)
def test_two_at_once_after_a_kill_publish_once(home: Path, point: str) -> None:
    settings = settings_in(home, keep_generations=5)
    killed = start(home, point)
    assert killed.wait() == 137
    children = [start(home), start(home)]
    told = [child.communicate()[0].split() for child in children]
    codes = sorted(child.returncode for child in children)
    assert codes in ([0, 0], [0, 5])  # the second waits its turn, or is told that the first is at it
    generation = 3 if point == "snapshot_renamed" else 2
    assert {words[-1] for words in told if words} == {str(generation)}
    new = [row["generation"] for row in list_snapshots(settings) if int(row["generation"]) > 1]
    # What was renamed by the killed one and never pointed at is whole, has used up its number, and nobody has seen it.
    assert new == ([2, 3] if point == "snapshot_renamed" else [2])
    assert_one_effect(settings, generation)
