"""Begin a training from an earlier model's item factors, carried over by item id, so that a daily refresh costs a sweep or two.

The training still sees the whole window: trained on the new days alone, a model forgets the old ones (science.md, m). Users are
not carried over, for no model stores them: the first half-sweep solves them from the items.
"""

from __future__ import annotations

from copy import copy
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from revealed.evaluation.metrics import Csr
from revealed.training.device import Device
from revealed.training.factor_model import FactorModel
from revealed.training.matrix import Ids, positions
from revealed.training.protocol import Recommender


@dataclass(frozen=True)
class Initialization:
    """How a training begins.

    Attributes:
        note: from where, for people to read: carried over from how many items, or at random and why.
        item_factors: one row for each item of the data; None begins at random.
    """

    note: str
    item_factors: NDArray[np.float32] | None = None

    @property
    def is_warm(self) -> bool:
        """Return whether factors were carried over."""
        return self.item_factors is not None


def initialization(model: FactorModel, start: Recommender | None, items: Ids) -> Initialization:
    """Return the factors with which `model` begins on `items`: those of `start`, found again by id.

    Items that `start` does not know begin at zero. That is nobody's taste, so that it draws no user anywhere, and the first
    half-sweep over the items solves them from the users who like them; a random vector would first lead those users astray.
    """
    if start is None:
        return Initialization("at random: no earlier model was given")
    if not isinstance(start, FactorModel) or start.name != model.name:
        return Initialization(f"at random: the earlier model is {start.name}, not {model.name}")
    if start.parameters["factors"] != model.parameters["factors"]:
        earlier, wanted = start.parameters["factors"], model.parameters["factors"]
        return Initialization(f"at random: the earlier model has {earlier} factors, not {wanted}")
    place = positions(items, start.items)
    known = place >= 0
    if not known.any():
        return Initialization("at random: the earlier model knows none of the items")
    factors = np.zeros((len(items), start.item_factors.shape[1]), dtype=np.float32)
    factors[known] = start.item_factors[place[known]]
    return Initialization(f"from the earlier model's factors of {known.sum()} of {len(items)} items", factors)


def solved_users(
    model: FactorModel, item_factors: NDArray[np.float32], confidence: Csr
) -> NDArray[np.float32]:
    """Return the users that follow from these item factors by the model's own rule, as rows; the model stays as it is."""
    other = copy(model)
    other.item_factors = item_factors
    return other.fold_in(confidence)


def on_device(device: Device, factors: NDArray[np.float32]) -> Any:
    """Return factors as implicit's solver for the device takes them; on a CPU these very ones, which it then changes."""
    if device.name != "gpu":
        return factors
    from implicit.gpu import Matrix

    return Matrix(factors)


def as_array(factors: Any) -> NDArray[np.float32]:
    """Return a solver's factors as float32 in rows; on a CPU without a copy."""
    plain = factors.to_numpy() if hasattr(factors, "to_numpy") else factors
    return np.ascontiguousarray(plain, dtype=np.float32)
