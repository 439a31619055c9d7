"""The model card (Mitchell et al. 2019): what a model is for, knows and reached, and where it ends. Every line from data."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from revealed.evaluation import Comparison
from revealed.evaluation.compare import DECISIVE
from revealed.feedback import DatasetManifest
from revealed.registry.client import MODEL_NAME
from revealed.registry.outcome_tables import outcome_sections
from revealed.registry.report import champion_line, comparison_table
from revealed.training.matrix import Interactions
from revealed.training.protocol import Recommender

if TYPE_CHECKING:
    from revealed.training.candidates import Trial
    from revealed.training.champion import ChampionEntry
    from revealed.training.device import Device
    from revealed.training.refresh import Fit
    from revealed.training.tuning import Tuning

MODEL_CARD = "model_card.md"
# A test of fewer users leaves differences of some hundredths of NDCG undecided.
_FEW_TEST_USERS = 200
_BEST_TRIALS = 4


@dataclass(frozen=True)
class CardFacts:
    """What a model card is written from.

    Attributes:
        model: as it is registered, fitted on `data`.
        data: everything that was known at the dataset's as-of moment.
        tuning, fit: how its parameters were chosen, and whether it was fitted from nothing.
        code_revision: of the code that trained it.
    """

    dataset: DatasetManifest
    model: Recommender
    data: Interactions
    trial: Trial
    champion: ChampionEntry | None
    tuning: Tuning
    fit: Fit
    device: Device
    code_revision: str


def model_card(facts: CardFacts) -> str:
    """Return the card as Markdown."""
    champion = facts.champion
    parts = [
        f"# Model card: {facts.model.name}",
        _purpose(facts),
        "## Data\n\n" + _facts_table(_data_facts(facts.dataset, facts.data)),
        "## Training\n\n" + _facts_table(_training_facts(facts)),
        f"## Figures\n\n{facts.trial.because}.",
        comparison_table(facts.trial.comparison, facts.trial.chosen),
        champion_line(champion.version if champion else None, champion.how if champion else ""),
        *outcome_sections(facts.trial),
        "## Known limits\n\n" + "\n".join(f"* {limit}" for limit in _limits(facts)),
        "## The way back\n\n" + _way_back(),
    ]
    return "\n\n".join(parts) + "\n"


def _purpose(facts: CardFacts) -> str:
    return (
        f"Ranks {len(facts.model.items):,} items for {len(facts.data.users):,} users from what they did, for the"
        f" snapshot that services read. It is registered as a version of `{MODEL_NAME}`, and serves nobody before a"
        " person has approved it."
    )


def _data_facts(dataset: DatasetManifest, data: Interactions) -> dict[str, str]:
    stored = data.confidence.data
    facts = {
        "dataset version": f"`{dataset.version}`",
        "knows what was received before": f"{dataset.as_of:%Y-%m-%d %H:%M} UTC",
        "compared on": f"{dataset.split:%Y-%m-%d} to {dataset.as_of:%Y-%m-%d} ({dataset.holdout_days} days),"
        " by models that knew nothing of these days",
        "signal policy": f"`{dataset.policy_version}`",
        "users, items": f"{len(data.users):,}, {len(data.items):,}",
        "pairs": f"{len(stored):,}: {int((stored > 0).sum()):,} liked, {int((stored < 0).sum()):,} not",
        "written by code revision": f"`{dataset.code_revision}`",
    }
    if dataset.audit:
        found = dataset.audit
        facts["audit of the warehouse"] = (
            f"{'passed' if found.get('passed') else 'FAILED'}, {found.get('checks', 0)} checks"
        )
    return facts


def _training_facts(facts: CardFacts) -> dict[str, str]:
    found = {
        "fit": f"{facts.fit.how}: {facts.fit.because}",
        "parameters": ", ".join(f"{name} = {value}" for name, value in facts.model.parameters.items())
        or "none",
        "tuning": facts.tuning.how,
        "device": f"{facts.device.name}: {facts.device.reason}",
        "code revision": f"`{facts.code_revision}`",
    }
    tried = sorted(facts.tuning.tried, key=lambda trial: -trial["value"])[:_BEST_TRIALS]
    return found | ({f"best trials ({DECISIVE})": "; ".join(map(_trial, tried))} if tried else {})


def _trial(tried: Mapping[str, Any]) -> str:
    values = ", ".join(
        f"{name} {value:.4g}" for name, value in tried.items() if name not in ("value", "state")
    )
    return f"{tried['value']:.4f} with {values}"


def _limits(facts: CardFacts) -> list[str]:
    """Return what the data says about where the model ends; never empty, for every test has a size."""
    comparison, chosen = facts.trial.comparison, facts.trial.chosen
    return [
        *_test_limits(comparison, facts.trial.newcomers),
        *_difference_limits(comparison, chosen),
        *_reach_limits(comparison.metrics[chosen], chosen),
        *_data_limits(facts),
        *_value_limits(facts.trial),
    ]


def _test_limits(comparison: Comparison, newcomers: int) -> list[str]:
    few = comparison.users < _FEW_TEST_USERS
    found = [
        f"{'Only ' if few else ''}{comparison.users:,} users and {comparison.test_pairs:,} liked items were tested on."
    ]
    if newcomers:
        found.append(f"{newcomers:,} users arrived within the test days and are not in the figures.")
    return found


def _difference_limits(comparison: Comparison, chosen: str) -> list[str]:
    return [
        f"Not clearly better than {name}: the interval of the difference, {found.low:+.4f} … {found.high:+.4f},"
        " holds zero."
        for name in comparison.metrics
        if (found := comparison.difference(chosen, name)) and found.low <= 0 <= found.high
    ]


def _reach_limits(metrics: Mapping[str, float], chosen: str) -> list[str]:
    found = []
    if chosen == "popularity":
        found.append("Shows everybody the same items, except for those already seen.")
    if "coverage@10" in metrics:
        found.append(f"Of the catalogue, {1 - metrics['coverage@10']:.1%} is in no test user's first ten.")
    lift = metrics.get("popularity_lift@10")
    if lift is not None and lift > 0:
        found.append(f"Shows more popular items than people chose: popularity lift {lift:+.1%}.")
    return found


def _data_limits(facts: CardFacts) -> list[str]:
    likes = (facts.data.confidence > 0).sum(axis=1)
    without = int((likes == 0).sum())
    found = []
    if without:
        found.append(
            f"{without:,} of {len(facts.data.users):,} users like nothing yet; they get lists from elsewhere."
        )
    if not facts.dataset.is_audited:
        found.append("The dataset does not come from an audited warehouse.")
    if facts.tuning.how.startswith("not tuned"):
        found.append(f"The parameters are defaults: {facts.tuning.how}.")
    return found


def _value_limits(trial: Trial) -> list[str]:
    value = trial.off_policy.values.get(trial.chosen)
    if trial.off_policy.reason:
        return [f"What it would earn is not known: {trial.off_policy.reason}."]
    if value and value.verdict != "estimated":
        return [f"What it would earn is not known: {value.reason}."]
    return []


def _way_back() -> str:
    return (
        "`revealed model rollback --publish --note WHY` puts the previous champion back in service and publishes its lists;"
        " `revealed model history` says who decided what. Before approval: `revealed model reject --note WHY`."
    )


def _facts_table(facts: Mapping[str, Any]) -> str:
    return "\n".join(["| | |", "|---|---|", *(f"| {name} | {value} |" for name, value in facts.items())])
