"""What people did, as the reviewer reads it: a value with its interval, or the reason why there is none."""

from __future__ import annotations

from revealed.evaluation.off_policy import PolicyValue, Support, Value
from revealed.evaluation.tiers import CLICKS, SATISFACTION, Tiers
from revealed.registry.outcome_tables import off_policy_table, tier_table
from revealed.training.off_policy_trial import OffPolicyTrial

SUPPORT = Support(900, 40, 312.4, 9.0, 0.02, 0.96, 0.01, 1.0, 30.0, 0.0)
TARGET = "plackett_luce of 30 at temperature 0.5"


def value(reason: str = "") -> PolicyValue:
    verdict = "refused" if reason else "estimated"
    numbers = (None, None, None) if reason else (0.0512, 0.0401, 0.0633)
    one = Value("dr", verdict, reason, *numbers, 312.4, 9.0)
    return PolicyValue("als", verdict, reason, one, [one], SUPPORT)


def test_a_value_stands_with_its_interval_and_a_refusal_with_its_reason() -> None:
    values = {"als": value("too few rows"), "popularity": value()}
    found = OffPolicyTrial(900, 40, 12, "", values, [], TARGET)
    table = off_policy_table(found, "als")
    assert f"| satisfied clicks a shown item, lists served by {TARGET} |" in table
    assert "| popularity | 0.0512 | 0.0401 … 0.0633 | 312 | 4.0% |" in table
    assert "| als | refused |  | 312 | 4.0% |" in table
    assert "900 logged showings to 40 people; 12 left out" in table
    assert table.endswith("als is refused: too few rows.")
    assert "refused: " not in off_policy_table(found, "popularity")


def test_a_draw_of_the_people_is_told() -> None:
    found = OffPolicyTrial(900, 40, 12, "", {"als": value()}, [], TARGET, 30)
    assert "900 logged showings to 40 people, drawn by lot (30 others were not);" in off_policy_table(
        found, "als"
    )


def test_a_log_without_propensities_is_one_sentence() -> None:
    found = OffPolicyTrial(0, 0, 12, "no impression of these days has a known propensity", {}, [])
    assert off_policy_table(found, "als") == (
        "Value on the log: no impression of these days has a known propensity."
    )


def test_tiers_begin_with_the_chosen_model() -> None:
    rates = {CLICKS: 0.2, SATISFACTION: 0.8}
    lines = tier_table(Tiers(50, {"popularity": rates, "als": rates}, []), "als").splitlines()
    assert [line.split(" | ")[0] for line in lines[2:4]] == ["| als", "| popularity"]
    assert tier_table(Tiers(0, {}, []), "als") == ""
