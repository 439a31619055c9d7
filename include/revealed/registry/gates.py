"""What a challenger must pass before a person is asked. Pure functions of the evaluation that was registered with it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from revealed.evaluation import Comparison
from revealed.evaluation.compare import DECISIVE, TOLERANCE, Difference
from revealed.evaluation.tiers import SATISFACTION, Tiers
from revealed.registry.versions import ModelVersion

if TYPE_CHECKING:
    from revealed.training.foresight import Foresight

POPULARITY, CHAMPION = "popularity", "champion"


@dataclass(frozen=True)
class Limits:
    """Where the gates stand; docs/decisions/model-gates.md says why.

    Shares are of the baseline's NDCG@10.
    """

    popularity_tolerance: float = TOLERANCE
    champion_margin: float = 0.10
    cohort_margin: float = 0.20
    popularity_share: float = 0.90
    foresight_tolerance: float = 0.02
    off_policy_margin: float = 0.10
    satisfaction_margin: float = 0.05
    least_coverage: float = 0.01
    least_test_users: int = 20


@dataclass(frozen=True)
class Gate:
    """One gate: what was found, what was asked for, and whether it passed."""

    name: str
    value: str
    limit: str
    passed: bool


def judge(
    evaluation: dict[str, Any],
    version: ModelVersion,
    champion: ModelVersion | None,
    turned_down: ModelVersion | None = None,
    foresight: Foresight | None = None,
    limits: Limits | None = None,
) -> list[Gate]:
    """Return every gate for a registered version.

    Args:
        evaluation: the version's `evaluation.json`.
        version: the challenger.
        champion: who is in service now.
        turned_down: a version of the same model that was rejected or rolled back.
        foresight: what came of repeating its test; None where that was not done.
        limits: where the gates stand.
    """
    limits = limits or Limits()
    comparison, chosen = Comparison.from_dict(evaluation["comparison"]), str(evaluation["chosen"])
    return [
        _undecided(version, turned_down),
        _audited(evaluation),
        _enough_users(comparison, limits),
        _unforeseeing(foresight, limits),
        _beats_popularity(comparison, chosen, limits),
        _covers(comparison, chosen, limits),
        _same_champion(evaluation, champion),
        _not_worse_than_champion(comparison, chosen, limits),
        _forgets_nobody(comparison, chosen, limits),
        _is_no_crowd_pleaser(comparison, chosen, limits),
        _earns_as_much(evaluation, chosen, limits),
        _tiers_agree(evaluation, chosen, limits),
    ]


def _undecided(version: ModelVersion, turned_down: ModelVersion | None) -> Gate:
    """A person's decision stands, also when a schedule trains the same model from the same data once more."""
    name = "not decided before"
    if version.decision is None and turned_down is not None:
        found = f"the same model was {turned_down.decision} as version {turned_down.version}"
        return Gate(name, found.replace("_", " "), "undecided", False)
    return Gate(name, version.decision or "undecided", "undecided", version.decision is None)


def _audited(evaluation: dict[str, Any]) -> Gate:
    passed = bool(evaluation["dataset"]["is_audited"])
    found = f"{evaluation['dataset']['dataset_version']}, {'audited' if passed else 'not audited'}"
    return Gate("dataset from an audited warehouse", found, "audited", passed)


def _enough_users(comparison: Comparison, limits: Limits) -> Gate:
    found = comparison.users
    return Gate("test users", f"{found:,}", f"≥ {limits.least_test_users}", found >= limits.least_test_users)


def _unforeseeing(foresight: Foresight | None, limits: Limits) -> Gate:
    """Who foresees clearly more than its own recipe can, fitted again on the training fold, has seen the test."""
    name = "tested without foresight"
    if foresight is None or foresight.difference is None:
        return Gate(
            name, foresight.reason if foresight else "not repeated", "decides where it is cheap", True
        )
    limit = limits.foresight_tolerance * foresight.baseline
    value = f"{DECISIVE} {_interval(foresight.difference)} against its own recipe"
    return Gate(name, value, f"not clearly above {limit:+.4f}", foresight.difference.low <= limit)


def _beats_popularity(comparison: Comparison, chosen: str, limits: Limits) -> Gate:
    """A personal model must rank better, and not be uncertain by more than the tolerance; popularity is the bar itself."""
    name = "better than popularity"
    if chosen == POPULARITY:
        return Gate(name, "is popularity: no personal model clearly beat it", "nothing to beat", True)
    found = comparison.difference(chosen, POPULARITY)
    if found is None:
        return Gate(name, "not compared", "compared", False)
    tolerance = limits.popularity_tolerance * comparison.metrics[POPULARITY][DECISIVE]
    passed = comparison.is_better(chosen, POPULARITY, limits.popularity_tolerance)
    value = f"{DECISIVE} {_interval(found)}"
    return Gate(name, value, f"> 0, and the interval above {0 - tolerance:+.4f}", passed)


def _covers(comparison: Comparison, chosen: str, limits: Limits) -> Gate:
    """A personal model that shows everybody the same few items is popularity at a higher price."""
    name, found = "catalogue coverage", comparison.metrics[chosen]["coverage@10"]
    if chosen == POPULARITY:
        return Gate(name, f"{found:.1%}", "none: popularity shows all the same", True)
    return Gate(name, f"{found:.1%}", f"≥ {limits.least_coverage:.1%}", found >= limits.least_coverage)


def _same_champion(evaluation: dict[str, Any], champion: ModelVersion | None) -> Gate:
    """The comparison counts only against who is in service now; a promotion or rollback in between voids it."""
    compared = (evaluation["champion"] or {}).get("version")
    now = champion.version if champion else None
    found = f"version {compared}" if compared else "no champion"
    return Gate(
        "compared with the champion in service",
        found,
        f"version {now}" if now else "no champion",
        compared == now,
    )


