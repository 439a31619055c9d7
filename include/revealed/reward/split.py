"""Split pairs by person and by time at once: people of the test are in no training pair, and no training pair is later."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Bools = NDArray[np.bool_]

# Of the people: who may be trained on; the rest are tested on.
_TRAINED = 0.7
# Of the pairs, in the order of their time: so many lie before the split.
_EARLY = 0.7
_FOLDS = 5


@dataclass(frozen=True)
class Parts:
    """Which pairs are for what, and the moment before which training ends and at which the test begins.

    A pair of a test person before the split, or of another person after it, is in no part. `fold` parts the people of
    the training into five, for what has to be learnt from people that a model has not seen.
    """

    train: Bools
    test: Bools
    fold: NDArray[np.int64]
    at: np.datetime64


def split(people: Sequence[str] | NDArray[np.object_], moments: NDArray[np.datetime64]) -> Parts:
    """Return the parts; who is in which depends on the person's id alone, so that it stays the same as data grows.

    Args:
        people: whose pair it is.
        moments: when its list was shown.
    """
    share = _places(people)
    at = np.sort(moments)[min(int(len(moments) * _EARLY), len(moments) - 1)]
    early = moments < at
    fold = np.minimum((share / _TRAINED * _FOLDS).astype(np.int64), _FOLDS - 1)
    return Parts(train=early & (share < _TRAINED), test=~early & (share >= _TRAINED), fold=fold, at=at)


def is_tested(people: Sequence[str] | NDArray[np.object_]) -> Bools:
    """Return who of the people belongs to the test."""
    return _places(people) >= _TRAINED


def _places(people: Sequence[str] | NDArray[np.object_]) -> NDArray[np.float64]:
    """Return a number in [0, 1) for each person, as if drawn."""
    distinct, at = np.unique(np.asarray(people, dtype=object), return_inverse=True)
    return np.array([_place_of(str(person)) for person in distinct], dtype=np.float64)[at]


def _place_of(person: str) -> float:
    return int.from_bytes(hashlib.sha256(person.encode()).digest()[:4]) / 2**32


def codes(people: Any) -> NDArray[np.int64]:
    """Return a number for each person, from 0, without gaps."""
    _, found = np.unique(np.asarray(people, dtype=object), return_inverse=True)
    return np.asarray(found, dtype=np.int64)
