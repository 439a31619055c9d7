"""Homes in which the loop has come as far as a challenger, a snapshot, or a second week: made once a session, then copied.

MLflow takes seconds to create its store. The copies' store still names the artifacts in the original's folder, which
no test may leave changed.
"""

from __future__ import annotations

import shutil
from dataclasses import dataclass, replace
from datetime import timedelta
from functools import cache
from pathlib import Path
from tempfile import mkdtemp

from planted_world import AS_OF, World, settings_in, write_warehouse

from revealed.feedback import write_dataset
from revealed.publishing import publish_snapshot
from revealed.registry import promote
from revealed.settings import Settings
from revealed.training import TrainingResult, train_challenger

# The planted catalogue says everybody's taste outright: content would win, and nobody would be new to it.
CONTENDERS = ("als", "popularity")
NEXT_WEEK = World(as_of=AS_OF + timedelta(days=7), seed=7)
AIRFLOW_RUN = "http://127.0.0.1:8080/dags/x/runs/y"


@dataclass(frozen=True)
class Trained:
    """A home in which one challenger has been registered and nobody has decided."""

    settings: Settings
    result: TrainingResult


@cache
def trained_once(base: Path) -> Trained:
    settings = settings_in(Path(mkdtemp(prefix="trained", dir=base)), contenders=CONTENDERS)
    write_dataset(settings, write_warehouse(settings.home / "w" / "warehouse.duckdb", World()))
    return Trained(settings, train_challenger(settings, airflow_run_url=AIRFLOW_RUN))


@cache
def published_once(base: Path) -> Path:
    trained = trained_once(base)
    home = Path(mkdtemp(prefix="published", dir=base)) / "home"
    shutil.copytree(trained.settings.home, home)
    promote(settings_in(home), trained.result.version, "ada", "fine")
    publish_snapshot(settings_in(home))
    return home


@cache
def two_weeks_once(base: Path) -> tuple[Path, TrainingResult]:
    """A home in which ada approved and published the first week's model, and the challenger is the second week's."""
    home = Path(mkdtemp(prefix="weeks", dir=base)) / "home"
    shutil.copytree(published_once(base), home)
    return home, retrain(settings_in(home), NEXT_WEEK)


def retrain(settings: Settings, world: World) -> TrainingResult:
    """Train on another world's data, as a later week would."""
    path = settings.home / "w" / f"{world.seed}-{world.as_of:%Y%m%d}" / "warehouse.duckdb"
    write_dataset(settings, write_warehouse(path, world))
    return train_challenger(replace(settings, contenders=CONTENDERS))


def new_dataset(settings: Settings, world: World) -> None:
    """Write another world's warehouse, and a dataset of it."""
    write_dataset(
        settings, write_warehouse(settings.home / "w" / f"{world.seed}-{world.users}" / "w.duckdb", world)
    )
