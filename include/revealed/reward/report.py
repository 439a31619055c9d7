"""The reward model's card, as Markdown: what it is for, what it reached, and what it must not be taken for."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from revealed.reward.evaluate import RewardEvaluation
from revealed.reward.judgement import Accuracy

_LIMITS = """### Limits
- Utilities compare items of one list; between people or lists they mean nothing.
- Implicit pairs say which of two seen items was engaged with. Their weights take the
  examination curve out, as well as it is known.
- Position and the recommender's score are not features, so that the model beats neither on pairs that position decides.
- Title, text, topic and author are the catalogue's as of the dataset.
- The figures are of a model fitted on the training part; the registered one is the same recipe on all pairs, with its
  temperature."""


def reward_card(
    lineage: Mapping[str, Any],
    evaluation: RewardEvaluation,
    outcomes: Mapping[str, Any],
    weights: Mapping[str, float],
) -> str:
    """Return the card; the same model always has the same card."""
    parts = [
        "## Reward model (Bradley-Terry on features)",
        "A dense estimate of which shown item a person would have preferred, for analysis, off-policy rewards and training"
        " signals. It ranks nothing in service.",
        f"Dataset {lineage['dataset_version']} as of {lineage['as_of']}, signal policy {lineage['policy_version']}."
        f" {evaluation.train_pairs:,} pairs to learn from, {evaluation.test_pairs:,}"
        f" of {evaluation.test_people:,} other people from {evaluation.split_at[:16]} on to test.",
        _accuracies(evaluation),
        f"Log loss {evaluation.log_loss:.4f} ({evaluation.log_loss_uncalibrated:.4f} before calibration; a coin .6931),"
        f" calibration error {evaluation.calibration_error:.4f} ({evaluation.calibration_error_uncalibrated:.4f}), temperature"
        f" {evaluation.temperature:.3f}.",
        _areas(outcomes),
        _weights(weights),
        _LIMITS,
    ]
    return "\n\n".join(parts) + "\n"


def _accuracies(evaluation: RewardEvaluation) -> str:
    rows = dict(evaluation.accuracy)
    if evaluation.explicit:
        rows["reward, explicit pairs"] = evaluation.explicit
    lines = ["| pairwise accuracy | weighted | 95 % interval | unweighted | pairs |", "|---|---|---|---|---|"]
    return "\n".join([*lines, *(_accuracy(name, found) for name, found in rows.items())])


def _accuracy(name: str, found: Accuracy) -> str:
    interval = f"{found.low:.4f} … {found.high:.4f}"
    return f"| {name} | {found.value:.4f} | {interval} | {found.plain:.4f} | {found.pairs:,} |"


def _areas(outcomes: Mapping[str, Any]) -> str:
    lines = [
        "| held-out showings | AUC | AUC within lists | showings | positive |",
        "|---|---|---|---|---|",
    ]
    for name, found in outcomes.items():
        areas = ["-" if found[key] is None else f"{found[key]:.4f}" for key in ("auc", "auc_within_lists")]
        lines.append(f"| {name} | {areas[0]} | {areas[1]} | {found['showings']:,} | {found['positive']:,} |")
    return "\n".join(lines)


def _weights(weights: Mapping[str, float]) -> str:
    lines = ["| feature | log odds for one spread |", "|---|---|"]
    ordered = sorted(weights.items(), key=lambda entry: (-abs(entry[1]), entry[0]))
    return "\n".join([*lines, *(f"| {name} | {value:+.4f} |" for name, value in ordered)])
