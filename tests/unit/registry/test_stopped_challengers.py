"""The gates on real models, both ways: leaking, dead, broken and crowd-pleasing ones are stopped, an honest one passes."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from planted_world import World, settings_in, write_warehouse

from revealed.feedback import read_dataset, write_dataset
from revealed.registry import Assessment, assess_challenger, register_challenger
from revealed.settings import Settings
from revealed.training.artifact import ARRAYS, CARD, SavedModel, save_model
from revealed.training.device import Device
from revealed.training.known import known_at_end
from revealed.training.protocol import Recommender, create
from revealed.training.refresh import TWIN, twin_files
from revealed.training.request import TrainingRequest
from revealed.training.train import Training, train

CPU = Device("cpu", "a test")
# Taste explains what people choose only in part, so that whoever foresees more than the recipe has seen it.
HARD = World(users=200, items=80, tastes=2, loyalty=0.85)
Change = Callable[[Settings, Recommender], tuple[Recommender, dict[str, bytes]]]


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> tuple[Settings, Training]:
    settings = settings_in(tmp_path_factory.mktemp("stopped") / "home")
    write_dataset(settings, write_warehouse(settings.home / "w" / "warehouse.duckdb", HARD))
    return settings, train(settings, request=TrainingRequest(contenders=("als",)))


def assessed(trained: tuple[Settings, Training], change: Change | None) -> Assessment:
    """Register the challenger as somebody would who changed it on the way, with all its figures."""
    settings, training = trained
    saved = training.saved if change is None else _changed(settings, training, change)
    challenger = replace(training, saved=saved)
    version = register_challenger(settings, challenger, code_revision="a test").version
    return assess_challenger(settings, version)


def _changed(settings: Settings, training: Training, change: Change) -> SavedModel:
    from revealed.training.artifact import load_model

    folder = training.saved.folder
    model, saved = load_model(folder)
    files = {path.relative_to(folder).as_posix(): path for path in folder.rglob("*") if path.is_file()}
    pages = saved.card["pages"]
    kept = {name: path.read_bytes() for name, path in files.items() if name not in (ARRAYS, CARD, *pages)}
    changed, more = change(settings, model)
    return save_model(settings.models, changed, saved.card["lineage"], kept | more)


def _failed(found: Assessment) -> list[str]:
    return [gate.name for gate in found.gates if not gate.passed]


def leaking(settings: Settings, model: Recommender) -> tuple[Recommender, dict[str, bytes]]:
    """The same recipe, tested on days that it has learnt from."""
    dataset = read_dataset(settings)
    twin = create(model.name, model.parameters)
    twin.fit(known_at_end(settings, dataset).data, CPU)
    return model, twin_files(settings.models, twin, {"split": dataset.split.isoformat()})


def dead(settings: Settings, model: Recommender) -> tuple[Recommender, dict[str, bytes]]:
    return _with_factors(model, 0.0), {}


def broken(settings: Settings, model: Recommender) -> tuple[Recommender, dict[str, bytes]]:
    return _with_factors(model, np.nan), {}


def _with_factors(model: Recommender, value: float) -> Recommender:
    changed = create(model.name, model.parameters)
    changed.restore(model.items, {"item_factors": np.full_like(model.arrays()["item_factors"], value)})
    return changed


def test_an_honest_one_passes(trained: tuple[Settings, Training]) -> None:
    assert trained[1].trial.chosen == "als"
    assert _failed(assessed(trained, None)) == []


@pytest.mark.parametrize(
    ("change", "gate"),
    [(leaking, "tested without foresight"), (dead, "model files"), (broken, "model files")],
)
def test_each_of_these_is_stopped_by_its_own_gate(
    trained: tuple[Settings, Training], change: Change, gate: str
) -> None:
    assert _failed(assessed(trained, change)) == [gate]


def test_a_crowd_pleaser_does_not_even_become_challenger(tmp_path: Path) -> None:
    """One factor is a taste that all share: the crowd's, at a personal model's price."""
    settings = settings_in(tmp_path / "home")
    world = World(users=200, items=80, tastes=1, loyalty=1.0, crowd=1.0)
    write_dataset(settings, write_warehouse(settings.home / "w" / "warehouse.duckdb", world))
    found = train(settings, request=TrainingRequest(contenders=("als",)))
    assert found.trial.chosen == "popularity"
    evaluation: dict[str, Any] = json.loads((found.saved.folder / "evaluation.json").read_bytes())
    assert evaluation["because"].startswith("no personal model clearly beat popularity")


def test_a_twin_is_kept_with_every_model(trained: tuple[Settings, Training]) -> None:
    assert (trained[1].saved.folder / TWIN / ARRAYS).is_file()
