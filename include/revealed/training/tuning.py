"""Choose the regularisation on the training fold alone, so that the holdout stays unseen until the comparison.

λ decides more than anything else whether ALS beats popularity on sparse feedback, and the right one moves with the
data and with the size of the confidences: true NDCG@10 of the demo's world is .94 at λ=50, .95 at 150, .96 at 300.
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
from revealed.evaluation import metrics
from revealed.evaluation.metrics import Csr
from revealed.settings import Settings
from revealed.training.als import ImplicitALS
from revealed.training.device import Device
from revealed.training.matrix import Interactions, only, positions

# λ scales with the confidences: a click of an ordinary visit is worth 41 (signal_policy.csv, confidence_alpha).
GRID = (30.0, 100.0, 300.0, 900.0)
# Beyond this many pairs a fit costs minutes, and the default is used; a search of its own belongs there.
LARGEST_TUNED = 3_000_000
_FEWEST_USERS = 20
_MOST_USERS = 5_000
_SEED = 13
_DEPTH = 10


@dataclass(frozen=True)
class Tuning:
    """The parameters that were chosen, NDCG@10 of each value that was tried, and how the choice was made."""

    parameters: dict[str, Any]
    scores: dict[float, float]
    how: str


def tune(
    settings: Settings, fold: Interactions, path: Path, split: datetime, holdout_days: int, device: Device
) -> Tuning:
    """Return the regularisation that foresees the last days before the split best.

    Args:
        settings: DuckDB's limits.
        fold: the training fold.
        path: its Parquet file, which knows when each pair began.
        split: the end of what the fold knows.
        holdout_days: how many days before it are foreseen.
        device: where the models are fitted.
    """
    default = ImplicitALS().parameters
    if fold.confidence.nnz > LARGEST_TUNED:
        return Tuning(default, {}, f"not tuned: more than {LARGEST_TUNED:,} pairs")
    recent = _recent_likes(settings, fold, path, split - timedelta(days=holdout_days))
    how = f"the last {holdout_days} days before {split:%Y-%m-%d}"
    if _testable(fold, recent) < _FEWEST_USERS:
        recent, how = _drawn_likes(fold), "one like in five, drawn at random: too few are recent"
    if _testable(fold, recent) < _FEWEST_USERS:
        return Tuning(default, {}, "not tuned: too few people like more than one item")
    scores = {value: _score(fold, recent, default | {"regularization": value}, device) for value in GRID}
    best = max(scores, key=lambda value: scores[value])
    return Tuning(default | {"regularization": best}, scores, f"best of {len(GRID)} on {how}")


def _score(fold: Interactions, held: NDArray[np.bool_], parameters: dict[str, Any], device: Device) -> float:
    """Return the mean NDCG@10 of the held-out likes for a model fitted on the rest."""
    model, rest = ImplicitALS(**parameters), _without(fold, held)
    try:
        model.fit(rest, device)
    except NoDataError:
        return 0.0  # so strong a λ leaves nothing of so few people's feedback
    relevance = only(fold.confidence, held)
    rows = _testable_rows(fold, held)
    if len(rows) > _MOST_USERS:
        rows = np.sort(np.random.default_rng(_SEED).choice(rows, _MOST_USERS, replace=False))
    lists = model.recommend(rest.confidence[rows], rest.seen[rows], _DEPTH).items
    gain = metrics.gains(lists, relevance[rows])
    return float(metrics.ndcg(gain, relevance[rows], _DEPTH).mean())


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


def _testable(fold: Interactions, held: NDArray[np.bool_]) -> int:
    return len(_testable_rows(fold, held))


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
