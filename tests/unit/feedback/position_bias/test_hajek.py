"""Hájek's curve finds the truth from exact rank marginals, and refuses what only looks like them."""

from __future__ import annotations

from dataclasses import fields, replace

import numpy as np
import pytest
from numpy.typing import NDArray
from position_world import POSITIONS, SLOTS, TRUTH, Shown, plackett_luce, worst_error

from revealed.feedback.position_bias import Limits, WeightSums, hajek_curve

GROUPS = 64


def sums(shown: Shown, propensity: NDArray[np.float64] | None = None) -> WeightSums:
    policy = np.zeros(len(shown), dtype=np.int64)
    chance = shown.propensity if propensity is None else propensity
    return WeightSums.of_impressions(policy, shown.person % GROUPS, shown.position, chance, shown.clicked)


@pytest.fixture(scope="module")
def randomised() -> Shown:
    return plackett_luce(temperature=1.0)


def test_exact_marginals_give_the_curve_within_five_percent(randomised: Shown) -> None:
    curve = hajek_curve(sums(randomised), POSITIONS)
    assert len(randomised) == 480_000
    assert worst_error(curve.examination) <= 0.05
    assert worst_error(randomised.naive) > 0.15
    assert np.all((curve.ci_low <= TRUTH) & (curve.ci_high >= TRUTH))
    assert (curve.examination[0], curve.ci_low[0], curve.ci_high[0]) == (1.0, 1.0, 1.0)


def test_it_is_the_textbook_ratio(randomised: Shown) -> None:
    curve = hajek_curve(sums(randomised), POSITIONS)
    weight = 1.0 / randomised.propensity
    rate = np.bincount(randomised.position, weight * randomised.clicked) / np.maximum(
        np.bincount(randomised.position, weight), 1e-12
    )
    assert curve.examination == pytest.approx(rate[1:] / rate[1], rel=1e-12)


def test_the_delta_method_agrees_with_a_bootstrap_of_the_same_groups(randomised: Shown) -> None:
    table = sums(randomised)
    curve = hajek_curve(table, POSITIONS)
    place = table.position - 1
    clicked, weight = np.zeros((GROUPS, SLOTS)), np.zeros((GROUPS, SLOTS))
    np.add.at(clicked, (table.group, place), table.clicked_weight)
    np.add.at(weight, (table.group, place), table.weight)
    drawn = np.random.default_rng(5).multinomial(GROUPS, np.full(GROUPS, 1 / GROUPS), size=2000)
    rate = (drawn @ clicked) / (drawn @ weight)
    spread = np.log(rate / rate[:, :1]).std(axis=0)[1:]
    delta = (np.log(curve.ci_high / curve.ci_low) / 2 / 1.998)[1:]
    squares, total = np.zeros(SLOTS), clicked.sum(axis=0)
    np.add.at(squares, place, table.clicked_squared_weight)
    counted = np.sqrt(squares / total**2 + squares[0] / total[0] ** 2)[1:]
    assert delta == pytest.approx(np.maximum(spread, counted), rel=0.1)
    assert np.sum(spread > counted) >= 2, "the floor hides what is compared"


def test_intervals_cover_the_truth_as_often_as_they_say() -> None:
    covered = []
    for seed in range(60):
        curve = hajek_curve(sums(plackett_luce(6_000, seed=100 + seed, temperature=1.0)), POSITIONS)
        covered.append((curve.ci_low <= TRUTH)[1:] & (curve.ci_high >= TRUTH)[1:])
    assert 0.91 <= np.mean(covered) <= 0.985


def test_people_who_click_in_bursts_widen_the_interval() -> None:
    """Every impression ten times over is no more evidence; counting rows would think that it is."""
    shown = plackett_luce(6_000, seed=8, temperature=1.0)
    once, tenfold = sums(shown), sums(shown)
    scaled = {
        f.name: getattr(tenfold, f.name) * 10
        for f in fields(WeightSums)
        if f.name not in {"policy", "group", "position", "max_weight"}
    }
    narrow = hajek_curve(replace(tenfold, **scaled), POSITIONS)
    honest = hajek_curve(once, POSITIONS)
    assert np.log(narrow.ci_high / narrow.ci_low)[1:] == pytest.approx(
        np.log(honest.ci_high / honest.ci_low)[1:], rel=0.35
    )


def softmax_of_logged(shown: Shown) -> NDArray[np.float64]:
    """The item's softmax probability instead of its rank marginal: right at position 1 alone."""
    first = shown.position == 1
    by_item = np.full((shown.cluster.max() + 1, shown.item.max() + 1), np.nan)
    by_item[shown.cluster[first], shown.item[first]] = shown.propensity[first]
    wrong = by_item[shown.cluster, shown.item]
    return np.where(np.isnan(wrong), np.nanmin(by_item), wrong)


