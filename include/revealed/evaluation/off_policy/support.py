"""Whether a log can answer for a policy at all: sample size, single rows that decide, choices the log never made."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from revealed.evaluation.off_policy.policy_log import Floats


@dataclass(frozen=True)
class SupportLimits:
    """Thresholds below which a value is refused rather than guessed.

    Attributes:
        min_ess: smallest effective sample size (Kish), in rows.
        min_ess_share: the same, as a share of the rows.
        max_weight_share: largest share that one row may have in all weights.
        min_supported: smallest share of the target's choices that the log shows at least once.
        max_drift_se: how many standard errors the mean weight may be from 1.
        max_clipped: largest share of the weight that clipping may take away.
        min_people: fewest people (or groups of them) that an interval is computed from.
        max_missing: how far below 1 the mean weight may be beside: the share of the target's choices that the people of the log
            could not have been shown, and whose value the intervals must then leave open.
    """

    min_ess: float = 200.0
    min_ess_share: float = 0.01
    max_weight_share: float = 0.05
    min_supported: float = 0.99
    max_drift_se: float = 3.0
    max_clipped: float = 0.05
    min_people: int = 20
    max_missing: float = 0.0


@dataclass(frozen=True)
class Support:
    """What the weights of a log look like.

    Attributes:
        rows, people: how many.
        ess: (sum of w)² / sum of w², in rows.
        max_weight, max_weight_share: the largest weight, and its share in all.
        mean_weight, mean_weight_se: 1 in expectation, and the standard error over people.
        supported: the share of the target's choices that the log ever shows.
        clip, clipped: the largest weight that the clipped estimators use, and the share of the weight beyond it.
    """

    rows: int
    people: int
    ess: float
    max_weight: float
    max_weight_share: float
    mean_weight: float
    mean_weight_se: float
    supported: float
    clip: float
    clipped: float

    @classmethod
    def of_weights(
        cls, weight: Floats, *, people: int, mean_weight_se: float, supported: float, clip: float
    ) -> Support:
        """Return the diagnostics of some weights."""
        total = float(weight.sum())
        return cls(
            rows=len(weight),
            people=people,
            ess=effective_sample_size(weight),
            max_weight=float(weight.max()),
            max_weight_share=float(weight.max()) / total if total else 1.0,
            mean_weight=total / len(weight),
            mean_weight_se=mean_weight_se,
            supported=supported,
            clip=clip,
            clipped=float((weight - np.minimum(weight, clip)).sum()) / total if total else 0.0,
        )

    @property
    def missing(self) -> float:
        """The share of the target's choices that could not have been shown where they would be: what mean weight lacks to 1."""
        return max(0.0, 1.0 - self.mean_weight)

    def refusals(self, limits: SupportLimits) -> list[str]:
        """Return why no estimator may speak, and what would be needed; nothing if the log carries an answer."""
        return [
            said
            for said in (
                self._few_people(limits),
                self._unsupported(limits),
                self._few_rows(limits),
                self._one_row_decides(limits),
                self._wrong_propensities(limits),
            )
            if said
        ]

    def clipping_refusal(self, limits: SupportLimits) -> str:
        """Return why the estimators that cap weights may not speak; '' if the cap takes little."""
        if self.clipped <= limits.max_clipped:
            return ""
        return (
            f"the cap of {self.clip:,.1f} takes away {self.clipped:.1%} of the weight, more than {limits.max_clipped:.0%}, and "
            "with it a part of the value that no interval shows; raise it (--clip)"
        )

    def _few_people(self, limits: SupportLimits) -> str:
        if self.people >= limits.min_people:
            return ""
        return f"{self.people} people are too few for an interval; at least {limits.min_people} are needed"

    def _unsupported(self, limits: SupportLimits) -> str:
        if self.supported >= limits.min_supported:
            return ""
        return (
            f"{1 - self.supported:.1%} of what the policy would show, the log never shows there; at most "
            f"{1 - limits.min_supported:.0%} may be; explore these items, or ask about a policy that keeps to the log's"
        )

    def _few_rows(self, limits: SupportLimits) -> str:
        needed = max(limits.min_ess, limits.min_ess_share * self.rows)
        if self.ess >= needed:
            return ""
        takes = "a policy nearer to the logging one, or more exploration"
        if needed == limits.min_ess and self.ess:
            takes = f"about {math.ceil(self.rows * needed / self.ess):,} rows like these, or {takes}"
        return (
            f"the weights leave an effective sample of {self.ess:,.1f} of {self.rows:,} rows, below {needed:,.0f}: it "
            f"takes {takes}"
        )

    def _one_row_decides(self, limits: SupportLimits) -> str:
        if self.max_weight_share <= limits.max_weight_share:
            return ""
        return (
            f"one row has {self.max_weight_share:.1%} of all weight (weight {self.max_weight:,.0f}); at most "
            f"{limits.max_weight_share:.0%} may be: its propensity is too small for this policy"
        )

    def _wrong_propensities(self, limits: SupportLimits) -> str:
        allowed = limits.max_missing if self.mean_weight < 1.0 else 0.0
        drift = abs(self.mean_weight - 1.0) - allowed
        # Equal policies have a mean weight of exactly 1 and no spread: rounding is no drift.
        if drift <= limits.max_drift_se * self.mean_weight_se + 1e-6:
            return ""
        found = f"the mean weight is {self.mean_weight:.3f} ± {self.mean_weight_se:.3f}, not 1"
        if not allowed:
            return (
                f"{found}: the logged propensity is not the "
                "probability of this item at this position (or leaves out choices); log rank marginals"
            )
        return (
            f"{found}: {self.missing:.0%} of what the policy would show, these people could not have been shown, and at most "
            f"{allowed:.0%} may be (or the logged propensities are no rank marginals); draw from deeper pools, or ask about "
            "lists that are nearer to the log's"
        )


def effective_sample_size(weight: Floats) -> float:
    """Return Kish's effective sample size, (sum of w)² / sum of w²; 0 without weight."""
    squares = float((weight**2).sum())
    return float(weight.sum()) ** 2 / squares if squares else 0.0
