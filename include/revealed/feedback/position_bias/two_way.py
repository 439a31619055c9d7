"""The examination curve without propensities: clicks as Poisson counts of (cell × position).

A cell is a context in which an item's relevance does not depend on where it was shown; clicks in it at position k are
Poisson with mean N gamma_cell theta_k. Maximum likelihood alternates

    gamma_cell = sum of C / sum of N theta,      theta_k = sum of C / sum of N gamma,

and is concave in log theta once gamma is profiled out: given a cell's clicks, they fall on its positions in proportion
to N theta. That likelihood is solved here by Newton's method, a dozen steps to the same maximum that the alternation
takes hundreds of rounds to reach where few cells link two positions.

Intervals are sandwiches over cells, never narrower than the information allows.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.linalg import solve
from scipy.sparse import csr_matrix
from scipy.sparse.csgraph import connected_components

from revealed.feedback.position_bias.curve import (
    Bools,
    Curve,
    Estimate,
    Evidence,
    Floats,
    Ints,
    grouped,
    make_curve,
    refused_curve,
    totals,
)
from revealed.feedback.position_bias.limits import Limits

_STEPS = 60
_TOLERANCE = 1e-10


@dataclass(frozen=True)
class CellCounts:
    """Impressions and clicks, one entry a (cell, position); a pair that occurs twice counts as the sum.

    `comparison` numbers the parts of cells within which the ranker's choice of position was open (`split_by_score`):
    whether the curve can be known at all is judged by them. Without it, by the cells.
    """

    cell: Ints
    position: Ints
    impressions: Floats
    clicks: Floats
    comparison: Ints | None = None

    @property
    def compared(self) -> CellCounts:
        """The counts with their comparisons as cells."""
        cell = self.cell if self.comparison is None else self.comparison
        return CellCounts(cell, self.position, self.impressions, self.clicks)

    @classmethod
    def of_impressions(cls, cell: Ints, position: Ints, clicked: Bools) -> CellCounts:
        """Return the counts of single impressions, as the warehouse makes them."""
        (cells, positions), row = grouped(cell, position)
        impressions = totals(row, np.ones(len(row)), len(cells))
        return cls(cells, positions, impressions, totals(row, clicked.astype(np.float64), len(cells)))

    def only(self, rows: Bools) -> CellCounts:
        """Return some of the entries."""
        part = None if self.comparison is None else self.comparison[rows]
        return CellCounts(
            self.cell[rows], self.position[rows], self.impressions[rows], self.clicks[rows], part
        )


def two_way_curve(
    counts: CellCounts, positions: Ints, basis: str = "cells", limits: Limits | None = None
) -> Curve:
    """Return the curve over `positions` (ascending, from 1).

    Positions that no chain of cells compares with position 1 are refused: whatever their ratio, the clicks would look
    the same. A ranker that always shows an item at one place is refused entirely.
    """
    limits = limits or Limits()
    telling = _telling(counts)
    place = np.searchsorted(positions, telling.position)
    evidence = Evidence(
        positions=positions,
        clicks=totals(place, telling.clicks, len(positions)),
        impressions=totals(place, telling.impressions, len(positions)),
        ess=totals(place, telling.impressions, len(positions)),
        basis=f"{basis}: {len(np.unique(telling.cell))} cells shown at several positions and clicked",
    )
    linked = _linked_to_first(_telling(telling.compared), positions)
    if linked.sum() < 2:
        return refused_curve("poisson", evidence, _disconnected(linked, positions))
    fitted = _fit(_telling(telling.only(linked[place])), positions, linked)
    reasons = tuple(None if good else _disconnected(linked, positions) for good in linked)
    return make_curve("poisson", Estimate(*fitted, reasons), evidence, limits)


def _telling(counts: CellCounts) -> CellCounts:
    """Keep cells that were clicked and shown at two positions or more: the others fit any curve."""
    shown = counts.only(counts.impressions > 0)
    _, cell = np.unique(shown.cell, return_inverse=True)
    clicked = np.bincount(cell, shown.clicks) > 0
    return shown.only((clicked & (np.bincount(cell) > 1))[cell])


def _linked_to_first(counts: CellCounts, positions: Ints) -> Bools:
    """Which positions have a finite ratio to position 1.

    The maximum exists within a strongly connected component of the graph with an edge from j to k wherever a cell that
    was clicked at j was also shown at k (Ford 1957, for paired comparisons): an edge without clicks informs of nothing.
    """
    _, cell = np.unique(counts.cell, return_inverse=True)
    place = np.searchsorted(positions, counts.position)
    shape = (int(cell.max(initial=-1)) + 1, len(positions))
    clicked = counts.clicks > 0
    ones = np.ones(len(cell))
    shown = csr_matrix((ones, (cell, place)), shape=shape)
    clicks = csr_matrix((ones[clicked], (cell[clicked], place[clicked])), shape=shape)
    _, label = connected_components(clicks.T @ shown, directed=True, connection="strong")
    return np.asarray(label == label[0], dtype=bool)


def _fit(counts: CellCounts, positions: Ints, linked: Bools) -> tuple[Floats, Floats]:
    """Return log ratios to position 1 and their standard errors over all positions, NaN where not linked."""
    used = np.flatnonzero(linked)
    place = np.searchsorted(positions[used], counts.position)
    _, cell = np.unique(counts.cell, return_inverse=True)
    model = _Likelihood(counts, cell, place, len(used))
    beta = np.zeros(len(used))
    for _ in range(_STEPS):
        gradient, information, _ = model.derivatives(beta)
        step = np.zeros(len(used))
        step[1:] = solve(information[1:, 1:], gradient[1:], assume_a="sym")
        beta = _climb(model, beta, step)
        if np.abs(step).max() < _TOLERANCE:
            break
    _, information, scatter = model.derivatives(beta)
    covariance = solve(information[1:, 1:], np.eye(len(used) - 1), assume_a="sym")
    robust = covariance @ scatter[1:, 1:] @ covariance
    variance = np.maximum(np.diag(covariance), np.diag(robust))
    log_ratio: Floats = np.full(len(positions), np.nan)
    se: Floats = np.full(len(positions), np.nan)
    log_ratio[used] = beta
    se[used] = np.concatenate([[0.0], np.sqrt(variance)])
    return log_ratio, se


def _climb(model: _Likelihood, beta: Floats, step: Floats) -> Floats:
    """Take Newton's step, halved until it does not go downhill."""
    here = model.value(beta)
    for _ in range(30):
        if model.value(beta + step) >= here - 1e-12 * abs(here):
            return beta + step
        step = step / 2
    return beta


