"""Whose showings can tell of some policies: a log may hold those of several systems, which draw from items of their own."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from revealed.evaluation.off_policy import PolicyLog, ServedPools, SupportLimits
from revealed.training.logged_showings import LoggedShowings


def heard_rows(
    showings: LoggedShowings, policies: Sequence[ServedPools], limits: SupportLimits
) -> NDArray[np.bool_]:
    """Return which of the log's rows come from loggers that can show what all these policies would; all if there is none.

    A logger is heard unless its mean weight is clearly too low: then it draws from other items, and its showings would say
    nothing of what is missing. Rewards take no part in the choice.

    Args:
        showings: the log.
        policies: whose comparison decides.
        limits: how much may be missing.
    """
    heard = np.ones(len(showings.loggers), dtype=bool)
    for policy in policies:
        weight = policy.propensity(showings.log) / showings.log.propensity
        mean, error = _mean_weights(weight, showings)
        heard &= mean + limits.max_drift_se * error >= 1.0 - limits.max_missing
    rows = heard[showings.logger]
    return rows if rows.any() else np.ones(len(rows), dtype=bool)


def only(log: PolicyLog, rows: NDArray[np.bool_]) -> PolicyLog:
    """Return the chosen rows of a log; people are numbered anew, for those who are left."""
    columns = ("item", "position", "context", "person", "propensity", "reward")
    kept = {name: getattr(log, name)[rows] for name in columns}
    kept["person"] = np.unique(kept["person"], return_inverse=True)[1]
    return replace(log, **kept)


def _mean_weights(weight: NDArray[np.float64], showings: LoggedShowings) -> tuple[NDArray[np.float64], ...]:
    """Return each logger's mean weight, and its standard error over people."""
    loggers, people = len(showings.loggers), len(showings.rows)
    count = np.maximum(np.bincount(showings.logger, minlength=loggers), 1)
    mean = np.bincount(showings.logger, weights=weight, minlength=loggers) / count
    cell = showings.logger * people + showings.log.person
    beyond = np.bincount(cell, weights=weight - mean[showings.logger], minlength=loggers * people)
    return mean, np.sqrt((beyond.reshape(loggers, people) ** 2).sum(axis=1)) / count
