"""A reward model: what an item is worth to a person at a moment, in the unit of Bradley and Terry's odds."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit

from revealed.errors import DamagedModelError
from revealed.reward import bradley_terry
from revealed.reward.history import FEATURES
from revealed.training.artifact import SavedModel, load_arrays, save_arrays

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

NAME = "reward"
PENALTY = 1.0


@dataclass(frozen=True)
class RewardModel:
    """Weights of the features, each in units of its `scale`; `temperature` divides what they add up to."""

    weights: Floats
    scale: Floats
    temperature: float = 1.0

    def utility(self, features: Floats) -> Floats:
        """Return the utility of each row: sigma of a difference of two is the chance that the first is preferred.

        Only differences within one list mean anything; what its items share is in no pair.
        """
        return np.asarray((features / self.scale) @ self.weights / self.temperature, dtype=np.float64)


def fit_reward(differences: Floats, weight: Floats, penalty: float = PENALTY) -> RewardModel:
    """Return the model of pairs, uncalibrated; features are scaled by their spread, never centred, which pairs undo."""
    spread = np.sqrt(np.average(differences**2, axis=0, weights=weight))
    scale = np.where(spread > 0, spread, 1.0)
    return RewardModel(bradley_terry.fit(differences / scale, weight, penalty), scale)


def against_mean(utility: Floats, lists: Ints) -> Floats:
    """Return the chance that each item is preferred to one of its list's mean utility.

    Args:
        utility: of each shown item.
        lists: the list of each, as numbers from 0.
    """
    mean = np.bincount(lists, weights=utility) / np.maximum(np.bincount(lists), 1)
    return np.asarray(expit(utility - mean[lists]), dtype=np.float64)


def save_reward(
    models: Path, model: RewardModel, lineage: Mapping[str, Any], reports: Mapping[str, bytes]
) -> SavedModel:
    """Write the model as `models/reward-<digest>/`: arrays, card, reports."""
    about = {
        "model": NAME,
        "parameters": {"features": list(FEATURES), "penalty": PENALTY},
        "lineage": dict(lineage),
    }
    arrays: dict[str, NDArray[Any]] = {
        "weights": model.weights,
        "scale": model.scale,
        "temperature": np.array([model.temperature]),
    }
    return save_arrays(models, about, arrays, reports)


def load_reward(folder: Path) -> tuple[RewardModel, SavedModel]:
    """Return the reward model in `folder`, after the checks that every model passes.

    Raises:
        DamagedModelError: a file is missing or changed, it is another kind of model, or of other features than today's.
    """
    arrays, saved = load_arrays(folder)
    shapes = {name: array.shape for name, array in arrays.items()}
    expected = {"weights": (len(FEATURES),), "scale": (len(FEATURES),), "temperature": (1,)}
    if saved.card["model"] != NAME or shapes != expected:
        raise DamagedModelError(
            f"this is no reward model: {saved.card['model']!r} with arrays {shapes}", where=str(folder)
        )
    if saved.card["parameters"].get("features") != list(FEATURES):
        raise DamagedModelError(
            "this reward model was trained on other features than this version of Revealed computes",
            where=str(folder),
            remedy="train it again: `revealed reward train`",
        )
    return RewardModel(arrays["weights"], arrays["scale"], float(arrays["temperature"][0])), saved
