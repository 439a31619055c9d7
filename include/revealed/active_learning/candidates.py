"""The pairs that are worth asking about: near ties at the edge of what a person is shown, and words against deeds."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from revealed.active_learning.posterior import (
    NormalEquations,
    information,
    leverage,
    noise,
    normal_equations,
)
from revealed.progress import Progress, quiet
from revealed.training.als import ImplicitALS
from revealed.training.ials import FrequencyScaledALS, likes
from revealed.training.matrix import Interactions, positions
from revealed.training.protocol import Recommender

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

NEAR_TIE, DISAGREEMENT = "near_tie", "disagreement"
# A score is near the edge when it is within so many standard deviations of it.
_REACH = 1.0
# Beyond so many times the slate's length no item comes near it.
_DEPTH = 5
_PEOPLE_FOR_NOISE = 500
_ROWS_AT_ONCE = 1_024


@dataclass(frozen=True)
class Candidates:
    """Rows of pairs: person and item as positions in the data and the model, and what an answer would be worth.

    `information` is the expected fall of the mean squared error of the person's scores over the catalogue; for words
    against deeds, times how open the question is (0 to 1).
    """

    people: Ints
    items: Ints
    is_disagreement: NDArray[np.bool_]
    information: Floats
    score: Floats

    def only(self, kept: NDArray[np.bool_]) -> Candidates:
        """Return the rows that `kept` says."""
        return Candidates(*(column[kept] for column in vars(self).values()))


@dataclass(frozen=True)
class Disagreements:
    """Pairs in which a person's words and deeds point apart, as rows of the data and items of the model.

    `doubt` is 4 m (1 - m), m the deeds' share of the evidence: 1 where neither side outweighs the other.
    """

    rows: Ints
    items: Ints
    doubt: Floats


def find_candidates(
    model: Recommender,
    data: Interactions,
    people: Ints,
    blocked: NDArray[np.bool_],
    disagreements: Disagreements,
    *,
    sigma2: float,
    slate: int,
    answer: float,
    progress: Progress = quiet,
) -> Candidates:
    """Return what could be asked of `people` (rows of `data`, which is over the model's items).

    Args:
        model: a factor model.
        data: what is known of everybody.
        people: who may be asked; who likes nothing has no taste to be sure of, and is left out.
        blocked: items that must not be shown, by the model's positions.
        disagreements: words against deeds.
        sigma2: the noise, from `estimate_noise`.
        slate: how long the lists are whose edge matters.
        answer: the confidence of an answer.
        progress: told now and then.
    """
    equations = normal_equations(model)
    apart = _by_row(disagreements)
    parts: list[Candidates] = []
    likers = people[np.diff(likes(data.confidence).indptr)[people] > 0]
    for start in range(0, len(likers), _ROWS_AT_ONCE):
        rows = likers[start : start + _ROWS_AT_ONCE]
        tastes = _tastes(model, data, rows)
        for row, taste in zip(rows.tolist(), tastes, strict=True):
            asked = _Person(equations, data, row, taste, sigma2, answer)
            parts.append(asked.near_ties(blocked, slate))
            if row in apart:
                parts.append(asked.disagreements(*apart[row]))
        progress("weighing what could be asked", min(start + _ROWS_AT_ONCE, len(likers)), len(likers))
    return _joined(parts)


def estimate_noise(model: Recommender, before: Interactions, after: Interactions, seed: int) -> float:
    """Return sigma2 from the pairs of `after` that `before` does not hold, over the people in both.

    Both are over the model's items. Without such a pair it is 1, the variance of a confidence of 1.
    """
    equations = normal_equations(model)
    found = [
        terms
        for row, later in _returning(before, after, seed)
        if len((terms := _residuals(equations, model, before, row, *later))[0])
    ]
    if not found:
        return 1.0
    residual, confidence, spread = (np.concatenate(column) for column in zip(*found, strict=True))
    return noise(residual, confidence, spread)


class _Person:
    """One person's posterior, and what of it could be asked."""

    def __init__(
        self,
        equations: NormalEquations,
        data: Interactions,
        row: int,
        taste: Floats,
        sigma2: float,
        answer: float,
    ) -> None:
        self._equations, self._row, self._answer = equations, row, answer
        part = slice(data.confidence.indptr[row], data.confidence.indptr[row + 1])
        self._items = data.confidence.indices[part].astype(np.int64)
        self._confidence = data.confidence.data[part].astype(np.float64)
        self._seen = data.seen.indices[data.seen.indptr[row] : data.seen.indptr[row + 1]]
        self._inverse = equations.inverse(self._items, self._confidence)
        self._scores = equations.factors @ taste
        self._sigma2 = sigma2

    def near_ties(self, blocked: NDArray[np.bool_], slate: int) -> Candidates:
        """Items whose interval holds the score of the last place of the slate: an answer may move them in or out."""
        open_scores = np.where(blocked, -np.inf, self._scores)
        open_scores[self._seen] = -np.inf
        depth = min(slate * _DEPTH, int(np.isfinite(open_scores).sum()))
        best = np.argsort(-open_scores, kind="stable")[:depth]
        if depth < slate:
            return self._candidates(best[:0], np.empty(0), is_disagreement=False)
        spread = leverage(self._inverse, self._equations.factors[best])
        deviation = np.sqrt(self._sigma2 * spread)
        near = best[np.abs(open_scores[best] - open_scores[best[slate - 1]]) <= _REACH * deviation]
        return self._candidates(near, self._gain(near, None), is_disagreement=False)

    def disagreements(self, items: Ints, doubt: Floats) -> Candidates:
        """Pairs that the person has spoken of and acted against; what they weigh now is taken out of what is known."""
        at = np.searchsorted(self._items, items)
        excess = self._equations.excess(self._confidence[at])
        return self._candidates(items, doubt * self._gain(items, excess), is_disagreement=True)

    def _gain(self, items: Ints, excess: Floats | None) -> Floats:
        factors, gram = self._equations.factors, self._equations.gram
        fall = information(self._inverse, gram, factors[items], self._answer, excess)
        return self._sigma2 * fall / len(factors)

    def _candidates(self, items: Ints, gain: Floats, *, is_disagreement: bool) -> Candidates:
        rows = np.full(len(items), self._row, dtype=np.int64)
        kinds = np.full(len(items), is_disagreement)
        return Candidates(rows, items.astype(np.int64), kinds, gain, self._scores[items])


def _tastes(model: Recommender, data: Interactions, rows: Ints) -> Floats:
    assert isinstance(model, ImplicitALS | FrequencyScaledALS)  # normal_equations has refused others
    return model.fold_in(data.confidence[rows]).astype(np.float64)


def _by_row(found: Disagreements) -> dict[int, tuple[Ints, Floats]]:
    order = np.lexsort((found.items, found.rows))
    rows, starts = np.unique(found.rows[order], return_index=True)
    parts = np.split(order, starts[1:]) if len(rows) else []
    return {int(row): (found.items[part], found.doubt[part]) for row, part in zip(rows, parts, strict=True)}


def _returning(
    before: Interactions, after: Interactions, seed: int
) -> Iterator[tuple[int, tuple[Ints, Floats]]]:
    """Some people of both, as rows of `before`, with the items and confidences that only `after` holds."""
    rows = positions(after.users, before.users)
    both = np.flatnonzero(rows >= 0)
    drawn = np.random.default_rng(seed).permutation(both)[:_PEOPLE_FOR_NOISE]
    for at in np.sort(drawn).tolist():
        now, then = after.confidence[at], before.confidence[rows[at]]
        new = ~np.isin(now.indices, then.indices)
        yield int(rows[at]), (now.indices[new].astype(np.int64), now.data[new].astype(np.float64))


def _residuals(
    equations: NormalEquations,
    model: Recommender,
    before: Interactions,
    row: int,
    items: Ints,
    confidence: Floats,
) -> tuple[Floats, Floats, Floats]:
    if equations.only_likes:
        items, confidence = items[confidence > 0], confidence[confidence > 0]
    known = before.confidence[row]
    inverse = equations.inverse(known.indices.astype(np.int64), known.data.astype(np.float64))
    taste = _tastes(model, before, np.array([row]))[0]
    factors = equations.factors[items]
    residual = (confidence > 0).astype(np.float64) - factors @ taste
    return residual, np.abs(confidence), leverage(inverse, factors)


def _joined(parts: list[Candidates]) -> Candidates:
    empty = Candidates(
        np.empty(0, dtype=np.int64),
        np.empty(0, dtype=np.int64),
        np.empty(0, dtype=bool),
        np.empty(0),
        np.empty(0),
    )
    columns = zip(*(vars(part).values() for part in [empty, *parts]), strict=True)
    return Candidates(*(np.concatenate(column) for column in columns))
