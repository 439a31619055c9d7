"""Fit and calibrate on the early pairs of some people, and judge on the later pairs of others."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from revealed.errors import NoDataError
from revealed.reward import bradley_terry
from revealed.reward.judgement import Accuracy, accuracy
from revealed.reward.model import RewardModel, fit_reward
from revealed.reward.pairs import PairTable
from revealed.reward.split import Parts, codes, split

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]

# Fewer of one part say nothing.
FEWEST_TRAIN, FEWEST_TEST = 100, 30


@dataclass(frozen=True)
class RewardEvaluation:
    """What the test pairs say. Losses and calibration errors count by weight.

    Attributes:
        log_loss, log_loss_uncalibrated: per pair; log 2 = .6931 is what a coin gets.
        calibration_error, calibration_error_uncalibrated: of the claimed probabilities, in ten bins.
        accuracy: of the model, its baselines (`more_popular`, `recommender_score`, `lower_place`) on the same pairs.
        explicit: of the model on the pairs that are words against words; None where the test has none.
    """

    temperature: float
    train_pairs: int
    test_pairs: int
    test_people: int
    split_at: str
    log_loss: float
    log_loss_uncalibrated: float
    calibration_error: float
    calibration_error_uncalibrated: float
    accuracy: dict[str, Accuracy]
    explicit: Accuracy | None

    def to_dict(self) -> dict[str, Any]:
        """Return plain JSON values."""
        found = {name: value.to_dict() for name, value in self.accuracy.items()}
        return dict(vars(self)) | {
            "accuracy": found,
            "explicit": self.explicit.to_dict() if self.explicit else None,
        }


def evaluate_reward(pairs: PairTable) -> tuple[RewardModel, RewardEvaluation, Parts]:
    """Return the calibrated model of the training part, what the test part says of it, and the parts.

    Raises:
        NoDataError: too few pairs to learn from or to test on.
    """
    parts = split(pairs.people, pairs.moments)
    _require_enough(parts)
    differences = pairs.differences()
    raw = fit_reward(differences[parts.train], pairs.weight[parts.train])
    margin = raw.utility(differences)
    model = replace(raw, temperature=_temperature(differences, pairs.weight, parts))
    return model, _evaluation(pairs, parts, margin, model.temperature), parts


def _temperature(differences: Floats, weight: Floats, parts: Parts) -> float:
    """Return the temperature of margins that models give people whom they have not seen, a fifth of them at a time.

    One validation part would be so small that its noise did more harm than the calibration good.
    """
    margin = np.zeros(len(weight))
    for fold in np.unique(parts.fold[parts.train]):
        known, unseen = parts.train & (parts.fold != fold), parts.train & (parts.fold == fold)
        if known.any():
            margin[unseen] = fit_reward(differences[known], weight[known]).utility(differences[unseen])
    return bradley_terry.temperature(margin[parts.train], weight[parts.train])


def _evaluation(pairs: PairTable, parts: Parts, margin: Floats, temperature: float) -> RewardEvaluation:
    test, weight = parts.test, pairs.weight[parts.test]
    raw, honest = margin[test], margin[test] / temperature
    margins = {"reward": margin} | _baselines(pairs)
    found = {name: _accuracy(pairs, value, test) for name, value in margins.items()}
    return RewardEvaluation(
        temperature=temperature,
        train_pairs=int(parts.train.sum()),
        test_pairs=int(test.sum()),
        test_people=len(np.unique(pairs.people[test])),
        split_at=str(parts.at),
        log_loss=bradley_terry.log_loss(honest, weight),
        log_loss_uncalibrated=bradley_terry.log_loss(raw, weight),
        calibration_error=bradley_terry.calibration_error(honest, weight),
        calibration_error_uncalibrated=bradley_terry.calibration_error(raw, weight),
        accuracy={name: value for name, value in found.items() if value},
        explicit=_accuracy(pairs, margin, test & pairs.is_explicit),
    )


def _baselines(pairs: PairTable) -> dict[str, Floats]:
    """Margins of rules that need no model; the last shows how much of the pairs is mere position."""
    from revealed.reward.history import FEATURES

    sides = pairs.sides
    return {
        "more_popular": pairs.between(sides.features[:, FEATURES.index("popularity")]),
        "recommender_score": pairs.between(sides.score),
        "lower_place": pairs.between(sides.position),
    }


def _accuracy(pairs: PairTable, margin: Floats, part: Bools) -> Accuracy | None:
    return accuracy(margin[part], pairs.weight[part], codes(pairs.people[part]))


def _require_enough(parts: Parts) -> None:
    train, test = int(parts.train.sum()), int(parts.test.sum())
    if train < FEWEST_TRAIN or test < FEWEST_TEST:
        raise NoDataError(
            f"{train} pairs to learn from and {test} to test on are too few: at least {FEWEST_TRAIN} and {FEWEST_TEST}"
            " are needed, of different people, the latter later",
            where="pairs.parquet of the dataset",
            remedy="land more days of lists; `revealed dataset list` shows how many pairs each dataset has",
        )
