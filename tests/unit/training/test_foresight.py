"""Who has learnt from the days of the test is found out, also when little of them leaked; who has not is left alone."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from planted_world import World, settings_in, write_warehouse

from revealed.feedback import DatasetManifest, write_dataset
from revealed.settings import Settings
from revealed.training import foresight
from revealed.training.artifact import save_model
from revealed.training.device import Device
from revealed.training.foresight import Foresight, repeat_test
from revealed.training.matrix import Interactions, only, read_interactions
from revealed.training.protocol import create
from revealed.training.refresh import TWIN, refreshed

CPU = Device("cpu", "a test")
# Little of what people choose follows from their taste, so that whoever foresees it has seen it.
HARD = World(users=200, items=80, tastes=2, loyalty=0.6)
PARAMETERS = {"factors": 32, "regularization": 3.0}


def judged(folder: Path, twin_of: Callable[[Settings, DatasetManifest], Interactions]) -> Foresight:
    settings = settings_in(folder / "home")
    dataset = write_dataset(settings, write_warehouse(folder / "w.duckdb", HARD))
    twin = create("als", PARAMETERS)
    twin.fit(twin_of(settings, dataset), CPU)
    saved = save_model(folder / "saved", twin, {"split": dataset.split.isoformat()}, {})
    shutil.copytree(saved.folder, folder / "model" / TWIN)
    return repeat_test(settings, dataset, folder / "model")


def fold(settings: Settings, dataset: DatasetManifest) -> Interactions:
    return read_interactions(settings, dataset.file("fold_train.parquet"))


def everything(settings: Settings, dataset: DatasetManifest) -> Interactions:
    return read_interactions(settings, dataset.file("interactions.parquet"))


def a_third_leaked(settings: Settings, dataset: DatasetManifest) -> Interactions:
    """One in three of the pairs that only the test knows."""
    known, whole = fold(settings, dataset), everything(settings, dataset)
    old = known.onto(whole.items).confidence
    assert (known.users == whole.users).all()
    is_new = np.asarray(whole.confidence.astype(bool).astype(int)[whole.confidence.nonzero()]).ravel() > 0
    is_new &= np.asarray(old[whole.confidence.nonzero()]).ravel() == 0
    drawn = np.random.default_rng(2).random(len(is_new)) < 1 / 3
    kept = only(whole.confidence, ~is_new | drawn)
    return Interactions(whole.users, whole.items, kept, whole.seen)


def test_an_honest_test_repeats_itself(tmp_path: Path) -> None:
    found = judged(tmp_path, fold)
    assert found.difference is not None
    assert (found.difference.low, found.difference.estimate, found.difference.high) == (0, 0, 0)


@pytest.mark.parametrize("leak", [everything, a_third_leaked])
def test_a_leak_is_found_out(
    tmp_path: Path, leak: Callable[[Settings, DatasetManifest], Interactions]
) -> None:
    found = judged(tmp_path, leak)
    assert found.difference is not None
    assert found.difference.low > 0.05 * found.baseline


def test_a_refreshed_twin_is_honest(tmp_path: Path) -> None:
    settings = settings_in(tmp_path / "home")
    dataset = write_dataset(settings, write_warehouse(tmp_path / "w.duckdb", HARD))
    known = fold(settings, dataset)
    before = create("als", PARAMETERS)
    rows = np.random.default_rng(1).random(known.confidence.nnz) < 0.9
    before.fit(Interactions(known.users, known.items, only(known.confidence, rows), known.seen), CPU)
    twin, _ = refreshed(before, before.parameters, known, CPU)
    shutil.copytree(save_model(tmp_path / "saved", twin, {}, {}).folder, tmp_path / "model" / TWIN)
    found = repeat_test(settings, dataset, tmp_path / "model")
    assert found.difference is not None
    assert found.difference.low <= 0.05 * found.baseline


def test_what_costs_too_much_is_not_repeated(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(foresight, "LARGEST_REPEATED", 10)
    found = judged(tmp_path, fold)
    assert (found.difference, found.reason) == (None, "not repeated: more than 10 pairs")
