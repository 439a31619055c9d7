"""Homes in which the loop has come as far as a challenger, a snapshot, or a second week: made once a session, then copied.

MLflow takes seconds to create its store.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path

from copied_homes import copy_home, made_once
from planted_world import AS_OF, World, settings_in, write_warehouse

from revealed.evaluation.compare import Comparison
from revealed.feedback import write_dataset
from revealed.publishing import publish_snapshot
from revealed.registry import promote
from revealed.settings import Settings
from revealed.training import TrainingResult, train_challenger

# The planted catalogue says everybody's taste outright: content would win, and nobody would be new to it.
CONTENDERS = ("als", "popularity")
NEXT_WEEK = World(as_of=AS_OF + timedelta(days=7), seed=7)
RESULT = "training-result.json"
AIRFLOW_RUN = "http://127.0.0.1:8080/dags/x/runs/y"


@dataclass(frozen=True)
class Trained:
    """A home in which one challenger has been registered and nobody has decided."""

    settings: Settings
    result: TrainingResult


def trained_once(base: Path, home: Path) -> Trained:
    """A copy, at `home`, of one in which a challenger waits; `base` is the worker's folder."""
    return _copied(made_once(base, "trained", _train_first), home)


def published_once(base: Path, home: Path) -> Settings:
    """A copy, at `home`, of one in which ada approved the challenger and it was published."""
    original = made_once(base, "published", lambda folder: _publish_first(base, folder))
    return settings_in(copy_home(original, home))


def two_weeks_once(base: Path, home: Path) -> Trained:
    """A copy, at `home`, of one whose champion is published and whose challenger is the next week's."""
    return _copied(made_once(base, "two-weeks", lambda folder: _train_second(base, folder)), home)


def _train_first(home: Path) -> None:
    settings = settings_in(home, contenders=CONTENDERS)
    write_dataset(settings, write_warehouse(settings.home / "w" / "warehouse.duckdb", World()))
    _note(home, train_challenger(settings, airflow_run_url=AIRFLOW_RUN))


def _publish_first(base: Path, home: Path) -> None:
    trained = trained_once(base, home)
    promote(trained.settings, trained.result.version, "ada", "fine")
    publish_snapshot(settings_in(home))


def _train_second(base: Path, home: Path) -> None:
    _note(home, retrain(published_once(base, home), NEXT_WEEK))


def _note(home: Path, result: TrainingResult) -> None:
    (home / RESULT).write_text(json.dumps(result.to_dict()))


def _copied(original: Path, home: Path) -> Trained:
    told = json.loads((original / RESULT).read_text())
    result = TrainingResult(**told | {"comparison": Comparison.from_dict(told["comparison"])})
    return Trained(settings_in(copy_home(original, home), contenders=CONTENDERS), result)


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
