"""Does debiasing pay? ALS on the platform's feedback against ALS on raw clicks, judged by the truth.

The logs of a world with known preferences go through landing, the dbt models, the audit and the dataset, like anybody's. What
was looked at and passed over is a weighted no in that feedback; raw clicks know only yes. Every row of the table gets the
regularisation and the number of factors that the truth likes best, the raw clicks also their best alpha (Hu, Koren and
Volinsky 2008), so that the difference is the data's. Held to science.md d: .554 for raw clicks, .628 with exposed negatives.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix

from revealed.benchmarks.debiasing_world import AS_OF, DebiasingWorld, draw_world, write_logs
from revealed.engines.duckdb import connect, literal
from revealed.errors import NoDataError
from revealed.evaluation import metrics
from revealed.feedback import write_dataset
from revealed.landing import ingest_landing
from revealed.loop import build_warehouse
from revealed.progress import Progress, quiet
from revealed.settings import Settings
from revealed.training.als import ImplicitALS
from revealed.training.device import Device
from revealed.training.matrix import Interactions, interactions, read_interactions
from revealed.training.protocol import NOTHING
from revealed.warehouse.dbt import rerun_models

RAW_CLICKS, FEEDBACK = "raw clicks", "feedback"
# The same feedback without one of its parts: by the dbt variables that switch it off or on.
VARIANTS: dict[str, dict[str, Any]] = {
    "feedback without skips": {"skip_evidence_max": 0.0},
    "feedback, popularity debiased": {"popularity_debiasing": "inverse_propensity"},
}
_ALPHAS = (3.0, 10.0, 40.0)
_FACTORS = (4, 5, 8)
_REGULARIZATIONS = (0.3, 1.0, 3.0, 10.0)
_DEPTH = 10


@dataclass(frozen=True)
class Trial:
    """One way to recommend, at its best: true NDCG@10 and the setting that gave it."""

    method: str
    ndcg: float
    factors: int | None = None
    regularization: float | None = None
    alpha: float | None = None


def bench_debiasing(
    seeds: int = 3, *, users: int = 2000, items: int = 200, progress: Progress = quiet
) -> dict[str, Any]:
    """Return `rows` (a method each: true NDCG@10 of every seed, their mean, the settings) and the `margin` of the feedback.

    `margin` is the mean NDCG@10 of the platform's feedback less that of raw clicks, each with its own best setting.
    """
    found: list[list[Trial]] = []
    for seed in range(1, seeds + 1):
        progress(f"seed {seed} of {seeds}")
        found.append(try_world(seed, users, items, progress=progress))
    rows = [_row([trials[at] for trials in found]) for at in range(len(found[0]))]
    means = {row["method"]: row["mean"] for row in rows}
    return {"rows": rows, "margin": round(means[FEEDBACK] - means[RAW_CLICKS], 4)}


def _row(trials: list[Trial]) -> dict[str, Any]:
    scores = {f"seed {seed}": round(trial.ndcg, 4) for seed, trial in enumerate(trials, 1)}
    settings = {
        "factors": ", ".join(str(trial.factors) for trial in trials if trial.factors),
        "regularization": ", ".join(f"{trial.regularization:g}" for trial in trials if trial.regularization),
        "alpha": ", ".join(f"{trial.alpha:g}" for trial in trials if trial.alpha),
    }
    mean = round(float(np.mean([trial.ndcg for trial in trials])), 4)
    return {"method": trials[0].method, **scores, "mean": mean, **settings}


def try_world(
    seed: int,
    users: int,
    items: int,
    *,
    factors: tuple[int, ...] = _FACTORS,
    folder: Path | None = None,
    progress: Progress = quiet,
) -> list[Trial]:
    """Return every method's trial in the world of one seed, each with its best of `factors`."""
    world = draw_world(seed, users, items)
    judge = Judge(world, factors)
    clicks = raw_clicks(world)
    trials = [
        Trial("random", judge.score_of(np.random.default_rng(seed).random(world.relevance.shape))),
        Trial("most popular", judge.score_of(np.tile(judge.popularity, (users, 1)))),
        max((_with_alpha(judge, clicks, alpha) for alpha in _ALPHAS), key=lambda trial: trial.ndcg),
    ]
    with tempfile.TemporaryDirectory(dir=folder) as place:
        settings = replace(Settings.from_env(), home=Path(place), landing_grace_seconds=0.0, holdout_days=1)
        for method, data in feedback_of(settings, world, seed, progress):
            trials.append(judge.best(method, data))
    return trials


