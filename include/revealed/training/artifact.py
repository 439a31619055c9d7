"""A model on disk: one `.npz` of plain arrays and one JSON that says what must be in it. Nothing is ever unpickled.

MLflow does not notice a changed artifact, so that the checks are ours: SHA-256, names, types, shapes,
finite numbers. The card lists the SHA-256 of every other file, and the model's id is the card's own hash.
"""

from __future__ import annotations

import hashlib
import json
import os
import zipfile
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from revealed.durable import (
    canonical_json,
    publish_directory,
    remove_tree,
    sha256_file,
    write_bytes,
    write_json,
)
from revealed.errors import DamagedModelError
from revealed.training.matrix import Ids
from revealed.training.protocol import Recommender, create

ARRAYS = "model.npz"
CARD = "model.json"
_FORMAT = 1
_REMEDY = "train again: `revealed run`, or the DAG train_recommender; what is in service is not touched"


@dataclass(frozen=True)
class SavedModel:
    """A model's folder, its id (name and 12 digits of its content's SHA-256) and its card (`model.json`)."""

    model_id: str
    folder: Path
    card: dict[str, Any]


def save_model(
    models: Path,
    model: Recommender,
    lineage: Mapping[str, Any],
    reports: Mapping[str, bytes],
    pages: Mapping[str, bytes] | None = None,
) -> SavedModel:
    """Write `models/<model id>/` and return it; the same model with the same lineage is not written again.

    Args:
        models: the folder of all models.
        model: a fitted recommender.
        lineage: what it was trained on, as JSON values; part of the model's identity.
        reports: further files (evaluation, plots) by their path inside of the folder; part of its identity.
        pages: files that present the model (model card, sample lists, MLflow's form), checked as the others are, but no
            part of its identity: a model that somebody rejected is the same one when newer code describes it.
    """
    about = {"model": model.name, "parameters": model.parameters, "items": len(model.items)}
    arrays = model.arrays() | _encoded(model.items)
    return save_arrays(models, about | {"lineage": dict(lineage)}, arrays, reports, pages)


def save_arrays(
    models: Path,
    about: Mapping[str, Any],
    arrays: Mapping[str, NDArray[Any]],
    reports: Mapping[str, bytes],
    pages: Mapping[str, bytes] | None = None,
) -> SavedModel:
    """Write `models/<model id>/` for a model of any kind and return it; the same content is not written again.

    Args:
        models: the folder of all models.
        about: what the card says, as JSON values: at least `model` (its name) and `parameters`.
        arrays: numbers, finite, by name.
        reports: further files by their path inside of the folder; part of its identity.
        pages: files that present it, checked as the others are, but no part of its identity.
    """
    pages = pages or {}
    staged = models / f".staged.{os.getpid()}"
    remove_tree(staged)
    staged.mkdir(parents=True)
    try:
        np.savez(staged / ARRAYS, allow_pickle=False, **arrays)
        for name, data in {**reports, **pages}.items():
            write_bytes(staged / name, data)
        card = _card(about, arrays, {name: sha256_file(staged / name) for name in (ARRAYS, *reports)})
        write_json(staged / CARD, card | {"pages": {name: sha256_file(staged / name) for name in pages}})
        final = models / str(card["model_id"])
        if not final.exists():
            publish_directory(staged, final)
    finally:
        remove_tree(staged)
    return SavedModel(str(card["model_id"]), final, _read_card(final / CARD))


def load_model(folder: Path) -> tuple[Recommender, SavedModel]:
    """Return the recommender in `folder` and what its card says, after every check.

    Raises:
        DamagedModelError: a file is missing, changed, or not what a model is made of; the message names it.
    """
    arrays, saved = load_arrays(folder)
    card, path = saved.card, folder / ARRAYS
    try:
        items = _decoded(arrays.pop("item_ids_utf8"), arrays.pop("item_ids_ends"))
        model = create(card["model"], card["parameters"])
        model.restore(items, arrays)
    except DamagedModelError as error:
        raise DamagedModelError(error.what, where=str(path), remedy=_REMEDY) from error
    except (KeyError, ValueError, IndexError) as error:
        raise DamagedModelError(
            f"the arrays do not fit together ({error})", where=str(path), remedy=_REMEDY
        ) from error
    return model, saved


def load_arrays(folder: Path) -> tuple[dict[str, NDArray[Any]], SavedModel]:
    """Return the arrays in `folder` and what the card says, after the same checks, whatever kind of model it is.

    Raises:
        DamagedModelError: a file is missing, changed, or not what its card says; the message names it.
    """
    card = check_files(folder)
    return _read_arrays(folder / ARRAYS, card["arrays"]), SavedModel(card["model_id"], folder, card)


