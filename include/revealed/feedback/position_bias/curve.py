"""What an estimator says about one surface: a value, an interval or a reason, position by position."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import stdtrit

from revealed.feedback.position_bias.limits import CLICKS_FOR_FIVE_PERCENT, Limits

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]


@dataclass(frozen=True)
class Curve:
    """Examination relative to position 1, one entry a position.

    `examination`, `ci_low` and `ci_high` are NaN where `reasons` says why there is none. `clicks`, `impressions`
    and `ess` are those that the estimator used. `basis` says what it rests on, in words.
    """

    method: str
    positions: Ints
    examination: Floats
    ci_low: Floats
    ci_high: Floats
    clicks: Floats
    impressions: Floats
    ess: Floats
    reasons: tuple[str | None, ...]
    basis: str

    @property
    def estimated(self) -> Bools:
        """Which positions have a value."""
        return np.isfinite(self.examination)

    @property
    def is_whole(self) -> bool:
        """Whether every position has a value."""
        return bool(self.estimated.all())


@dataclass(frozen=True)
class Estimate:
    """Log ratios to position 1 with their standard errors; NaN where there is none, with the reason."""

    log_ratio: Floats
    se: Floats
    reasons: tuple[str | None, ...]
    degrees_of_freedom: float = np.inf


@dataclass(frozen=True)
class Evidence:
    """What an estimate rests on, one entry a position."""

    positions: Ints
    clicks: Floats
    impressions: Floats
    ess: Floats
    basis: str


def make_curve(method: str, estimate: Estimate, evidence: Evidence, limits: Limits) -> Curve:
    """Return the curve with log-normal intervals, positions that are too uncertain refused.

    A curve of position 1 alone says nothing: where no other position can be estimated, position 1 is refused, too.
    """
    reasons = list(estimate.reasons)
    for place, (se, reason) in enumerate(zip(estimate.se, reasons, strict=True)):
        if reason is None and not se <= limits.max_se:
            reasons[place] = too_few_clicks(evidence, place, float(se), limits)
    if all(reasons[1:]):
        reasons[0] = reasons[0] or _first_reason(reasons[1:]) or "there is no second position to compare with"
    refused = np.array([reason is not None for reason in reasons])
    # scipy.stats has the same function, and costs every build a second to import.
    quantile = float(stdtrit(estimate.degrees_of_freedom, 0.5 + limits.confidence / 2))
    middle = np.where(refused, np.nan, estimate.log_ratio)
    half = quantile * np.where(refused, np.nan, estimate.se)
    return Curve(
        method=method,
        positions=evidence.positions,
        examination=np.exp(middle),
        ci_low=np.exp(middle - half),
        ci_high=np.exp(middle + half),
        clicks=evidence.clicks,
        impressions=evidence.impressions,
        ess=evidence.ess,
        reasons=tuple(reasons),
        basis=evidence.basis,
    )


def refused_curve(method: str, evidence: Evidence, reason: str) -> Curve:
    """Return a curve without any value, every position for the same reason."""
    none = np.full(len(evidence.positions), np.nan)
    return Curve(
        method=method,
        positions=evidence.positions,
        examination=none,
        ci_low=none,
        ci_high=none,
        clicks=evidence.clicks,
        impressions=evidence.impressions,
        ess=evidence.ess,
        reasons=tuple([reason] * len(evidence.positions)),
        basis=evidence.basis,
    )


def too_few_clicks(evidence: Evidence, place: int, se: float, limits: Limits) -> str:
    """Return the refusal of an uncertain position, with what would be needed."""
    here, first = int(evidence.clicks[place]), int(evidence.clicks[0])
    found = f"position {evidence.positions[place]} has {here} usable clicks, position 1 has {first}"
    if np.isfinite(se):
        found += f": the standard error of their log ratio is {se:.2f}, more than {limits.max_se:g}"
    return (
        f"{found}; with even weights about {limits.min_clicks} clicks a position are needed at all,"
        f" {CLICKS_FOR_FIVE_PERCENT} for 5 %"
    )


def totals(index: Ints, values: Floats, size: int = 0) -> Floats:
    """Return the sum of `values` by `index`, in the order in which they come."""
    return np.bincount(index, values, size).astype(np.float64)


def grouped(*keys: Ints) -> tuple[list[Ints], Ints]:
    """Return the distinct combinations of the keys, one array a key, and which combination each row has."""
    numbered = [np.unique(key, return_inverse=True) for key in keys]
    shape = tuple(max(len(values), 1) for values, _ in numbered)
    code = np.ravel_multi_index(tuple(number.ravel() for _, number in numbered), shape)
    distinct, row = np.unique(code, return_inverse=True)
    places = np.unravel_index(distinct, shape)
    return [values[place] for (values, _), place in zip(numbered, places, strict=True)], row.ravel()


def _first_reason(reasons: list[str | None]) -> str | None:
    return next((reason for reason in reasons if reason), None)
