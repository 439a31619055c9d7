"""Choose a model's parameters on the training fold alone, so that the holdout stays unseen until the comparison.

Regularisation decides more than anything else whether a model beats popularity on sparse feedback, and the right one moves
with the data and with the size of the confidences: true NDCG@10 of the demo's world is .94 at λ=50, .95 at 150, .96 at 300.
ALS is tried at four values; with `trials`, every model of `SPACES` is searched.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from revealed.engines.duckdb import connect, literal
from revealed.errors import NoDataError
from revealed.evaluation.metrics import Csr
from revealed.progress import Progress, quiet
from revealed.settings import Settings
from revealed.training.device import Device
from revealed.training.matrix import Interactions, only, positions
from revealed.training.protocol import create
from revealed.training.search import SPACES, Held, score, search

GRID = (30.0, 100.0, 300.0, 900.0)
_FEWEST_USERS = 20
_MOST_USERS = 5_000
_SEED = 13
_DEPTH = 10


@dataclass(frozen=True)
class Tuning:
    """The parameters that were chosen, what was tried with NDCG@10 of each, and how the choice was made.

    Each of `tried` holds `value`, `state` (COMPLETE, PRUNED) and the parameters that it stands for.
    """

    parameters: dict[str, Any]
    tried: list[dict[str, Any]]
    how: str


@dataclass(frozen=True)
class Judges:
    """The part of the training fold that is foreseen while tuning, and how it was taken; None where it is too small."""

    held: Held | None
    how: str


def find_judges(
    settings: Settings, fold: Interactions, path: Path, split: datetime, holdout_days: int
) -> Judges:
    """Hold out the likes of the last days before the split, or one like in five where too few are recent.

    Args:
        settings: DuckDB's limits.
        fold: the training fold.
        path: its Parquet file, which knows when each pair began.
        split: the end of what the fold knows.
        holdout_days: how many days before it are foreseen.
    """
    recent = _recent_likes(settings, fold, path, split - timedelta(days=holdout_days))
    how = f"the last {holdout_days} days before {split:%Y-%m-%d}"
    if len(_testable_rows(fold, recent)) < _FEWEST_USERS:
        recent, how = _drawn_likes(fold), "one like in five, drawn at random: too few are recent"
    rows = _testable_rows(fold, recent)
    if len(rows) < _FEWEST_USERS:
        return Judges(None, "not tuned: too few people like more than one item")
    if len(rows) > _MOST_USERS:
        rows = np.sort(np.random.default_rng(_SEED).choice(rows, _MOST_USERS, replace=False))
    return Judges(Held(_without(fold, recent), rows, only(fold.confidence, recent)[rows]), how)


def tune(
    model: str,
    judges: Judges,
    device: Device,
    folder: Path,
    *,
    trials: int = 0,
    progress: Progress = quiet,
) -> Tuning:
    """Return the parameters that foresee the judges' held-out likes best.

    Args:
        model: a registered name.
        judges: of `find_judges`.
        device: where the models are fitted.
        folder: where a search is kept, so that an interrupted one goes on.
        trials: of a search; 0 tries ALS at four values and leaves the others at their defaults.
        progress: told after each trial.
    """
    default = create(model, {}).parameters
    if judges.held is None:
        return Tuning(default, [], judges.how)
    if trials and model in SPACES:
        found = search(
            model, judges.held, folder, trials=trials, device=device, depth=_DEPTH, progress=progress
        )
        return Tuning(default | found.parameters, found.trials, f"best of {trials} trials on {judges.how}")
    if model != "als":
        return Tuning(default, [], "not tuned: defaults")
    tried = [_tried(model, {"regularization": value}, judges.held, device) for value in GRID]
    best = max(tried, key=lambda trial: trial["value"])
    return Tuning(
        default | {"regularization": best["regularization"]}, tried, f"best of {len(GRID)} on {judges.how}"
    )


def _tried(model: str, parameters: dict[str, Any], held: Held, device: Device) -> dict[str, Any]:
    contender = create(model, parameters)
    try:
        contender.fit(held.rest, device)
    except NoDataError:
        # So strong a λ leaves nothing of so few people's feedback.
        return {"value": 0.0, "state": "COMPLETE"} | parameters
    return {"value": score(contender, held, _DEPTH), "state": "COMPLETE"} | parameters


def _recent_likes(settings: Settings, fold: Interactions, path: Path, since: datetime) -> NDArray[np.bool_]:
    """Return which stored pairs are likes that began at `since` or later."""
    con = connect(settings)
    try:
        found = con.execute(
            f"select user_id, item_id from read_parquet({literal(path)})"
            " where confidence > 0 and first_event_at >= ?",
            [since],
        ).fetchnumpy()
    finally:
        con.close()
    users = positions(np.asarray(found["user_id"], dtype=object), fold.users)
    items = positions(np.asarray(found["item_id"], dtype=object), fold.items)
    width = len(fold.items)
    recent: NDArray[np.bool_] = np.isin(_cells(fold.confidence), users * width + items)
    return recent


def _drawn_likes(fold: Interactions) -> NDArray[np.bool_]:
    drawn = np.random.default_rng(_SEED).random(fold.confidence.nnz) < 0.2
    likes: NDArray[np.bool_] = drawn & (fold.confidence.data > 0)
    return likes


def _testable_rows(fold: Interactions, held: NDArray[np.bool_]) -> NDArray[np.int64]:
    """Return the users who have a like on both sides."""
    rows, liked = _rows(fold.confidence), fold.confidence.data > 0
    both: NDArray[np.int64] = np.intersect1d(rows[held], rows[liked & ~held])
    return both


def _without(fold: Interactions, held: NDArray[np.bool_]) -> Interactions:
    """Return the fold as if the held-out pairs had not happened."""
    kept = only(fold.confidence, ~held)
    seen = _minus(fold.seen, only(fold.confidence, held))
    latest = None if fold.latest is None else fold.latest[~held]
    return replace(fold, confidence=kept, seen=seen, latest=latest)


def _minus(seen: Csr, hidden: Csr) -> Csr:
    return only(seen, ~np.isin(_cells(seen), _cells(hidden)))


def _rows(matrix: Csr) -> NDArray[np.int64]:
    return np.repeat(np.arange(matrix.shape[0], dtype=np.int64), np.diff(matrix.indptr))


def _cells(matrix: Csr) -> NDArray[np.int64]:
    """Return one number for each stored cell, the same for the same cell of any matrix of this shape."""
    cells: NDArray[np.int64] = _rows(matrix) * matrix.shape[1] + matrix.indices
    return cells