def _not_worse_than_champion(comparison: Comparison, chosen: str, limits: Limits) -> Gate:
    name = "not worse than the champion"
    found = comparison.difference(chosen, CHAMPION)
    if found is None:
        return Gate(name, "no champion took part", "no champion", True)
    margin = limits.champion_margin * comparison.metrics[CHAMPION][DECISIVE]
    value = f"{DECISIVE} {_interval(found)}"
    return Gate(name, value, f"≥ {-margin:+.4f}", found.estimate >= -margin)


def _forgets_nobody(comparison: Comparison, chosen: str, limits: Limits) -> Gate:
    """No group of people may lose clearly and much, for the mean's gain: who came long ago is not to be forgotten."""
    name, baseline = "no cohort forgotten", CHAMPION if CHAMPION in comparison.metrics else POPULARITY
    if chosen == baseline:
        return Gate(name, "is popularity", "nothing to compare with", True)
    lost, worst = [], "no cohorts in this test"
    least = float("inf")
    for cohort in (found for found in comparison.cohorts if found.side == "user"):
        pair, theirs = cohort.difference(chosen, baseline), cohort.metrics[baseline][DECISIVE]
        if pair is None:
            continue
        if pair.estimate < -limits.cohort_margin * theirs and pair.high < 0:
            lost.append(cohort.name)
        if pair.estimate < least:
            least, worst = pair.estimate, f"least for {cohort.name} users: {DECISIVE} {_interval(pair)}"
    limit = f"no user cohort clearly loses {limits.cohort_margin:.0%} of {baseline}'s"
    return Gate(name, worst, limit, not lost)


def _is_no_crowd_pleaser(comparison: Comparison, chosen: str, limits: Limits) -> Gate:
    """What a personal model shows may be popular, but not as popular as what everybody is shown anyway."""
    name, lift = "popularity lift", "popularity_lift@10"
    if chosen == POPULARITY or lift not in comparison.metrics[chosen]:
        return Gate(
            name, "is popularity" if chosen == POPULARITY else "not known", "of personal models", True
        )
    # A lift of -1 is nothing popular at all: shares are of the way from there.
    mine, crowd = (1 + comparison.metrics[who][lift] for who in (chosen, POPULARITY))
    limit = limits.popularity_share * crowd - 1
    return Gate(
        name, f"{mine - 1:+.2f}", f"≤ {limit:+.2f}, of popularity's {crowd - 1:+.2f}", mine - 1 <= limit
    )


def _earns_as_much(evaluation: dict[str, Any], chosen: str, limits: Limits) -> Gate:
    """The value on the log, conservatively: fails when the lower bound is lower than the baseline's, and not by chance.

    A log that cannot tell stops nobody, but says so.
    """
    name, found = "off-policy value", evaluation.get("off_policy")
    if not found or found["reason"]:
        return Gate(name, found["reason"] if found else "not evaluated", "decides where a log can", True)
    baseline = CHAMPION if evaluation["champion"] else POPULARITY
    if chosen == baseline:
        return Gate(name, "is popularity", "nothing to compare with", True)
    values = {who: found["values"][who] for who in (chosen, baseline)}
    refused = next((value["reason"] for value in values.values() if value["verdict"] != "estimated"), None)
    if refused is not None:
        return Gate(name, f"refused: {refused}", "decides where a log can", True)
    mine, theirs = (_lower_bound(values[who]) for who in (chosen, baseline))
    gain = _one(found["differences"], chosen, baseline)
    limit = (1 - limits.off_policy_margin) * theirs
    passed = mine >= limit or gain.high >= 0
    served = f", served by {found['target']}" if found.get("target") else ""
    size = values[chosen]["support"]["ess"]
    value = (
        f"lower bound {mine:.4f}; against {baseline} {_interval(gain)}{served}; effective sample {size:,.0f}"
    )
    return Gate(name, value, f"≥ {limit:.4f}, or no clear loss against {baseline}", passed)


def _lower_bound(value: dict[str, Any]) -> float:
    return float(next(one["ci_low"] for one in value["estimators"] if one["estimator"] == "dr"))


def _one(differences: list[dict[str, Any]], model: str, baseline: str) -> Difference:
    pairs = (Difference(**found) for found in differences)
    return next(pair for pair in pairs if (pair.model, pair.baseline) == (model, baseline))


def _tiers_agree(evaluation: dict[str, Any], chosen: str, limits: Limits) -> Gate:
    """Clicks and ranking may not be bought with satisfaction: what the lists hold must please those who click on it."""
    name, found = "tiers agree: satisfaction", evaluation.get("tiers")
    baseline = CHAMPION if evaluation["champion"] else POPULARITY
    if chosen == baseline:
        return Gate(name, "is popularity", "nothing to compare with", True)
    tiers = Tiers.from_dict(found) if found else None
    pair = tiers.difference(SATISFACTION, chosen, baseline) if tiers else None
    if tiers is None or pair is None:
        return Gate(name, "no mature click to tell by", "decides where there are clicks", True)
    margin = limits.satisfaction_margin * tiers.values[baseline][SATISFACTION]
    value = f"{SATISFACTION} {_interval(pair)} against {baseline}"
    return Gate(name, value, f"not clearly below {-margin:+.4f}", pair.high >= -margin)


def _interval(found: Difference) -> str:
    return f"{found.estimate:+.4f} [{found.low:+.4f}, {found.high:+.4f}]"