def check_files(folder: Path) -> dict[str, Any]:
    """Return the card of the model in `folder`, after comparing every file with it, and it with its own hash.

    Raises:
        DamagedModelError: a file is missing or changed, or the card is not the one that was written; the message names it.
    """
    card = _read_card(folder / CARD)
    _require(ARRAYS in card["sha256"], f"the card does not list {ARRAYS}", folder / CARD)
    for name, digest in sorted({**card["sha256"], **card.get("pages", {})}.items()):
        path = folder / name
        _require(path.is_file(), "the file is missing", path)
        _require(sha256_file(path) == digest, "the file's SHA-256 is not the card's", path)
    return card


def _card(
    about: Mapping[str, Any], arrays: Mapping[str, NDArray[Any]], sha256: dict[str, str]
) -> dict[str, Any]:
    card = dict(about) | {
        "format": _FORMAT,
        "arrays": {
            name: {"dtype": array.dtype.str, "shape": list(array.shape)} for name, array in arrays.items()
        },
        "sha256": sha256,
    }
    return card | {"model_id": _model_id(card)}


def _model_id(card: Mapping[str, Any]) -> str:
    """Return the name of the model and the hash of all that is part of its identity."""
    identity = {name: value for name, value in card.items() if name not in ("model_id", "pages")}
    return f"{card['model']}-{hashlib.sha256(canonical_json(identity)).hexdigest()[:12]}"


def _read_card(path: Path) -> dict[str, Any]:
    try:
        data = path.read_bytes()
        card = json.loads(data)
        parts = (card["model"], card["parameters"], card["arrays"], card["sha256"], card["model_id"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise DamagedModelError(
            f"the model's card cannot be read ({error})", where=str(path), remedy=_REMEDY
        ) from error
    kinds = (str, dict, dict, dict, str)
    _require(
        all(isinstance(part, kind) for part, kind in zip(parts, kinds, strict=True)),
        "the card is malformed",
        path,
    )
    _require(card.get("format") == _FORMAT, f"format {card.get('format')!r} is not {_FORMAT}", path)
    _require(isinstance(card.get("pages", {}), dict), "the card is malformed", path)
    whole = card["model_id"] == _model_id(card) and data == canonical_json(card)
    _require(whole, f"the card is not the one that {card['model_id']} was saved with", path)
    return dict(card)


def _read_arrays(path: Path, expected: Mapping[str, Any]) -> dict[str, NDArray[Any]]:
    try:
        with np.load(path, allow_pickle=False) as file:
            arrays = {name: file[name] for name in file.files}
    except (
        ValueError,
        OSError,
        EOFError,
        KeyError,
        NotImplementedError,
        zipfile.BadZipFile,
        zlib.error,
    ) as error:
        raise DamagedModelError(
            f"the arrays cannot be read ({error})", where=str(path), remedy=_REMEDY
        ) from error
    _require(arrays.keys() == expected.keys(), f"holds {sorted(arrays)}, not {sorted(expected)}", path)
    for name, array in arrays.items():
        form = {"dtype": array.dtype.str, "shape": list(array.shape)}
        _require(form == expected[name], f"{name} is {form}, not {expected[name]}", path)
        finite = array.dtype.kind in "iu" or (array.dtype.kind == "f" and bool(np.isfinite(array).all()))
        _require(finite, f"{name} holds values that are not finite numbers", path)
    return arrays


def _require(holds: bool, what: str, path: Path) -> None:
    if not holds:
        raise DamagedModelError(what, where=str(path), remedy=_REMEDY)


def _encoded(ids: Ids) -> dict[str, NDArray[Any]]:
    """Return ids as one run of UTF-8 and the end of each: NumPy's own text arrays pad all to the longest."""
    parts = [str(value).encode() for value in ids]
    return {
        "item_ids_utf8": np.frombuffer(b"".join(parts), dtype=np.uint8),
        "item_ids_ends": np.cumsum([len(part) for part in parts], dtype=np.int64),
    }


def _decoded(text: NDArray[np.uint8], ends: NDArray[np.int64]) -> Ids:
    data, starts = text.tobytes(), [0, *ends[:-1].tolist()]
    ids = [data[start:end].decode() for start, end in zip(starts, ends.tolist(), strict=True)]
    if len(data) != (ends[-1] if len(ends) else 0) or ids != sorted(set(ids)):
        raise ValueError("the item ids are not in ascending order")
    return np.asarray(ids, dtype=object)
