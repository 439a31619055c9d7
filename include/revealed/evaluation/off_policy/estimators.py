"""What a policy would have earned a shown item, from a log of another one: five estimators of one value.

Slates are judged place by place (item–position marginals, Li et al., KDD 2018): w = target / logging, the ratio of the
probabilities of this item at this position. With rewards r, predictions q and q's mean over the target's choices d:

    IPS        mean of w r
    clipped    mean of min(w, M) r: less noise, a value too low by what the clipped weights would have carried
    SNIPS      place by place, sum of w r / sum of w, places weighted by their rows (Swaminathan and Joachims, 2015)
    DR         mean of d + w (r - q) (Dudík et al., 2011), q learnt on other people's rows (cross-fitted)
    Switch-DR  the same where w <= M, and d alone elsewhere (Wang et al., 2017)

Each is a function of means of row terms, so that one bootstrap over people serves all of them.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from revealed.evaluation.off_policy.policy_log import Floats, PolicyLog
from revealed.evaluation.off_policy.rewards import FOLDS, fold_of, predict
from revealed.evaluation.off_policy.target import Policy

ESTIMATORS = ("ips", "clipped_ips", "snips", "dr", "switch_dr")
# Beyond this, people are dealt into as many groups: the interval of group sums is the same, and does not grow with the log.
_MOST_GROUPS = 2_000


@dataclass(frozen=True)
class Terms:
    """Sums over groups of people, one row a group.

    Attributes:
        columns: `[groups, columns]`: rows, reward, then the estimators' terms (see `_LINEAR`), then for every position
            its rows, weights and weighted rewards.
        positions: how many positions.
    """

    columns: Floats
    positions: int

    def values(self, means: Floats) -> Floats:
        """Return `[..., estimators]` from `[..., columns]` means (or sums) of the columns, in the order of `ESTIMATORS`."""
        rows = means[..., 0]
        linear = {name: means[..., at] / rows for at, name in enumerate(_LINEAR, start=1)}
        return np.stack(
            [self._snips(means) if name == "snips" else linear[name] for name in ESTIMATORS], axis=-1
        )

    def logging_value(self, means: Floats) -> Floats:
        """Return `[...]`, what the logging policy earned a shown item."""
        earned: Floats = means[..., 1] / means[..., 0]
        return earned

    def mean_weight(self, means: Floats) -> Floats:
        """Return `[...]`, the mean weight; 1 where the logged propensities are the marginals and cover the target."""
        start = 1 + len(_LINEAR)
        weights: Floats = means[..., start + self.positions : start + 2 * self.positions].sum(axis=-1)
        return np.asarray(weights / means[..., 0])

    def _snips(self, means: Floats) -> Floats:
        start = 1 + len(_LINEAR)
        rows, weight, earned = (
            means[..., start + part * self.positions : start + (part + 1) * self.positions]
            for part in range(3)
        )
        value = np.divide(earned, weight, out=np.zeros_like(earned), where=weight > 0)
        found: Floats = (rows * value).sum(axis=-1) / rows.sum(axis=-1)
        return found


_LINEAR = ("logging", "ips", "clipped_ips", "dr", "switch_dr")


def terms(log: PolicyLog, target: Policy, weight: Floats, clip: float, seed: int) -> Terms:
    """Return the sums that every estimator is made of, by groups of people."""
    direct, residual = _cross_fitted(log, target, seed)
    by_row = [
        np.ones(log.rows),
        log.reward,
        weight * log.reward,
        np.minimum(weight, clip) * log.reward,
        direct + weight * residual,
        direct + np.where(weight <= clip, weight, 0.0) * residual,
    ]
    group, groups = _groups(log, seed)
    positions = len(log.positions)
    by_position = [
        np.bincount(group * positions + log.position, weights=values, minlength=groups * positions).reshape(
            groups, positions
        )
        for values in (np.ones(log.rows), weight, weight * log.reward)
    ]
    sums = [np.bincount(group, weights=values, minlength=groups)[:, None] for values in by_row]
    return Terms(np.concatenate([*sums, *by_position], axis=1), positions)


def bootstrap(columns: Floats, replicates: int, seed: int) -> Floats:
    """Return `[replicates, columns]`: sums over as many groups drawn with replacement."""
    groups = len(columns)
    drawn = np.random.default_rng(seed).multinomial(groups, np.full(groups, 1.0 / groups), size=replicates)
    sums: Floats = drawn.astype(np.float64) @ columns
    return sums


def _cross_fitted(log: PolicyLog, target: Policy, seed: int) -> tuple[Floats, Floats]:
    """Return, for every row, the target's mean prediction and what the row earned beyond its own prediction."""
    fold = fold_of(log, seed)
    direct, own = np.zeros(log.rows), np.zeros(log.rows)
    for number in range(FOLDS):
        here = fold == number
        predicted = predict(log, ~here)
        direct[here] = target.average(predicted, log, here)
        own[here] = predicted[log.context if predicted.shape[0] > 1 else 0, log.position, log.item][here]
    return direct, log.reward - own


def _groups(log: PolicyLog, seed: int) -> tuple[np.ndarray, int]:
    people = int(log.person.max()) + 1
    if people <= _MOST_GROUPS:
        return log.person, people
    return np.random.default_rng(seed + 1).permutation(people)[log.person] % _MOST_GROUPS, _MOST_GROUPS
