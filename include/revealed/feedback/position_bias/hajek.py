"""The examination curve from logged propensities: Hájek's ratio, which needs no model of relevance.

A policy that could have shown every candidate at every position tells relevance and position apart by itself:

    theta_k = [sum of c / p] / [sum of 1 / p]   over the impressions at position k, relative to position 1,

p the rank marginal, the probability of this item at this position. Several policies are estimated each by itself and
averaged with weights that do not depend on the position, so that it does not matter that they saw different requests.

Intervals are clustered by people, whose clicks are not independent: people are dealt into groups by a hash, sums are
kept by group, and the variance of the log ratio is the sum over groups of its squared linear influence (delta method
with cluster sums). A bootstrap of the same groups gives the same interval for a thousand times the work, and its seed.
"""

from __future__ import annotations

from dataclasses import dataclass, fields

import numpy as np

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

_STANDARD_ERRORS = 4.0


@dataclass(frozen=True)
class WeightSums:
    """Sums over impressions with a logged propensity, one entry a (policy, group of people, position).

    `weight` is the sum of 1/p, `squared_weight` of 1/p², `clicked_*` the same over clicked impressions.
    """

    policy: Ints
    group: Ints
    position: Ints
    impressions: Floats
    clicks: Floats
    weight: Floats
    squared_weight: Floats
    max_weight: Floats
    clicked_weight: Floats
    clicked_squared_weight: Floats

    @classmethod
    def of_impressions(
        cls, policy: Ints, group: Ints, position: Ints, propensity: Floats, clicked: Bools
    ) -> WeightSums:
        """Return the sums of single impressions, as the warehouse makes them."""
        keys, row = grouped(policy, group, position)
        weight, size = 1.0 / propensity, len(keys[0])

        def total(values: Floats) -> Floats:
            return totals(row, values, size)

        largest = np.zeros(size)
        np.maximum.at(largest, row, weight)
        click = clicked.astype(np.float64)
        return cls(
            policy=keys[0],
            group=keys[1],
            position=keys[2],
            impressions=total(np.ones(len(row))),
            clicks=total(click),
            weight=total(weight),
            squared_weight=total(weight**2),
            max_weight=largest,
            clicked_weight=total(click * weight),
            clicked_squared_weight=total(click * weight**2),
        )


@dataclass(frozen=True)
class _Sums:
    """`[policies, positions]` totals, and `[policies, groups, positions]` where groups matter."""

    impressions: Floats
    clicks: Floats
    weight: Floats
    squared_weight: Floats
    max_weight: Floats
    clicked_weight: Floats
    clicked_squared_weight: Floats
    weight_by_group: Floats
    clicked_by_group: Floats

    @property
    def ess(self) -> Floats:
        """Kish's effective sample size of the weights."""
        return _ratio(self.weight**2, self.squared_weight)

    def only(self, policies: Bools) -> _Sums:
        """Return the sums of some of the policies."""
        return _Sums(**{field.name: getattr(self, field.name)[policies] for field in fields(self)})


def hajek_curve(
    sums: WeightSums, positions: Ints, names: tuple[str, ...] = (), limits: Limits | None = None
) -> Curve:
    """Return the curve over `positions` (ascending, from 1).

    Policies whose propensities cannot carry an estimate (no randomisation, too small an effective sample, one
    impression that weighs too much, 1/p that drifts with the position) are left out; with none left, all is refused.

    Args:
        sums: by policy (an index into `names`), group of people and position.
        positions: every position of the surface.
        names: what policies are called in reasons.
        limits: thresholds; see `Limits`.
    """
    limits = limits or Limits()
    table = _tabulate(sums, positions)
    names = names or tuple(f"policy {n}" for n in range(len(table.weight)))
    verdicts = [_objection(table, policy, positions, limits) for policy in range(len(table.weight))]
    fit = np.array([verdict is None for verdict in verdicts], dtype=bool)
    left_out = [f"{name}: {verdict}" for name, verdict in zip(names, verdicts, strict=True) if verdict]
    used = table.only(fit)
    basis = "policies " + ", ".join(name for name, good in zip(names, fit, strict=True) if good)
    evidence = Evidence(
        positions=positions,
        clicks=used.clicks.sum(axis=0),
        impressions=used.impressions.sum(axis=0),
        ess=used.ess.sum(axis=0),
        basis="; left out ".join([basis, *left_out]) if fit.any() else "",
    )
    if not len(fit):
        return refused_curve("hajek", evidence, "no impression carries a propensity")
    if not fit.any():
        return refused_curve("hajek", evidence, "; ".join(left_out))
    return make_curve("hajek", _estimate(used, limits), evidence, limits)


def _tabulate(sums: WeightSums, positions: Ints) -> _Sums:
    _, policy = np.unique(sums.policy, return_inverse=True)
    _, group = np.unique(sums.group, return_inverse=True)
    place = np.searchsorted(positions, sums.position)
    shape = (int(policy.max(initial=-1)) + 1, int(group.max(initial=-1)) + 1, len(positions))

    def table(values: Floats) -> Floats:
        filled = np.zeros(shape)
        np.add.at(filled, (policy, group, place), values)
        return filled

    largest = np.zeros((shape[0], shape[2]))
    np.maximum.at(largest, (policy, place), sums.max_weight)
    by_group, clicked_by_group = table(sums.weight), table(sums.clicked_weight)
    return _Sums(
        impressions=table(sums.impressions).sum(axis=1),
        clicks=table(sums.clicks).sum(axis=1),
        weight=by_group.sum(axis=1),
        squared_weight=table(sums.squared_weight).sum(axis=1),
        max_weight=largest,
        clicked_weight=clicked_by_group.sum(axis=1),
        clicked_squared_weight=table(sums.clicked_squared_weight).sum(axis=1),
        weight_by_group=by_group,
        clicked_by_group=clicked_by_group,
    )