@dataclass(frozen=True)
class _Likelihood:
    """The likelihood of where a cell's clicks fell, given how many there were."""

    counts: CellCounts
    cell: Ints
    place: Ints
    size: int

    def _shares(self, beta: Floats) -> tuple[Floats, Floats]:
        expected = self.counts.impressions * np.exp(beta[self.place])
        return expected / totals(self.cell, expected)[self.cell], totals(self.cell, self.counts.clicks)

    def value(self, beta: Floats) -> float:
        shares, _ = self._shares(beta)
        clicked = self.counts.clicks > 0
        return float(np.sum(self.counts.clicks[clicked] * np.log(shares[clicked])))

    def derivatives(self, beta: Floats) -> tuple[Floats, Floats, Floats]:
        """Return the gradient, the information, and the cells' scattered scores (the sandwich's filling)."""
        shares, clicks = self._shares(beta)
        expected = clicks[self.cell] * shares
        shape = (len(clicks), self.size)
        by_cell = csr_matrix((shares, (self.cell, self.place)), shape=shape)
        weighted = csr_matrix((expected, (self.cell, self.place)), shape=shape)
        spread = (by_cell.T @ weighted).toarray()
        information = np.diag(totals(self.place, expected, self.size)) - spread
        score = csr_matrix((self.counts.clicks - expected, (self.cell, self.place)), shape=shape)
        gradient = totals(self.place, self.counts.clicks - expected, self.size)
        return gradient, information, (score.T @ score).toarray()


def _disconnected(linked: Bools, positions: Ints) -> str:
    if linked.sum() > 1:
        with_first = ", ".join(str(k) for k in positions[linked])
        return f"no chain of cells compares this position with position 1 (only {with_first} are linked by clicks)"
    return (
        "no clicked cell compares position 1 with another: as far as clicks tell, every item has one place in its"
        " context, as under a deterministic ranker; log propensities of a randomised slice, or swap neighbours in one"
    )
