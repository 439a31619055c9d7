"""Tune frequency-scaled ALS on anybody's training file: a search with few factors, then the full size.

lambda and alpha0 are searched together, on log scales, with few factors (Rendle et al., RecSys 2022: the good region moves
little with the size); with all factors only lambda is looked at again. The judge is NDCG@20 of a part of the training file:
its last tenth where it has times, else one pair in ten of everybody with enough of them. The test file is never opened.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from revealed.progress import Progress, quiet
from revealed.training.device import Device
from revealed.training.ials import FrequencyScaledALS
from revealed.training.matrix import Interactions, only
from revealed.training.search import Held, score, search
from revealed.training.split_files import Split

SEARCHED_FACTORS = 64
_DEPTH = 20
_HELD = 0.1
_MOST_JUDGES = 10_000
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


def tune_ials(split: Split, folder: Path, *, trials: int, factors: int, progress: Progress = quiet) -> Chosen:
    """Return the best parameters found; what an interrupted search of the same data has tried already counts.

    Args:
        split: whose training part is searched.
        folder: where searches are kept.
        trials: of the search with few factors.
        factors: of the final model.
        progress: told after each trial and each full-size fit.
    """
    held = hold_out(split)
    few = {"factors": SEARCHED_FACTORS}
    found = search(
        "ials", held, folder, trials=trials, device=_CPU, fixed=few, depth=_DEPTH, progress=progress
    )
    scores = {}
    for at, step in enumerate(_GROWN, start=1):
        parameters = _grown(found.parameters, step, factors)
        scores[step] = score(fitted(parameters, held.rest), held, _DEPTH)
        told = f"lambda {parameters['regularization']:.4g}: NDCG@{_DEPTH} {scores[step]:.4f}"
        progress(f"{factors} factors, {told}, fit", at, len(_GROWN))
    best = max(scores, key=lambda step: scores[step])
    return Chosen(_grown(found.parameters, best, factors), scores[best], found.trials)


def fitted(parameters: dict[str, Any], data: Interactions) -> FrequencyScaledALS:
    """Return a model with these parameters, fitted by all cores: nobody registers it, so that its last digits may differ."""
    model = FrequencyScaledALS(**parameters, threads=0)
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


def _grown(found: dict[str, Any], step: float, factors: int) -> dict[str, Any]:
    return found | {"factors": factors, "regularization": found["regularization"] * step}
