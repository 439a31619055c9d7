"""A model file that is not exactly what was saved is refused, with its name; nothing in it is ever executed."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from test_als_truth import fitted, planted

from revealed.durable import sha256_file
from revealed.errors import DamagedModelError
from revealed.training.artifact import SavedModel, load_model, save_model
from revealed.training.device import Device
from revealed.training.popularity import Popularity

LINEAGE = {"dataset_version": "abc", "as_of": "2026-02-01T00:00:00"}


@pytest.fixture(scope="module")
def original(tmp_path_factory: pytest.TempPathFactory) -> SavedModel:
    return save_model(
        tmp_path_factory.mktemp("models"), fitted(planted()), LINEAGE, {"evaluation.json": b"{}\n"}
    )


@pytest.fixture
def saved(original: SavedModel, tmp_path: Path) -> SavedModel:
    folder = shutil.copytree(original.folder, tmp_path / "models" / original.model_id)
    return replace(original, folder=folder)


def test_saved_and_loaded_recommends_the_same(saved: SavedModel, tmp_path: Path) -> None:
    data = planted()
    popularity = Popularity()
    popularity.fit(data, Device("cpu", "test"))
    other = save_model(tmp_path / "models", popularity, LINEAGE, {})
    for model, found in ((fitted(data), saved), (popularity, other)):
        again, described = load_model(found.folder)
        assert described == found
        assert again.parameters == model.parameters
        before = model.recommend(data.confidence, data.seen, 10)
        after = again.recommend(data.confidence, data.seen, 10)
        assert (before.items == after.items).all()
        assert (before.scores == after.scores).all()


def test_model_id_is_its_content(saved: SavedModel, tmp_path: Path) -> None:
    same, other_model = fitted(planted()), fitted(planted(), seed=9)
    again = save_model(tmp_path / "elsewhere", same, LINEAGE, {"evaluation.json": b"{}\n"})
    assert again.model_id == saved.model_id
    for model, lineage, report in (
        (other_model, LINEAGE, b"{}\n"),
        (same, LINEAGE | {"dataset_version": "b"}, b"{}\n"),
        (same, LINEAGE, b"[]\n"),
    ):
        other = save_model(tmp_path / "elsewhere", model, lineage, {"evaluation.json": report})
        assert other.model_id != saved.model_id


def test_ids_of_any_script_survive(tmp_path: Path) -> None:
    data = planted(users=20, items=12)
    names = sorted(["", "a\nb", "a,b", "ключ", "鍵", "🔑", "z" * 500, "x\x00", "x", "É", "é", "\u2028"])
    model = fitted(data, factors=2)
    model.items = np.array(names, dtype=object)
    folder = save_model(tmp_path, model, LINEAGE, {}).folder
    assert load_model(folder)[0].items.tolist() == names


@pytest.mark.parametrize("position", np.linspace(0, 1, 12))
def test_every_flipped_bit_is_refused(saved: SavedModel, position: float) -> None:
    path = saved.folder / "model.npz"
    data = bytearray(path.read_bytes())
    data[int(position * (len(data) - 1))] ^= 1 << int(position * 7)
    path.write_bytes(data)
    with pytest.raises(DamagedModelError, match=r"model\.npz"):
        load_model(saved.folder)


@pytest.mark.parametrize("kept", [0.0, 0.3, 0.99])
@pytest.mark.parametrize("name", ["model.npz", "model.json"])
def test_truncated_files_are_refused(saved: SavedModel, name: str, kept: float) -> None:
    path = saved.folder / name
    data = path.read_bytes()
    path.write_bytes(data[: int(len(data) * kept)])
    with pytest.raises(DamagedModelError, match=name.replace(".", r"\.")):
        load_model(saved.folder)


@pytest.mark.parametrize("name", ["model.npz", "model.json"])
def test_missing_files_are_refused(saved: SavedModel, name: str) -> None:
    (saved.folder / name).unlink()
    with pytest.raises(DamagedModelError, match=name.replace(".", r"\.")):
        load_model(saved.folder)


def forged(
    saved: SavedModel, change: Callable[[dict[str, np.ndarray]], None], *, in_card: bool = False
) -> None:
    """Replace arrays and correct the checksum (and the card's types), as somebody with write access could."""
    path = saved.folder / "model.npz"
    with np.load(path) as file:
        arrays = {name: file[name] for name in file.files}
    change(arrays)
    np.savez(path, **arrays)
    card = json.loads((saved.folder / "model.json").read_bytes())
    card["sha256"]["model.npz"] = sha256_file(path)
    if in_card:
        card["arrays"] = {
            name: {"dtype": array.dtype.str, "shape": list(array.shape)} for name, array in arrays.items()
        }
    (saved.folder / "model.json").write_text(json.dumps(card))


class Trap:
    def __reduce__(self) -> tuple[Callable[[str], None], tuple[str]]:
        return pytest.fail, ("the artifact was unpickled",)


def change_to(
    name: str, value: Callable[[np.ndarray], np.ndarray]
) -> Callable[[dict[str, np.ndarray]], None]:
    def change(arrays: dict[str, np.ndarray]) -> None:
        arrays[name] = value(arrays[name])

    return change


@pytest.mark.parametrize("in_card", [False, True])
@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("item_factors", lambda a: a.astype(np.float64)),
        ("item_factors", lambda a: a[:-1]),
        (
            "item_factors",
            lambda a: np.where(np.arange(a.size).reshape(a.shape) == 5, np.nan, a).astype(np.float32),
        ),
        ("item_factors", lambda a: np.array([Trap()] * 3, dtype=object)),
        ("item_ids_ends", lambda a: a[::-1]),
        ("item_ids_ends", lambda a: a + 1),
        ("item_ids_utf8", lambda a: np.full_like(a, 0xFF)),
        (
            "item_ids_utf8",
            lambda a: np.roll(a, 5),
        ),  # each id is five bytes long: the same ids in another order
    ],
)
def test_other_types_shapes_values_and_objects_are_refused(
    saved: SavedModel, name: str, value: Callable[[np.ndarray], np.ndarray], in_card: bool
) -> None:
    forged(saved, change_to(name, value), in_card=in_card)
    with pytest.raises(DamagedModelError, match=r"model\.npz[\s\S]*train again"):
        load_model(saved.folder)


@pytest.mark.parametrize(
    "change", [{"model": "unknown"}, {"parameters": {"depth": 3}}, {"format": 2}, {"arrays": []}]
)
def test_cards_that_this_version_does_not_know_are_refused(
    saved: SavedModel, change: dict[str, object]
) -> None:
    path = saved.folder / "model.json"
    path.write_text(json.dumps(json.loads(path.read_bytes()) | change))
    with pytest.raises(DamagedModelError):
        load_model(saved.folder)


@pytest.mark.parametrize("value", [lambda a: a[:-1], lambda a: a.astype(np.float32), lambda a: a[None, :]])
def test_popularity_is_checked_as_well(tmp_path: Path, value: Callable[[np.ndarray], np.ndarray]) -> None:
    model = Popularity()
    model.fit(planted(), Device("cpu", "test"))
    saved = save_model(tmp_path, model, LINEAGE, {})
    forged(saved, change_to("scores", value), in_card=True)
    with pytest.raises(DamagedModelError):
        load_model(saved.folder)


def test_the_message_says_which_array_is_not_as_described(saved: SavedModel) -> None:
    forged(saved, change_to("item_factors", lambda a: a[:-1]))
    with pytest.raises(DamagedModelError, match=r"item_factors is .*'shape': \[59, 8\]"):
        load_model(saved.folder)
