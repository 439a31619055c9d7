"""The figures of a run in MLflow: the model's own, the others' beside them, the differences, and the loss of each sweep."""

from __future__ import annotations

from typing import Protocol, runtime_checkable

from revealed.evaluation import Comparison
from revealed.evaluation.compare import DECISIVE
from revealed.training.protocol import Recommender

TRAINING_LOSS = "training_loss"


@runtime_checkable
class HasHistory(Protocol):
    """A model that remembers the loss of each sweep of its training, as (number of the sweep, loss)."""

    history: list[tuple[int, float]]


def metric_name(name: str) -> str:
    """Return a metric's name as MLflow allows it: it knows no `@`."""
    return name.replace("@", "_at_")


def comparison_metrics(comparison: Comparison, name: str) -> dict[str, float]:
    """Return the figures of `name`, the others' under their names, and the differences to them with their intervals.

    `ndcg_at_10` is the model's own, with `ndcg_at_10_low` and `_high`; `champion/ndcg_at_10` the champion's on the same
    users; `minus_champion/ndcg_at_10` the difference, with `_low` and `_high` of its 95 % interval.
    """
    found = {metric_name(key): value for key, value in comparison.metrics[name].items()}
    decisive = metric_name(DECISIVE)
    low, high = comparison.intervals[name]
    found |= {f"{decisive}_low": low, f"{decisive}_high": high}
    for other, values in comparison.metrics.items():
        if other != name:
            found |= {f"{other}/{metric_name(key)}": value for key, value in values.items()}
            found |= _difference(comparison, name, other)
    return found


def loss_history(model: Recommender) -> list[tuple[int, float]]:
    """Return the training loss after each sweep; empty where the model keeps none."""
    return list(model.history) if isinstance(model, HasHistory) else []


def _difference(comparison: Comparison, name: str, other: str) -> dict[str, float]:
    found = comparison.difference(name, other)
    if found is None:
        return {}
    at = f"minus_{other}/{metric_name(found.metric)}"
    return {at: found.estimate, f"{at}_low": found.low, f"{at}_high": found.high}