def _with_alpha(judge: Judge, clicks: Interactions, alpha: float) -> Trial:
    """HKV's confidence 1 + alpha on every click."""
    weighted = replace(clicks, confidence=clicks.confidence * np.float32(1 + alpha))
    return replace(judge.best(RAW_CLICKS, weighted), alpha=alpha)


class Judge:
    """Knows the truth: true NDCG@10 over the whole catalogue, what was seen included, of whatever is learnt from data.

    Whoever a model knows nothing of is shown what most people clicked, as the platform does.
    """

    def __init__(self, world: DebiasingWorld, factors: tuple[int, ...] = _FACTORS) -> None:
        self.world, self.factors = world, factors
        self.relevance = csr_matrix(world.relevance)
        self.popularity: NDArray[np.int64] = world.is_clicked.sum(axis=0)
        self._fallback = np.argsort(-self.popularity, kind="stable")[:_DEPTH].astype(np.int32)

    def score_of(self, scores: NDArray[Any]) -> float:
        """Return the NDCG@10 of the items of greatest score."""
        lists = np.argsort(-scores, axis=1, kind="stable")[:, :_DEPTH].astype(np.int32)
        return self._ndcg(lists)

    def best(self, method: str, data: Interactions) -> Trial:
        """Return the best of ALS's settings on `data`."""
        settings = [(factors, value) for factors in self.factors for value in _REGULARIZATIONS]
        trials = [Trial(method, self.score(data, *setting), *setting) for setting in settings]
        return max(trials, key=lambda trial: trial.ndcg)

    def score(self, data: Interactions, factors: int, regularization: float) -> float:
        """Return the NDCG@10 of ALS on `data`, 0 where everything was regularised away."""
        model = ImplicitALS(factors=factors, regularization=regularization)
        try:
            model.fit(data, Device("cpu", "the matrix is small"))
        except NoDataError:
            return 0.0
        nothing_seen = csr_matrix(data.seen.shape, dtype=np.float32)
        found = model.recommend(data.confidence, nothing_seen, _DEPTH).items
        columns, rows = _numbers(data.items), _numbers(data.users)
        lists = np.tile(self._fallback, (len(self.world.relevance), 1))
        lists[rows] = np.where(found == NOTHING, self._fallback, columns[found])
        return self._ndcg(lists)

    def _ndcg(self, lists: NDArray[np.int32]) -> float:
        return float(metrics.ndcg(metrics.gains(lists, self.relevance), self.relevance, _DEPTH).mean())


def raw_clicks(world: DebiasingWorld) -> Interactions:
    """Return what a log of clicks alone tells: one for every click, nothing else."""
    rows, columns = np.nonzero(world.is_clicked)
    return interactions(
        np.array([world.user(n) for n in range(world.relevance.shape[0])], dtype=object),
        np.array([world.item(n) for n in range(world.relevance.shape[1])], dtype=object),
        rows.astype(np.int32),
        columns.astype(np.int32),
        np.ones(len(rows), dtype=np.float32),
        np.zeros(len(rows), dtype=bool),
    )


def feedback_of(
    settings: Settings, world: DebiasingWorld, seed: int, progress: Progress = quiet
) -> Iterator[tuple[str, Interactions]]:
    """Send the world's logs through the platform; yield its feedback and the variants of it, by name."""
    write_logs(world, settings.landing, seed)
    ingest_landing(settings)
    build_warehouse(settings, AS_OF, progress=progress)
    dataset = write_dataset(settings, settings.published_warehouse)
    for method, variables in VARIANTS.items():
        progress(method)
        yield method, _variant(settings, variables)
    yield FEEDBACK, read_interactions(settings, dataset.file("interactions.parquet"))


def _variant(settings: Settings, variables: dict[str, Any]) -> Interactions:
    """Return the feedback under other dbt variables, from a copy of the published warehouse."""
    folder = settings.home / "variant"
    folder.mkdir(exist_ok=True)
    database, pairs = folder / "warehouse.duckdb", folder / "pairs.parquet"
    shutil.copyfile(settings.published_warehouse.resolve(), database)
    database.chmod(0o600)
    rerun_models(settings, folder, ["feedback_user_item"], variables)
    con = connect(settings, database, read_only=True)
    try:
        con.execute(
            f"copy (select * from marts.feedback_user_item order by all) to {literal(pairs)} (format parquet)"
        )
    finally:
        con.close()
    return read_interactions(settings, pairs)


def _numbers(ids: NDArray[np.object_]) -> NDArray[np.int32]:
    return np.array([int(name[1:]) for name in ids], dtype=np.int32)
