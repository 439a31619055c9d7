"""The measured ways to make everybody's list, each run in a process of its own by `revealed.benchmarks.scale.worker`."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import load_npz, save_npz
from threadpoolctl import threadpool_limits

from revealed.benchmarks.scale.measure import measured
from revealed.benchmarks.training_feedback import FeedbackSize, write_feedback
from revealed.settings import Settings
from revealed.training.als import ImplicitALS
from revealed.training.matrix import read_interactions
from revealed.training.nearest import catalogue_of, nearest

Floats = NDArray[np.float32]

_SWEEPS = 5
_SEED = 7
_ROWS_AT_ONCE = 1_024


def fit_factors(
    settings: Settings, *, size: dict[str, int], factors: int, users: int, folder: str
) -> dict[str, Any]:
    """Leave in `folder` what the others read: fitted factors, factors of equal length, and what some users have seen."""
    from implicit.cpu.als import AlternatingLeastSquares

    place = Path(folder)
    write_feedback(FeedbackSize(**size), place / "feedback.parquet")
    data = read_interactions(settings, place / "feedback.parquet")
    solver = AlternatingLeastSquares(
        factors=factors, regularization=50.0, alpha=1.0, iterations=_SWEEPS, random_state=_SEED
    )
    with threadpool_limits(limits=1, user_api="blas"):
        solver.fit(data.confidence, show_progress=False)
    rows = np.sort(
        np.random.default_rng(_SEED).choice(len(data.users), min(users, len(data.users)), replace=False)
    )
    lengths = np.linalg.norm(solver.item_factors, axis=1, keepdims=True)
    np.savez(
        place / "factors.npz",
        fitted=solver.item_factors,
        equal=solver.item_factors / np.where(lengths > 0, lengths, 1),
        users=solver.user_factors[rows],
    )
    save_npz(place / "seen.npz", data.seen[rows], compressed=False)
    save_npz(place / "confidence.npz", data.confidence[rows], compressed=False)
    return {"items": len(data.items), "users": len(rows), "pairs": int(data.confidence.nnz)}


def by_implicit(settings: Settings, *, folder: str, items: str, k: int, folded: bool) -> dict[str, Any]:
    """The lists of implicit's `recommend`, from stored users, or (`folded`) from users that are solved anew."""
    from implicit.cpu.als import AlternatingLeastSquares

    factors, users = _factors(folder, items)
    solver = AlternatingLeastSquares(factors=factors.shape[1], regularization=50.0, alpha=1.0)
    solver.item_factors, solver.user_factors = factors, users
    seen = load_npz(Path(folder) / ("confidence.npz" if folded else "seen.npz"))
    with threadpool_limits(limits=1, user_api="blas"), measured() as cost:
        ids, scores = solver.recommend(np.arange(len(users)), seen, N=k, recalculate_user=folded)
    return _kept(folder, f"implicit-{items}-{folded}", ids, scores) | asdict(cost)


def by_ours(settings: Settings, *, folder: str, items: str, k: int, folded: bool) -> dict[str, Any]:
    """`revealed.training.nearest` from stored users, or (`folded`) the model's own `recommend`, which solves them anew."""
    factors, users = _factors(folder, items)
    seen = load_npz(Path(folder) / ("confidence.npz" if folded else "seen.npz"))
    model = ImplicitALS(factors=factors.shape[1], regularization=50.0)
    model.item_factors, model.items = factors, np.arange(len(factors)).astype(object)
    _import_solver()
    with measured() as cost:
        if folded:
            ranking = model.recommend(seen, seen, k)
            ids, scores = ranking.items, ranking.scores
        else:
            ids, scores = nearest(catalogue_of(factors), users, k, seen)
    return _kept(folder, f"ours-{items}-{folded}", ids, scores) | asdict(cost)


def by_product(settings: Settings, *, folder: str, items: str) -> dict[str, Any]:
    """The matrix product alone: no choice of the best, nothing left out."""
    factors, users = _factors(folder, items)
    scores = np.empty((_ROWS_AT_ONCE, len(factors)), dtype=np.float32)
    with threadpool_limits(limits=1, user_api="blas"), measured() as cost:
        for start in range(0, len(users), _ROWS_AT_ONCE):
            part = users[start : start + _ROWS_AT_ONCE]
            np.dot(part, factors.T, out=scores[: len(part)])
    return asdict(cost)


def compare_lists(settings: Settings, *, folder: str, items: str, folded: bool) -> dict[str, Any]:
    """Return how far two ways agree.

    `same` is the share of places with the same item; `ties` that of places with another item of the very same score;
    `apart` counts all other places.
    """
    ours, theirs = (np.load(Path(folder) / f"{who}-{items}-{folded}.npz") for who in ("ours", "implicit"))
    is_same = ours["ids"] == theirs["ids"]
    is_tie = ~is_same & (ours["scores"] == theirs["scores"])
    return {
        "same": float(is_same.mean()),
        "ties": float(is_tie.mean()),
        "apart": int((~is_same & ~is_tie).sum()),
    }


def _factors(folder: str, items: str) -> tuple[Floats, Floats]:
    with np.load(Path(folder) / "factors.npz") as kept:
        return np.ascontiguousarray(kept[items]), np.ascontiguousarray(kept["users"])


def _kept(folder: str, name: str, ids: NDArray[np.int32], scores: Floats) -> dict[str, Any]:
    np.savez(Path(folder) / f"{name}.npz", ids=ids, scores=scores)
    return {}


def _import_solver() -> None:
    """Import what folding in needs before the clock starts, as for implicit's own way."""
    import implicit.cpu.als  # noqa: F401 (before the clock starts)
