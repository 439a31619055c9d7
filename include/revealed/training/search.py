"""A search for a model's parameters: seeded, on log scales, judged on pairs that training does not see, pruned, resumable."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from revealed.errors import NoDataError
from revealed.evaluation import metrics
from revealed.evaluation.metrics import Csr
from revealed.progress import Progress, quiet
from revealed.training.device import Device
from revealed.training.matrix import Interactions
from revealed.training.protocol import Recommender, create

# Sweeps after which a trial may be given up.
CHECKED = (4, 8, 12)
_SEED = 7


@dataclass(frozen=True)
class Held:
    """What is fitted while searching, and who judges: rows, and the pairs that were held out for them."""

    rest: Interactions
    judges: NDArray[np.int64]
    relevance: Csr


@dataclass(frozen=True)
class Range:
    """Values from `low` to `high` on a log scale."""

    low: float
    high: float


Space = dict[str, Range]
"""What is searched: the range of each parameter by its name."""

SPACES: dict[str, Space] = {
    # lambda scales with the confidences: a click of an ordinary visit is worth 41 (signal_policy.csv, confidence_alpha).
    "als": {"regularization": Range(3.0, 3_000.0)},
    "ials": {"regularization": Range(5e-4, 5e-2), "unobserved": Range(1e-3, 0.5)},
    "bpr": {"learning_rate": Range(3e-3, 0.3), "regularization": Range(1e-4, 0.1)},
}


@dataclass(frozen=True)
class Found:
    """The parameters of the best trial, its NDCG on the held-out pairs, and every trial's value, state and parameters."""

    parameters: dict[str, Any]
    score: float
    trials: list[dict[str, Any]]


def search(
    model: str,
    held: Held,
    folder: Path,
    *,
    trials: int,
    device: Device,
    fixed: dict[str, Any] | None = None,
    depth: int = 20,
    progress: Progress = quiet,
) -> Found:
    """Return the best of `trials`; what an interrupted search of the same data has tried already counts.

    Args:
        model: a name in `SPACES`.
        held: what is fitted, and the judges.
        folder: where searches are kept, one file each.
        trials: how many in all.
        device: where the models are fitted.
        fixed: parameters that are not searched.
        depth: of the NDCG that judges.
        progress: told after each trial.
    """
    settled = fixed or {}
    study = _study(folder, model, held, settled, depth)
    for number in range(_finished(study), trials):
        study.optimize(lambda trial: _try(trial, model, held, settled, depth, device), n_trials=1)
        progress(
            f"tuning {model}, best NDCG@{depth} so far {study.best_value:.4f}, trial", number + 1, trials
        )
    tried = [{"value": trial.value, "state": trial.state.name} | trial.params for trial in study.trials]
    return Found(dict(study.best_params), float(study.best_value), tried)


def score(model: Recommender, held: Held, depth: int) -> float:
    """Return the judges' mean NDCG@depth of their held-out pairs."""
    rows, seen = held.rest.confidence[held.judges], held.rest.seen[held.judges]
    lists = model.recommend(rows, seen, depth).items
    return float(metrics.ndcg(metrics.gains(lists, held.relevance), held.relevance, depth).mean())


def _try(trial: Any, model: str, held: Held, fixed: dict[str, Any], depth: int, device: Device) -> float:
    from optuna import TrialPruned

    drawn = {
        name: trial.suggest_float(name, within.low, within.high, log=True)
        for name, within in SPACES[model].items()
    }
    contender = create(model, fixed | drawn)

    def look(sweep: int, loss: float | None = None) -> None:
        if sweep in CHECKED:
            trial.report(score(contender, held, depth), sweep)
            if trial.should_prune():
                raise TrialPruned

    try:
        contender.fit(held.rest, device, after_sweep=look)
    except NoDataError:
        return 0.0  # so strong a regularisation leaves nothing
    return score(contender, held, depth)


def _study(folder: Path, model: str, held: Held, fixed: dict[str, Any], depth: int) -> Any:
    """Return the study of this model on this data, with what it has tried before."""
    import optuna

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    folder.mkdir(parents=True, exist_ok=True)
    parts = (held.rest.confidence, held.relevance)
    told = b"".join(a.tobytes() for matrix in parts for a in (matrix.indptr, matrix.indices, matrix.data))
    told += held.judges.tobytes() + repr((SPACES[model], sorted(fixed.items()), depth, CHECKED)).encode()
    name = f"{model}-{hashlib.sha256(told).hexdigest()[:16]}"
    return optuna.create_study(
        study_name=name,
        storage=f"sqlite:///{folder / f'{name}.db'}",
        load_if_exists=True,
        direction="maximize",
        sampler=optuna.samplers.TPESampler(seed=_SEED),
        pruner=optuna.pruners.MedianPruner(n_startup_trials=5, n_warmup_steps=CHECKED[0]),
    )


def _finished(study: Any) -> int:
    return sum(trial.state.is_finished() for trial in study.trials)
