"""Each gate fails for its own reason, and only for it."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

import pytest

from revealed.evaluation import Comparison, Difference
from revealed.evaluation.cohorts import Cohort
from revealed.evaluation.tiers import SATISFACTION, Tiers
from revealed.registry.gates import judge
from revealed.registry.versions import ModelVersion
from revealed.training.candidates import choose
from revealed.training.foresight import Foresight

VERSION = ModelVersion("2", "run", ("challenger",), {"model_id": "als-1"})
CHAMPION = ModelVersion("1", "run", ("champion",), {"model_id": "als-0"})


def evaluation(
    als: float = 0.30,
    popularity: float = 0.10,
    champion: float | None = None,
    *,
    half_width: float = 0.01,
    coverage: float = 0.5,
    users: int = 200,
    chosen: str = "als",
    audited: bool = True,
) -> dict[str, Any]:
    values = {"als": als, "popularity": popularity} | ({"champion": champion} if champion is not None else {})
    differences = [
        Difference(
            "ndcg@10",
            a,
            b,
            values[a] - values[b],
            values[a] - values[b] - half_width,
            values[a] - values[b] + half_width,
        )
        for a in values
        for b in values
        if a != b
    ]
    comparison = Comparison(
        users=users,
        test_pairs=users,
        metrics={name: {"ndcg@10": value, "coverage@10": coverage} for name, value in values.items()},
        intervals={name: (value - half_width, value + half_width) for name, value in values.items()},
        differences=differences,
    )
    return {
        "chosen": chosen,
        "champion": {"version": "1", "how": "refitted"} if champion is not None else None,
        "dataset": {"dataset_version": "d", "is_audited": audited},
        "comparison": comparison.to_dict(),
    }


def failed(
    found: dict[str, Any], version: ModelVersion = VERSION, champion: ModelVersion | None = None
) -> list[str]:
    return [gate.name for gate in judge(found, version, champion) if not gate.passed]


def test_a_good_challenger_passes_with_and_without_a_champion() -> None:
    assert failed(evaluation()) == []
    assert failed(evaluation(champion=0.28), champion=CHAMPION) == []


@pytest.mark.parametrize(
    ("found", "gate"),
    [
        (evaluation(als=0.09), "better than popularity"),
        (evaluation(als=0.105, half_width=0.02), "better than popularity"),
        (evaluation(coverage=0.001), "catalogue coverage"),
        (evaluation(users=5), "test users"),
        (evaluation(audited=False), "dataset from an audited warehouse"),
    ],
)
def test_each_shortcoming_fails_its_own_gate(found: dict[str, Any], gate: str) -> None:
    assert failed(found) == [gate]


def test_slightly_uncertain_is_not_better() -> None:
    # +0.004: an interval down to -0.004 is what an equal model shows every other time, one from +0.001 on is not.
    assert failed(evaluation(als=0.104, half_width=0.008)) == ["better than popularity"]
    assert failed(evaluation(als=0.104, half_width=0.003)) == []


def test_the_champion_may_be_missed_by_a_tenth_and_no_more() -> None:
    assert failed(evaluation(als=0.271, champion=0.30), champion=CHAMPION) == []
    assert failed(evaluation(als=0.269, champion=0.30), champion=CHAMPION) == ["not worse than the champion"]


def test_a_comparison_with_somebody_else_than_the_champion_in_service_does_not_count() -> None:
    gate = ["compared with the champion in service"]
    assert failed(evaluation(), champion=CHAMPION) == gate
    assert failed(evaluation(champion=0.2)) == gate


def test_a_decided_version_is_not_decided_again() -> None:
    decided = ModelVersion("2", "run", (), {"decision": "rejected"})
    assert failed(evaluation(), decided) == ["not decided before"]


def test_popularity_passes_where_no_personal_model_beats_it_but_must_not_lose_to_the_champion() -> None:
    world = evaluation(als=0.08, popularity=0.10, chosen="popularity", coverage=0.001)
    assert failed(world) == []
    lost = evaluation(als=0.08, popularity=0.10, champion=0.30, chosen="popularity")
    assert failed(lost, champion=CHAMPION) == ["not worse than the champion"]


@pytest.mark.parametrize(
    ("als", "popularity", "chosen"),
    [(0.3, 0.1, "als"), (0.1, 0.3, "popularity"), (0.2, 0.2, "popularity"), (0.104, 0.1, "popularity")],
)
def test_the_better_model_becomes_the_challenger_and_the_champion_never_does(
    als: float, popularity: float, chosen: str
) -> None:
    found = evaluation(als=als, popularity=popularity, champion=0.9)
    name, because = choose(Comparison.from_dict(found["comparison"]))
    assert name == chosen
    assert f"{als:.4f} against {popularity:.4f}" in because
    # Whatever was chosen, the gate agrees: a world never ends without a challenger that can serve.
    assert "better than popularity" not in failed(found | {"chosen": chosen})


def off_policy(verdict: str = "estimated", low: float = 0.04, loss: float = 0.0) -> dict[str, Any]:
    """Two values on one log; the challenger's lower bound is `low`, and it earns `loss` less, give or take .005."""

    def value(bound: float) -> dict[str, Any]:
        reason = "" if verdict == "estimated" else "the weights leave an effective sample of 3"
        return {
            "verdict": verdict,
            "reason": reason,
            "estimators": [{"estimator": "dr", "ci_low": bound}],
            "support": {"ess": 1_234.5},
        }

    pair = Difference("off-policy dr", "als", "champion", -loss, -loss - 0.005, -loss + 0.005)
    return {
        "reason": "",
        "values": {"als": value(low), "champion": value(0.05)},
        "differences": [vars(pair)],
        "target": "plackett_luce of 30 at temperature 0.5",
    }


