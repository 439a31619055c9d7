"""A model file that is not exactly what was saved is refused, with its name; nothing in it is ever executed."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from test_als_truth import fitted, planted

from revealed.durable import canonical_json, sha256_file
from revealed.errors import DamagedModelError
from revealed.training.artifact import SavedModel, check_files, load_model, save_model
from revealed.training.device import Device
from revealed.training.popularity import Popularity

LINEAGE = {"dataset_version": "abc", "as_of": "2026-02-01T00:00:00"}
REPORTS = {"evaluation.json": b"{}\n", "plots/ranking.png": b"\x89PNG picture"}
PAGES = {"model_card.md": b"# als\n", "MLmodel": b"flavors: {}\n"}
FILES = ("model.npz", "model.json", *REPORTS, *PAGES)


@pytest.fixture(scope="module")
def original(tmp_path_factory: pytest.TempPathFactory) -> SavedModel:
    return save_model(tmp_path_factory.mktemp("models"), fitted(planted()), LINEAGE, REPORTS, PAGES)


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
    again = save_model(tmp_path / "elsewhere", same, LINEAGE, REPORTS, PAGES)
    assert again.model_id == saved.model_id
    for model, lineage, report in (
        (other_model, LINEAGE, b"{}\n"),
        (same, LINEAGE | {"dataset_version": "b"}, b"{}\n"),
        (same, LINEAGE, b"[]\n"),
    ):
        other = save_model(
            tmp_path / "elsewhere", model, lineage, REPORTS | {"evaluation.json": report}, PAGES
        )
        assert other.model_id != saved.model_id


def test_a_model_described_anew_is_the_same_model_and_keeps_what_was_first_said_of_it(
    saved: SavedModel,
) -> None:
    models = saved.folder.parent
    again = save_model(models, fitted(planted()), LINEAGE, REPORTS, PAGES | {"model_card.md": b"# newer\n"})
    assert (again.model_id, again.card) == (saved.model_id, saved.card)
    assert (again.folder / "model_card.md").read_bytes() == PAGES["model_card.md"]


def test_ids_of_any_script_survive(tmp_path: Path) -> None:
    data = planted(users=20, items=12)
    names = sorted(["", "a\nb", "a,b", "ключ", "鍵", "🔑", "z" * 500, "x\x00", "x", "É", "é", "\u2028"])
    model = fitted(data, factors=2)
    model.items = np.array(names, dtype=object)
    folder = save_model(tmp_path, model, LINEAGE, {}).folder
    assert load_model(folder)[0].items.tolist() == names


@pytest.mark.parametrize("name", FILES)
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(place=st.floats(0, 1), bit=st.integers(0, 7))
def test_a_flipped_bit_anywhere_in_any_file_is_refused_and_the_file_named(
    saved: SavedModel, name: str, place: float, bit: int
) -> None:
    path = saved.folder / name
    whole = path.read_bytes()
    data = bytearray(whole)
    data[int(place * (len(data) - 1))] ^= 1 << bit
    try:
        path.write_bytes(data)
        with pytest.raises(DamagedModelError) as refusal:
            load_model(saved.folder)
        if name == "model.json":
            assert refusal.value.where.startswith(
                str(saved.folder)
            )  # the card, or the page that it is wrong about
        else:
            assert refusal.value.where == str(path)
    finally:
        path.write_bytes(whole)


@pytest.mark.parametrize("kept", [0.0, 0.3, 0.99])
@pytest.mark.parametrize("name", FILES)
def test_truncated_files_are_refused(saved: SavedModel, name: str, kept: float) -> None:
    path = saved.folder / name
    data = path.read_bytes()
    path.write_bytes(data[: int(len(data) * kept)])
    with pytest.raises(DamagedModelError, match=name.replace(".", r"\.")):
        load_model(saved.folder)


@pytest.mark.parametrize("name", FILES)
def test_missing_files_are_refused(saved: SavedModel, name: str) -> None:
    (saved.folder / name).unlink()
    with pytest.raises(DamagedModelError, match=name.replace(".", r"\.")):
        load_model(saved.folder)


@pytest.mark.parametrize("name", FILES)
def test_another_models_file_is_refused(saved: SavedModel, name: str, tmp_path: Path) -> None:
    reports = {key: value + b" " for key, value in REPORTS.items()}
    pages = {key: value + b" " for key, value in PAGES.items()}
    other = save_model(tmp_path / "others", fitted(planted(), seed=9), LINEAGE, reports, pages)
    shutil.copyfile(other.folder / name, saved.folder / name)
    with pytest.raises(DamagedModelError):
        load_model(saved.folder)
    if name != "model.json":  # with another's card the first file that differs is named
        with pytest.raises(DamagedModelError, match=name.replace(".", r"\.")):
            check_files(saved.folder)


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
    write_forged(saved, card)


def write_forged(saved: SavedModel, card: dict[str, Any]) -> None:
    """Write a card that fits its own hash, so that only what it says can betray it."""
    identity = {name: value for name, value in card.items() if name not in ("model_id", "pages")}
    card["model_id"] = f"{card['model']}-{sha256(canonical_json(identity)).hexdigest()[:12]}"
    (saved.folder / "model.json").write_bytes(canonical_json(card))


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
    write_forged(saved, json.loads((saved.folder / "model.json").read_bytes()) | change)
    with pytest.raises(DamagedModelError, match=r"malformed|format 2|knows no model"):
        load_model(saved.folder)


def test_an_array_too_many_is_refused_and_named(saved: SavedModel) -> None:
    forged(saved, lambda arrays: arrays.update(users=np.ones(3)))
    with pytest.raises(DamagedModelError, match=r"holds .*'users'"):
        load_model(saved.folder)


def test_a_card_that_says_the_same_in_other_bytes_is_refused(saved: SavedModel) -> None:
    path = saved.folder / "model.json"
    path.write_bytes(json.dumps(json.loads(path.read_bytes())).encode())
    with pytest.raises(DamagedModelError, match=r"model\.json"):
        load_model(saved.folder)


def test_a_card_of_a_release_without_pages_is_still_read(saved: SavedModel) -> None:
    card = json.loads((saved.folder / "model.json").read_bytes())
    del card["pages"]
    (saved.folder / "model.json").write_bytes(canonical_json(card))
    assert load_model(saved.folder)[1].model_id == saved.model_id


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
