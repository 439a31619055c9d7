"""The value of a policy from another one's log, with intervals, or why the log cannot tell."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from revealed.errors import UsageError
from revealed.evaluation.off_policy.estimators import ESTIMATORS, Terms, bootstrap, terms
from revealed.evaluation.off_policy.policy_log import Floats, PolicyLog
from revealed.evaluation.off_policy.support import Support, SupportLimits, effective_sample_size
from revealed.evaluation.off_policy.target import Policy

ESTIMATED, REFUSED = "estimated", "refused"
_REPLICATES = 1_000
_SEED = 7
_CAPPED = ("clipped_ips", "switch_dr")
_PLAIN = ("ips", "clipped_ips")


@dataclass(frozen=True)
class Value:
    """What one estimator says; the numbers are None where it is refused.

    Attributes:
        estimator: one of `ESTIMATORS`, or `logging` for what the log itself earned.
        verdict, reason: `estimated`, or `refused` and why.
        estimate, ci_low, ci_high: reward a shown item, and its 95 % interval (percentile bootstrap over people), wider by what
            could not have been shown, where some may be (`SupportLimits.max_missing`).
        ess, max_weight: of the weights that this estimator uses.
    """

    estimator: str
    verdict: str
    reason: str
    estimate: float | None
    ci_low: float | None
    ci_high: float | None
    ess: float
    max_weight: float


@dataclass(frozen=True)
class PolicyValue:
    """The answer for one policy.

    Attributes:
        target: the policy's name.
        verdict, reason: `estimated`, or `refused` with everything that is missing.
        logging: what the logging policy earned, on the same rows.
        estimators: one entry an estimator.
        support: the weights' diagnostics.
    """

    target: str
    verdict: str
    reason: str
    logging: Value
    estimators: list[Value]
    support: Support

    def by(self, estimator: str) -> Value:
        """Return what one of the estimators says."""
        return next(found for found in self.estimators if found.estimator == estimator)

    def to_dict(self) -> dict[str, Any]:
        """Return plain JSON values."""
        return asdict(self)


@dataclass(frozen=True)
class Evaluated:
    """A policy's value, and the bootstrap's draws of every estimator, `[replicates, estimators]`, for paired differences."""

    value: PolicyValue
    draws: Floats


def evaluate_policy(
    log: PolicyLog,
    target: Policy,
    *,
    clip: float | None = None,
    limits: SupportLimits | None = None,
    replicates: int = _REPLICATES,
    seed: int = _SEED,
) -> PolicyValue:
    """Estimate what `target` would have earned a shown item, had it chosen in the log's place.

    Args:
        log: what was shown, with rank-marginal propensities.
        target: the policy asked about.
        clip: largest weight of the capped estimators; by default the root of the rows (Ionides, 2008).
        limits: when to refuse.
        replicates: of the bootstrap.
        seed: of the folds and the bootstrap.

    Raises:
        UsageError: `clip` is not positive.
    """
    if clip is not None and not clip > 0:
        raise UsageError(f"a largest weight of {clip} means nothing", remedy="--clip takes a number above 0")
    return evaluated(log, target, clip=clip, limits=limits, replicates=replicates, seed=seed).value


def evaluated(
    log: PolicyLog,
    target: Policy,
    *,
    clip: float | None = None,
    limits: SupportLimits | None = None,
    replicates: int = _REPLICATES,
    seed: int = _SEED,
) -> Evaluated:
    """Return what `evaluate_policy` does, with the draws: the same log and seed draw the same people for every policy."""
    cap = clip or math.sqrt(log.rows)
    weight = target.propensity(log) / log.propensity
    parts = terms(log, target, weight, cap, seed)
    drawn = bootstrap(parts.columns, replicates, seed)
    support = Support.of_weights(
        weight,
        people=len(parts.columns),
        mean_weight_se=float(parts.mean_weight(drawn).std()),
        supported=target.supported(log),
        clip=cap,
    )
    limits = limits or SupportLimits()
    refusals = support.refusals(limits)
    value = PolicyValue(
        target=target.name,
        verdict=REFUSED if refusals else ESTIMATED,
        reason="; ".join(refusals),
        logging=_logging(log, parts, drawn),
        estimators=_estimates(weight, parts, drawn, support, limits),
        support=support,
    )
    return Evaluated(value, parts.values(drawn))


def _estimates(
    weight: Floats, parts: Terms, drawn: Floats, support: Support, limits: SupportLimits
) -> list[Value]:
    sums = parts.columns.sum(axis=0)
    values, spread = parts.values(sums), parts.values(drawn)
    whole = "; ".join(support.refusals(limits))
    open_value = unknown_value(support, limits, float(parts.logging_value(sums)))
    found = []
    for at, name in enumerate(ESTIMATORS):
        used = np.minimum(weight, support.clip) if name in _CAPPED else weight
        reason = whole or (support.clipping_refusal(limits) if name in _CAPPED else "")
        size, largest = effective_sample_size(used), float(used.max())
        below, above = (0.0, 2 * open_value) if name in _PLAIN else (open_value, open_value)
        found.append(_value(name, reason, float(values[at]), spread[:, at], size, largest, below, above))
    return found


def unknown_value(support: Support, limits: SupportLimits, average: float) -> float:
    """Return how far what could not have been shown may put a value off, in reward a shown item.

    It earns between nothing and twice the average (rewards are not negative). Plain weighted means count it as nothing, which
    is the lower bound; the others put something like the average in its place, and may be wrong either way.

    Args:
        support: of the weights.
        limits: where nothing may be missing, nothing is left open.
        average: what the logging policy earned a shown item.
    """
    return support.missing * average if limits.max_missing else 0.0


def _logging(log: PolicyLog, parts: Terms, drawn: Floats) -> Value:
    value = float(parts.logging_value(parts.columns.sum(axis=0)))
    return _value("logging", "", value, parts.logging_value(drawn), float(log.rows), 1.0)


def _value(
    name: str,
    reason: str,
    estimate: float,
    spread: Floats,
    ess: float,
    largest: float,
    below: float = 0.0,
    above: float = 0.0,
) -> Value:
    """Return an entry; the interval reaches as much further `below` and `above` as is not known."""
    if reason:
        return Value(name, REFUSED, reason, None, None, None, ess, largest)
    low, high = (float(bound) for bound in np.quantile(spread, [0.025, 0.975]))
    return Value(name, ESTIMATED, "", estimate, low - below, high + above, ess, largest)