def _objection(table: _Sums, policy: int, positions: Ints, limits: Limits) -> str | None:
    """Return why this policy's propensities cannot be used, or None. Looks at weights only, never at clicks."""
    shown = table.impressions[policy] > 0
    if not shown[0] or shown.sum() < 2:
        return "shown at position 1 only" if shown[0] else "never shown at position 1"
    n, weight = table.impressions[policy][shown], table.weight[policy][shown]
    ess, heaviest = table.ess[policy][shown], table.max_weight[policy][shown] / weight
    reach, relative_se = weight / n, np.sqrt(np.maximum(1.0 / ess - 1.0 / n, 0.0))
    slots = int(shown.sum())
    if np.any(reach * (1.0 + 2.0 * relative_se) < slots):
        return (
            f"1/propensity averages {reach.min():.1f}, but a slate of {slots} whose items could each stand at every"
            f" position needs {slots} or more: not randomised over the whole slate"
        )
    needed = np.maximum(limits.min_ess, limits.min_ess_share * n)
    worst = int(np.argmin(ess / needed))
    if ess[worst] < needed[worst]:
        at = f"position {positions[shown][worst]}"
        return f"effective sample size {ess[worst]:.0f} of {n[worst]:.0f} at {at}, {needed[worst]:.0f} needed"
    if heaviest.max() > limits.max_weight_share:
        return (
            f"one impression carries {heaviest.max():.0%} of a position's weight,"
            f" at most {limits.max_weight_share:.0%} is safe"
        )
    return _drift(reach, relative_se, positions[shown], limits)


def _drift(reach: Floats, relative_se: Floats, positions: Ints, limits: Limits) -> str | None:
    """Rank marginals add up to the same number of candidates at every position; what does not is something else."""
    apart = np.abs(np.log(reach / reach[0]))
    noise = _STANDARD_ERRORS * np.hypot(relative_se, relative_se[0])
    worst = int(np.argmax(np.where(apart > noise, apart, 0.0)))
    if apart[worst] <= max(np.log(limits.max_drift), noise[worst]):
        return None
    return (
        f"1/propensity averages {reach[0]:.1f} at position 1 and {reach[worst]:.1f} at position {positions[worst]}:"
        " these are not the probabilities of (item, position)"
    )


def _estimate(used: _Sums, limits: Limits) -> Estimate:
    with np.errstate(divide="ignore", invalid="ignore"):
        rate, share, of_policy = _rates(used)
        together = (share * rate).sum(axis=0)
        first = (share * rate[:, :1]).sum(axis=0)
        log_ratio = np.log(together / first)
        residual = used.clicked_by_group - rate[:, None] * used.weight_by_group
        influence = of_policy[:, None] * _ratio(residual, used.weight[:, None])
        by_group = (share[:, None] > 0) * influence
        change = (
            by_group.sum(axis=0) / together - ((share[:, None] > 0) * influence[:, :, :1]).sum(axis=0) / first
        )
        groups = int((used.weight_by_group.sum(axis=(0, 2)) > 0).sum())
        clustered = np.sqrt(groups / max(groups - 1, 1) * (change**2).sum(axis=0))
        counted = np.sqrt(_per_click(used, share, together) + _per_click(used, share, together)[0])
    counted[0] = clustered[0] = 0.0
    reasons: list[str | None] = [None] * len(log_ratio)
    for place in range(len(log_ratio)):
        if not share[:, place].any():
            reasons[place] = "no usable policy shows both this position and position 1"
    if groups < limits.min_groups:
        reasons = [f"{groups} groups of people, {limits.min_groups} needed for an interval"] * len(reasons)
    se = np.maximum(clustered, counted)
    se = np.where(np.isfinite(log_ratio), se, np.inf)
    return Estimate(log_ratio, se, tuple(reasons), float(max(groups - 1, 1)))


def _rates(used: _Sums) -> tuple[Floats, Floats, Floats]:
    """Hájek's rate by policy and position, and the policies' shares: equal at every position that they have."""
    rate = _ratio(used.clicked_weight, used.weight)
    shown = used.impressions > 0
    smallest = np.where(shown, used.ess, np.inf).min(axis=1, keepdims=True)
    return rate, smallest * shown, smallest


def _per_click(used: _Sums, share: Floats, together: Floats) -> Floats:
    """One over the effective number of clicks: a floor that few, heavy clicks cannot talk their way under."""
    squares = (share**2 * _ratio(used.clicked_squared_weight, used.weight**2)).sum(axis=0)
    return np.asarray(squares / together**2, dtype=np.float64)


def _ratio(over: Floats, under: Floats) -> Floats:
    """Return the quotient, 0 where there is nothing to divide by."""
    return np.divide(over, under, out=np.zeros(np.broadcast(over, under).shape), where=under > 0)