@pytest.mark.parametrize(
    ("found", "fails"),
    [
        (off_policy(low=0.05), False),
        (off_policy(low=0.04, loss=0.003), False),  # lower, but that may be chance
        (off_policy(low=0.046, loss=0.01), False),  # a clear loss, but within the margin of a tenth
        (off_policy(low=0.04, loss=0.01), True),
        (off_policy(verdict="refused", low=0.0, loss=0.9), False),
        (
            {"reason": "no impression of these days has a known propensity", "values": {}, "differences": []},
            False,
        ),
    ],
)
def test_a_clear_loss_on_the_log_fails_and_a_log_that_cannot_tell_stops_nobody(
    found: dict[str, Any], fails: bool
) -> None:
    registered = evaluation(champion=0.28) | {"off_policy": found}
    assert failed(registered, champion=CHAMPION) == (["off-policy value"] if fails else [])


def test_a_value_on_the_log_says_of_what_policy_it_is_and_what_it_rests_on() -> None:
    registered = evaluation(champion=0.28) | {"off_policy": off_policy()}
    (gate,) = (found for found in judge(registered, VERSION, CHAMPION) if found.name == "off-policy value")
    assert "served by plackett_luce of 30 at temperature 0.5; effective sample 1,234" in gate.value


@pytest.mark.parametrize(("gain", "fails"), [(0.1, False), (-0.02, False), (-0.06, True)])
def test_ranking_may_not_be_bought_with_satisfaction(gain: float, fails: bool) -> None:
    """Five hundredths of the champion's .5 are .025: what is lower for sure by more than that is stopped."""
    pair = Difference(SATISFACTION, "als", "champion", gain, gain - 0.01, gain + 0.01)
    tiers = Tiers(900, {name: {SATISFACTION: 0.5} for name in ("als", "champion")}, [pair])
    registered = evaluation(champion=0.28) | {"tiers": tiers.to_dict()}
    assert failed(registered, champion=CHAMPION) == (["tiers agree: satisfaction"] if fails else [])


@pytest.mark.parametrize(("low", "fails"), [(-0.01, False), (0.004, False), (0.02, True)])
def test_who_foresees_more_than_the_recipe_can_is_stopped(low: float, fails: bool) -> None:
    pair = Difference("ndcg@10", "tested", "repeated", low + 0.01, low, low + 0.02)
    gates = judge(evaluation(), VERSION, None, foresight=Foresight(pair, 0.25, ""))
    assert [gate.name for gate in gates if not gate.passed] == (["tested without foresight"] if fails else [])


def with_cohort(loss: float, half_width: float) -> dict[str, Any]:
    """Heavy users have .2 with the champion, and `loss` less with the challenger."""
    pair = Difference("ndcg@10", "als", "champion", -loss, -loss - half_width, -loss + half_width)
    values = {"als": {"ndcg@10": 0.2 - loss}, "champion": {"ndcg@10": 0.2}}
    cohort = Cohort("user", "heavy", "many likes", 50, 90, values, {}, [pair])
    found = evaluation(champion=0.28)
    return found | {"comparison": found["comparison"] | {"cohorts": [asdict(cohort)]}}


@pytest.mark.parametrize(
    ("loss", "half_width", "fails"),
    [(0.01, 0.005, False), (0.05, 0.06, False), (0.05, 0.02, True), (-0.05, 0.01, False)],
)
def test_the_mean_s_gain_is_not_paid_by_one_group(loss: float, half_width: float, fails: bool) -> None:
    """A fifth of .2 is .04: more than that, and not by chance, is a group forgotten."""
    found = failed(with_cohort(loss, half_width), champion=CHAMPION)
    assert found == (["no cohort forgotten"] if fails else [])


@pytest.mark.parametrize(("lift", "fails"), [(0.4, False), (3.4, False), (3.6, True)])
def test_a_personal_model_shows_more_than_the_crowd_s_taste(lift: float, fails: bool) -> None:
    """Popularity's lists are five times as popular as people's own choices (+4): nine tenths of the way are +3.5."""
    found = evaluation()
    metrics = found["comparison"]["metrics"]
    metrics["als"]["popularity_lift@10"], metrics["popularity"]["popularity_lift@10"] = lift, 4.0
    assert failed(found) == (["popularity lift"] if fails else [])
