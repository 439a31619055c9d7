"""A refresh goes on from the champion's twin, tests what it has not seen, and is as good as a fit from nothing."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from planted_world import AS_OF, World, settings_in, write_warehouse

from revealed.erasure.dataset_notes import note_erased
from revealed.errors import MissingInputError
from revealed.feedback import write_dataset
from revealed.feedback.dataset import DatasetManifest, find_dataset
from revealed.registry import fetch_model, promote, read_model_version
from revealed.settings import Settings
from revealed.training import TrainingRequest, TrainingResult, train_challenger
from revealed.training.artifact import load_model
from revealed.training.refresh import TWIN, Fit, decide_fit

ALS = TrainingRequest(contenders=("als",))


def dataset_of(settings: Settings, days: int) -> DatasetManifest:
    """Write the data of the same people's world, so many days later and with other choices."""
    world = World(as_of=AS_OF + timedelta(days=days), seed=5 + days)
    path = settings.home / "w" / f"{days}" / "warehouse.duckdb"
    return write_dataset(settings, write_warehouse(path, world))


def trained(settings: Settings, days: int, request: TrainingRequest = ALS) -> TrainingResult:
    """Train on it."""
    dataset_of(settings, days)
    return train_challenger(settings, request=request)


def decided(settings: Settings, days: int, request: TrainingRequest = ALS) -> Fit:
    """How a training on it would fit, and why: what train_challenger asks first, and notes as it stands."""
    return decide_fit(settings, dataset_of(settings, days), request)[1]


def evaluation(settings: Settings, version: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((fetch_model(settings, version) / "evaluation.json").read_bytes())
    return found


@pytest.fixture(scope="module")
def in_service(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home with an ALS model in service, fitted from nothing."""
    settings = settings_in(tmp_path_factory.mktemp("refresh") / "home")
    first = trained(settings, 0)
    assert evaluation(settings, first.version)["fit"]["because"] == "there is no champion to go on from"
    promote(settings, first.version, "ada")
    return settings.home


@pytest.fixture
def settings(in_service: Path, tmp_path: Path) -> Settings:
    shutil.copytree(in_service, tmp_path / "home")
    return settings_in(tmp_path / "home")


def test_a_day_later_two_sweeps_do(settings: Settings) -> None:
    later = trained(settings, 1)
    found = evaluation(settings, later.version)
    assert found["fit"]["how"] == "refresh"
    assert found["fit"]["full_as_of"] == AS_OF.isoformat()
    assert found["champion"]["how"] == "evaluation_twin"
    _, saved = load_model(fetch_model(settings, later.version))
    assert datetime.fromisoformat(saved.card["lineage"]["as_of"]) == AS_OF + timedelta(days=1)
    anew = train_challenger(settings, request=replace(ALS, fit="full"))
    fresh, full = (found["comparison"]["metrics"]["als"], anew.comparison.metrics["als"])
    assert fresh["ndcg@10"] > 0.9 * full["ndcg@10"]


def test_a_refresh_of_a_refresh_remembers_the_last_full_fit(settings: Settings) -> None:
    promote(settings, trained(settings, 1).version, "ada", force=True)
    assert decided(settings, 2).to_dict() == {
        "how": "refresh",
        "because": "2 sweeps from version 2, whose last full fit misses 2 days of data",
        "full_as_of": AS_OF.isoformat(),
    }


def test_a_week_later_everything_is_fitted_from_nothing(settings: Settings) -> None:
    found = decided(settings, 7)
    assert (found.how, found.because) == ("full", "the last full fit misses 7 days of data")
    assert decided(settings, 8, replace(ALS, fit="refresh")).how == "refresh"


def test_nothing_is_learnt_on_from_what_an_erased_person_taught(settings: Settings) -> None:
    """The dataset goes, the model says so, and the next training starts from nothing."""
    dataset = find_dataset(settings)
    note_erased(settings, [dataset], "", "20260101T000000Z-ab")
    shutil.rmtree(dataset.path)
    assert read_model_version(settings, "champion").tags["dataset_erased"] == "20260101T000000Z-ab"
    with pytest.raises(MissingInputError, match="held a person who was erased"):
        find_dataset(settings, dataset.version[:6])
    start, fit = decide_fit(settings, dataset, ALS)
    assert start is None
    assert (fit.how, "erased" in fit.because) == ("full", True)


def test_the_twin_is_what_was_known_at_the_split(settings: Settings) -> None:
    folder = fetch_model(settings, "1")
    model, saved = load_model(folder)
    twin, card = load_model(folder / TWIN)
    assert card.card["lineage"]["split"] == saved.card["lineage"]["split"]
    assert not np.array_equal(twin.arrays()["item_factors"], model.arrays()["item_factors"])


def test_what_cannot_be_gone_on_from_is_fitted_from_nothing(tmp_path: Path) -> None:
    home = settings_in(tmp_path / "home")
    first = trained(home, 0, TrainingRequest(contenders=("popularity",)))
    assert first.model == "popularity"
    promote(home, first.version, "ada")
    found = decided(home, 1)
    assert (found.how, found.because) == ("full", "the champion, popularity, cannot be gone on from")
