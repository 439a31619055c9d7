"""Tune frequency-scaled ALS on anybody's training file: a seeded, pruned, resumable search, then the full size.

lambda and alpha0 are searched together, on log scales, with few factors (Rendle et al., RecSys 2022: the good region moves
little with the size); with all factors only lambda is looked at again. The judge is NDCG@20 of a part of the training file:
its last tenth where it has times, else one pair in ten of everybody with enough of them. The test file is never opened.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from revealed.errors import NoDataError
from revealed.evaluation import metrics
from revealed.evaluation.metrics import Csr
from revealed.progress import Progress, quiet
from revealed.training.device import Device
from revealed.training.ials import FrequencyScaledALS
from revealed.training.matrix import Interactions, only
from revealed.training.split_files import Split

SEARCHED_FACTORS = 64
_DEPTH = 20
_HELD = 0.1
_MOST_JUDGES = 10_000
_CHECKED = (4, 8, 16)
_LAMBDA, _ALPHA0 = (5e-4, 5e-2), (1e-3, 0.5)
# Steps of lambda that are tried with all factors.
_GROWN = (1.0, 2.0)
_SEED = 7
_CPU = Device("cpu", "irspack has no other")


@dataclass(frozen=True)
class Chosen:
    """The parameters of the winner, its NDCG@20 on the held-out part, and every trial's."""

    parameters: dict[str, Any]
    score: float
    trials: list[dict[str, Any]]


@dataclass(frozen=True)
class Held:
    """What is fitted while tuning, and who judges: rows, and the pairs that were held out for them."""

    rest: Interactions
    judges: NDArray[np.int64]
    relevance: Csr


def tune_ials(split: Split, folder: Path, *, trials: int, factors: int, progress: Progress = quiet) -> Chosen:
    """Return the best parameters found; what an interrupted search of the same data has tried already counts.

    Args:
        split: whose training part is searched.
        folder: where the search is kept, a file a training file.
        trials: of the search with few factors.
        factors: of the final model.
        progress: told after each trial and each full-size fit.
    """
    held = hold_out(split)
    study = _study(folder, split.train)
    for number in range(_finished(study), trials):
        study.optimize(lambda trial: _try(trial, held), n_trials=1)
        best = f"best NDCG@{_DEPTH} {study.best_value:.4f}" if _finished(study) else ""
        progress(f"tuning with {SEARCHED_FACTORS} factors, {best}, trial", number + 1, trials)
    found = study.best_params
    tried = [{"value": trial.value, "state": trial.state.name} | trial.params for trial in study.trials]
    scores = {}
    for at, step in enumerate(_GROWN, start=1):
        parameters = _parameters(found["lambda"] * step, found["alpha0"], factors)
        scores[step] = _score(fitted(parameters, held.rest), held)
        progress(
            f"{factors} factors, lambda {parameters['regularization']:.4g}: NDCG@{_DEPTH} {scores[step]:.4f}, fit",
            at,
            2,
        )
    best_step = max(scores, key=lambda step: scores[step])
    return Chosen(
        _parameters(found["lambda"] * best_step, found["alpha0"], factors), scores[best_step], tried
    )


def fitted(parameters: dict[str, Any], data: Interactions) -> FrequencyScaledALS:
    """Return a model with these parameters, fitted."""
    model = FrequencyScaledALS(**parameters)
    model.fit(data, _CPU)
    return model


def hold_out(split: Split) -> Held:
    """Take a tenth of the training pairs away, the last ones or drawn ones, from people who keep at least one."""
    pairs = split.train.confidence.tocoo()
    if split.latest is not None:
        away = split.latest > np.quantile(split.latest, 1.0 - _HELD)
    else:
        away = np.random.default_rng(_SEED).random(len(pairs.row)) < _HELD
    kept = np.bincount(pairs.row[~away], minlength=len(split.train.users))
    away &= kept[pairs.row] > 0
    judges = np.unique(pairs.row[away]).astype(np.int64)
    if len(judges) > _MOST_JUDGES:
        judges = np.sort(np.random.default_rng(_SEED).choice(judges, _MOST_JUDGES, replace=False))
    rest = only(split.train.confidence, ~away)
    ones = only(split.train.confidence, away)
    ones.data[:] = 1.0
    return Held(replace(split.train, confidence=rest, seen=rest), judges, ones[judges])


def _try(trial: Any, held: Held) -> float:
    from optuna.exceptions import TrialPruned

    strength = trial.suggest_float("lambda", *_LAMBDA, log=True)
    unobserved = trial.suggest_float("alpha0", *_ALPHA0, log=True)
    model = FrequencyScaledALS(**_parameters(strength, unobserved, SEARCHED_FACTORS))
    score = 0.0

    def look(sweep: int, loss: float | None) -> None:
        nonlocal score
        if sweep in _CHECKED:
            score = _score(model, held)
            trial.report(score, sweep)
            if trial.should_prune():
                raise TrialPruned

    try:
        model.fit(held.rest, _CPU, after_sweep=look)
    except NoDataError:
        return 0.0  # so strong a lambda leaves nothing
    return score


def _score(model: FrequencyScaledALS, held: Held) -> float:
    rows = held.rest.confidence[held.judges]
    lists = model.recommend(rows, rows, _DEPTH).items
    return float(metrics.ndcg(metrics.gains(lists, held.relevance), held.relevance, _DEPTH).mean())


def _parameters(strength: float, unobserved: float, factors: int) -> dict[str, Any]:
    return {"factors": factors, "regularization": strength, "unobserved": unobserved}


def _study(folder: Path, train: Interactions) -> Any:
    """Return the study of this training data, with what it has tried before."""
    import optuna

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    folder.mkdir(parents=True, exist_ok=True)
    matrix = train.confidence
    told = b"".join(array.tobytes() for array in (matrix.indptr, matrix.indices, matrix.data))
    name = hashlib.sha256(told + repr((_LAMBDA, _ALPHA0, _CHECKED, SEARCHED_FACTORS)).encode()).hexdigest()[
        :16
    ]
    return optuna.create_study(
        study_name=name,
        storage=f"sqlite:///{folder / f'{name}.db'}",
        load_if_exists=True,
        direction="maximize",
        sampler=optuna.samplers.TPESampler(seed=_SEED),
        pruner=optuna.pruners.MedianPruner(n_startup_trials=5, n_warmup_steps=_CHECKED[0]),
    )


def _finished(study: Any) -> int:
    return sum(trial.state.is_finished() for trial in study.trials)
