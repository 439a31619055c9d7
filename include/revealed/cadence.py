"""When a model is due: counted in days of data, not on the wall clock.

A schedule of its own would train twice on the same data after an outage, and never during a backfill.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from revealed.settings import Settings


@dataclass(frozen=True)
class TrainingDecision:
    """Whether to train now, and why or why not."""

    due: bool
    reason: str


def decide_training(
    as_of: datetime,
    last_trained: datetime | None,
    *,
    every_days: int,
    forced: bool = False,
    drifted: bool = False,
) -> TrainingDecision:
    """Return whether the dataset as of `as_of` asks for a new model.

    Args:
        as_of: the moment up to which the newest dataset knows.
        last_trained: the as-of moment of the dataset that the newest model saw; None when there is no champion.
        every_days: how many days of data a model may miss.
        forced: a person asked for it.
        drifted: the feedback has changed too much.
    """
    if forced:
        return TrainingDecision(True, "asked for by hand")
    if last_trained is None:
        return TrainingDecision(True, "there is no champion yet")
    if drifted:
        return TrainingDecision(True, "the feedback has drifted")
    missed = as_of - last_trained
    if missed >= timedelta(days=every_days):
        return TrainingDecision(True, f"the last model misses {missed.days} days of data")
    return TrainingDecision(
        False, f"the last model misses {max(missed.days, 0)} days of data, fewer than {every_days}"
    )


def decide_next_training(
    settings: Settings, *, forced: bool = False, drifted: bool = False
) -> TrainingDecision:
    """Return whether the newest dataset asks for a new model, given what the registry holds.

    Raises:
        MissingInputError: there is no dataset.
        RegistryError: MLflow is out of reach.
    """
    from revealed import registry
    from revealed.feedback import read_dataset

    as_of = read_dataset(settings).as_of
    last = registry.last_trained(settings) if registry.has_champion(settings) else None
    return decide_training(
        as_of, last, every_days=settings.retrain_every_days, forced=forced, drifted=drifted
    )