def test_propensities_that_are_no_rank_marginals_are_found_out() -> None:
    shown = plackett_luce(20_000, seed=4, temperature=0.6)
    curve = hajek_curve(sums(shown, softmax_of_logged(shown)), POSITIONS)
    assert not curve.estimated.any()
    assert curve.reasons[3] is not None
    assert "not the probabilities of (item, position)" in curve.reasons[3]


@pytest.mark.parametrize(
    ("propensity", "said"),
    [
        (1.0, "1/propensity averages 1.0, but a slate of 8"),
        (0.5, "1/propensity averages 2.0, but a slate of 8"),
    ],
    ids=["deterministic", "swaps of neighbours"],
)
def test_what_is_not_randomised_over_the_slate_is_refused(
    randomised: Shown, propensity: float, said: str
) -> None:
    curve = hajek_curve(sums(randomised, np.full(len(randomised), propensity)), POSITIONS)
    assert not curve.estimated.any()
    assert all(reason is not None and said in reason for reason in curve.reasons)


def test_one_heavy_impression_is_refused(randomised: Shown) -> None:
    propensity = randomised.propensity.copy()
    propensity[3] = 1e-8
    curve = hajek_curve(sums(randomised, propensity), POSITIONS)
    assert not curve.estimated.any()
    assert "effective sample size" in str(curve.reasons[0])


def test_a_bad_policy_is_left_out_and_named(randomised: Shown) -> None:
    half = np.arange(len(randomised)) // SLOTS % 2
    propensity = np.where(half == 1, 1.0, randomised.propensity)
    both = WeightSums.of_impressions(
        half, randomised.person % GROUPS, randomised.position, propensity, randomised.clicked
    )
    curve = hajek_curve(both, POSITIONS, ("good", "greedy"))
    assert worst_error(curve.examination) <= 0.06
    assert curve.basis.startswith("policies good; left out greedy: 1/propensity averages 1.0")


def test_two_policies_are_better_than_one_and_need_not_be_shown_to_the_same_people(
    randomised: Shown,
) -> None:
    """One position of the second policy is mostly missing, and its people click at another rate: pooled by position,
    its absence would read as a dip."""
    other = plackett_luce(seed=11, temperature=0.8)
    keep = (other.position != 5) | (np.arange(len(other)) % 10 == 0)
    policy = np.concatenate(
        [np.zeros(len(randomised), dtype=np.int64), np.ones(int(keep.sum()), dtype=np.int64)]
    )
    table = WeightSums.of_impressions(
        policy,
        np.concatenate([randomised.person, other.person[keep]]) % GROUPS,
        np.concatenate([randomised.position, other.position[keep]]),
        np.concatenate([randomised.propensity, other.propensity[keep]]),
        np.concatenate([randomised.clicked, other.clicked[keep]]),
    )
    curve = hajek_curve(table, POSITIONS)
    assert worst_error(curve.examination) <= 0.05


def test_too_few_clicks_say_what_would_be_needed() -> None:
    shown = plackett_luce(3_000, seed=6, temperature=1.0)
    few = replace(shown, clicked=shown.clicked & (np.arange(len(shown)) % 50 < 2))
    curve = hajek_curve(sums(few), POSITIONS)
    assert not curve.estimated[-1]
    assert "the standard error of their log ratio is" in str(curve.reasons[-1])
    assert "about 8 clicks a position are needed at all, 800 for 5 %" in str(curve.reasons[-1])
    none = hajek_curve(sums(replace(shown, clicked=np.zeros(len(shown), dtype=bool))), POSITIONS)
    assert not none.estimated.any()
    assert none.reasons[0] is not None


def test_a_handful_of_people_is_no_sample(randomised: Shown) -> None:
    few = WeightSums.of_impressions(
        np.zeros(len(randomised), dtype=np.int64),
        randomised.person % 5,
        randomised.position,
        randomised.propensity,
        randomised.clicked,
    )
    assert "5 groups of people, 20 needed" in str(hajek_curve(few, POSITIONS).reasons[0])


def test_no_propensity_no_curve() -> None:
    nothing = np.zeros(0)
    empty = WeightSums.of_impressions(*(np.zeros((3, 0), dtype=np.int64)), nothing, np.zeros(0, dtype=bool))
    curve = hajek_curve(empty, POSITIONS, limits=Limits())
    assert set(curve.reasons) == {"no impression carries a propensity"}
