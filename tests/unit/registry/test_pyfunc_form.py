"""The registered version in MLflow's own form: loaded by its address, from installed code, and never from a damaged file."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import yaml
from trained_home import Trained

from revealed.errors import DamagedModelError, UsageError
from revealed.feedback import read_dataset
from revealed.registry import fetch_model
from revealed.training.artifact import load_model
from revealed.training.matrix import read_interactions


@pytest.fixture
def pyfunc(trained: Trained, monkeypatch: pytest.MonkeyPatch) -> Any:
    """`mlflow.pyfunc` pointed at the home's registry, as a reviewer's notebook is."""
    import mlflow

    uri = trained.settings.mlflow_tracking_uri
    monkeypatch.setenv("REVEALED_HOME", str(trained.settings.home))
    monkeypatch.setenv("MLFLOW_TRACKING_URI", uri)
    before = mlflow.get_tracking_uri(), mlflow.get_registry_uri()
    mlflow.set_tracking_uri(uri)
    mlflow.set_registry_uri(uri)
    yield mlflow.pyfunc
    mlflow.set_tracking_uri(before[0])
    mlflow.set_registry_uri(before[1])


def test_the_version_is_loaded_by_its_address_and_recommends_as_ours_does(
    trained: Trained, pyfunc: Any
) -> None:
    settings = trained.settings
    loaded = pyfunc.load_model(f"models:/revealed-recommender/{trained.result.version}")
    model, _ = load_model(fetch_model(settings, trained.result.version))
    data = read_interactions(settings, read_dataset(settings).file("interactions.parquet")).onto(model.items)
    rows = [3, 50, 120]
    ours = model.recommend(data.confidence[rows], data.seen[rows], 7)
    found = loaded.predict(pd.DataFrame({"user_id": [str(data.users[row]) for row in rows], "k": [7, 7, 7]}))
    assert list(found.columns) == ["user_id", "rank", "item_id", "score", "source"]
    for at, row in enumerate(rows):
        own = found[found.user_id == data.users[row]]
        assert own["rank"].tolist() == [1, 2, 3, 4, 5, 6, 7]
        assert own.item_id.tolist() == [str(model.items[item]) for item in ours.items[at]]
        assert own.score.tolist() == pytest.approx(ours.scores[at].tolist())
    assert set(found.source) == {"als"}


def test_liked_items_alone_make_a_list_of_their_taste(trained: Trained, pyfunc: Any) -> None:
    loaded = pyfunc.load_model(f"models:/revealed-recommender/{trained.result.version}")
    model, _ = load_model(fetch_model(trained.settings, trained.result.version))
    taste = [str(item) for number, item in enumerate(model.items) if number % 3 == 0]
    liked = taste[:4]
    for given in (liked, [*liked, "no such item"]):
        found = loaded.predict(pd.DataFrame({"item_ids": [given], "k": [10]}))
        assert len(found) == 10
        assert not set(found.item_id) & set(liked)
        assert len(set(found.item_id) & set(taste)) >= 8
    assert loaded.predict(pd.DataFrame({"item_ids": [["no such item"]]})).empty
    assert loaded.predict(pd.DataFrame({"user_id": ["nobody"]})).empty


def test_the_input_example_fits_the_signature_and_gives_a_list(trained: Trained, pyfunc: Any) -> None:
    loaded = pyfunc.load_model(f"models:/revealed-recommender/{trained.result.version}")
    assert [column.name for column in loaded.metadata.signature.inputs] == ["item_ids", "user_id", "k"]
    assert len(loaded.predict(loaded.input_example)) == 10
    with pytest.raises(UsageError, match="neither liked items nor a user"):
        loaded.predict(pd.DataFrame({"k": [3]}))
    with pytest.raises(UsageError, match="0 recommendations"):
        loaded.predict(pd.DataFrame({"item_ids": [["a"]], "k": [0]}))


def test_the_form_names_our_loader_and_holds_neither_code_nor_pickles_nor_requirements(
    trained: Trained,
) -> None:
    folder = fetch_model(trained.settings, trained.result.version)
    form = yaml.safe_load((folder / "MLmodel").read_text())
    assert list(form["flavors"]) == ["python_function"]
    flavor = form["flavors"]["python_function"]
    assert flavor["loader_module"] == "revealed.registry.pyfunc"
    assert not {"code", "env", "python_model", "cloudpickle_version"} & set(flavor)
    kinds = {path.suffix for path in folder.rglob("*") if path.is_file()}
    assert kinds <= {".npz", ".json", ".png", ".md", ""}


@pytest.mark.parametrize("name", ["model.npz", "evaluation.json", "model_card.md", "input_example.json"])
def test_a_flipped_bit_in_the_registry_is_refused_before_anything_is_read(
    trained: Trained, pyfunc: Any, name: str, tmp_path: Path
) -> None:
    address = f"models:/revealed-recommender/{trained.result.version}"
    pyfunc.load_model(address, dst_path=os.fspath(tmp_path))
    path = next(tmp_path.rglob(name))
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 4
    path.write_bytes(data)
    with pytest.raises(DamagedModelError, match=name.replace(".", r"\.")):
        pyfunc.load_model(os.fspath(path.parent))
