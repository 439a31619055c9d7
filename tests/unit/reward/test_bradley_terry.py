"""The fit against other ways to the same minimum, and probabilities made honest on data that is known to be miscalibrated."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.optimize import minimize_scalar
from scipy.special import expit

from revealed.reward import bradley_terry
from revealed.reward.judgement import accuracy, area_under_curve, area_within_lists
from revealed.reward.model import against_mean, fit_reward

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
ITEMS = 12


def planted_pairs(seed: int, pairs: int = 4_000) -> tuple[Floats, Ints, Ints]:
    random = np.random.default_rng(seed)
    strength = random.normal(0, 1, ITEMS)
    first, second = random.integers(0, ITEMS, (2, pairs))
    differ = first != second
    first, second = first[differ], second[differ]
    wins = random.random(len(first)) < expit(strength[first] - strength[second])
    return strength, np.where(wins, first, second), np.where(wins, second, first)


def one_hot(chosen: Ints, rejected: Ints) -> Floats:
    return np.eye(ITEMS)[chosen] - np.eye(ITEMS)[rejected]


def hunter(chosen: Ints, rejected: Ints, weight: Floats) -> Floats:
    """Minorise and maximise (Hunter, Annals of Statistics 2004): wins over the sum of n_ij / (s_i + s_j)."""
    won = np.zeros((ITEMS, ITEMS))
    np.add.at(won, (chosen, rejected), weight)
    met, strength = won + won.T, np.ones(ITEMS)
    for _ in range(20_000):
        strength = won.sum(axis=1) / (met / (strength[:, None] + strength)).sum(axis=1)
        strength /= strength.sum()
    return np.log(strength) - np.log(strength).mean()


def newton(differences: Floats, weight: Floats, penalty: float) -> Floats:
    found = np.zeros(differences.shape[1])
    for _ in range(50):
        chance = expit(differences @ found)
        slope = differences.T @ (weight * (chance - 1)) + penalty * found
        curve = (differences.T * (weight * chance * (1 - chance))) @ differences
        found -= np.linalg.solve(curve + penalty * np.eye(len(found)), slope)
    return found


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_strengths_are_hunters_and_close_to_what_was_planted(seed: int) -> None:
    strength, chosen, rejected = planted_pairs(seed)
    weight = np.random.default_rng(seed).uniform(0.5, 2.0, len(chosen))
    found = bradley_terry.fit(one_hot(chosen, rejected), weight, penalty=1e-8)
    found -= found.mean()
    np.testing.assert_allclose(found, hunter(chosen, rejected, weight), atol=1e-6)
    # Four thousand pairs leave a standard error of about .08.
    np.testing.assert_allclose(found, strength - strength.mean(), atol=0.3)


@pytest.mark.parametrize("penalty", [1e-3, 1.0, 50.0])
def test_the_fit_is_newtons_minimum(penalty: float) -> None:
    random = np.random.default_rng(4)
    differences, weight = random.normal(size=(500, 6)), random.uniform(0.1, 10, 500)
    found = bradley_terry.fit(differences, weight, penalty)
    np.testing.assert_allclose(found, newton(differences, weight, penalty), atol=1e-6)


def test_only_chosen_over_rejected_is_enough_and_a_flipped_sign_flips_the_answer() -> None:
    random = np.random.default_rng(5)
    differences = random.normal(1.0, 1.0, (200, 3))
    found = bradley_terry.fit(differences, np.ones(200))
    assert np.isfinite(found).all()
    assert (differences @ found > 0).mean() > 0.9
    np.testing.assert_allclose(bradley_terry.fit(-differences, np.ones(200)), -found, atol=1e-9)


def test_a_feature_that_never_differs_has_no_weight_and_units_do_not_matter() -> None:
    random = np.random.default_rng(6)
    differences = np.column_stack([random.normal(0.3, 1, 400), random.normal(0, 1, 400), np.zeros(400)])
    model = fit_reward(differences, np.ones(400))
    other = fit_reward(differences * [1_000, 0.001, 1], np.ones(400))
    assert model.weights[2] == pytest.approx(0, abs=1e-12)
    np.testing.assert_allclose(
        model.utility(differences), other.utility(differences * [1_000, 0.001, 1]), atol=1e-8
    )


@pytest.mark.parametrize("factor", [0.4, 1.0, 2.5])
def test_temperature_finds_by_how_much_margins_are_overstated(factor: float) -> None:
    random = np.random.default_rng(7)
    claimed = random.normal(0, 1.5, 60_000)
    margin = np.where(random.random(60_000) < expit(claimed), claimed, -claimed) * factor
    weight = random.uniform(0.5, 2, 60_000)
    found = bradley_terry.temperature(margin, weight)
    assert found == pytest.approx(factor, rel=0.03)
    by_search = minimize_scalar(
        lambda log: bradley_terry.log_loss(margin / np.exp(log), weight), bounds=(-3, 3), method="bounded"
    )
    assert np.log(found) == pytest.approx(by_search.x, abs=1e-4)
    assert bradley_terry.calibration_error(margin / found, weight) < 0.01
    if factor != 1:
        assert bradley_terry.calibration_error(margin, weight) > 0.05
        assert bradley_terry.log_loss(margin / found, weight) < bradley_terry.log_loss(margin, weight)


def test_temperature_of_pairs_that_are_all_right_or_all_wrong_stays_finite() -> None:
    assert bradley_terry.temperature(np.ones(10), np.ones(10)) == 0.01
    assert bradley_terry.temperature(-np.ones(10), np.ones(10)) == 100.0


def test_calibration_error_by_hand() -> None:
    """Two bins: claims of .6 of which half are right, claims of .9 of which all are."""
    margin = np.log(np.array([0.6 / 0.4, 0.4 / 0.6, 0.9 / 0.1, 0.9 / 0.1]))
    assert bradley_terry.calibration_error(margin, np.ones(4)) == pytest.approx((0.1 + 0.1) / 2)


def test_the_interval_of_accuracy_is_as_wide_as_people_differ() -> None:
    """Fifty like pairs of one person are one observation: as if there were but one of each."""
    random = np.random.default_rng(8)
    sides = np.where(random.random(200) < 0.7, 1.0, -1.0)
    once = accuracy(sides, np.ones(200), np.arange(200))
    often = accuracy(np.repeat(sides, 50), np.ones(10_000), np.repeat(np.arange(200), 50))
    assert once is not None
    assert often is not None
    assert often.high - often.low == pytest.approx(once.high - once.low, rel=1e-9)
    assert often.high - often.low == pytest.approx(2 * 1.96 * np.sqrt(0.7 * 0.3 / 200), rel=0.15)


def test_equals_count_half_and_weights_count() -> None:
    found = accuracy(np.array([1.0, 0.0, -1.0]), np.array([2.0, 1.0, 1.0]), np.array([0, 1, 2]))
    assert found is not None
    assert found.value == pytest.approx(2.5 / 4)
    assert found.plain == pytest.approx(1.5 / 3)


@given(st.lists(st.tuples(st.integers(0, 5), st.booleans()), min_size=1, max_size=30))
def test_area_is_the_share_of_pairs_in_order(rows: list[tuple[int, bool]]) -> None:
    score, label = np.array([float(row[0]) for row in rows]), np.array([row[1] for row in rows])
    ahead = [np.sign(a - b) / 2 + 0.5 for a in score[label] for b in score[~label]]
    found = area_under_curve(score, label)
    assert found is None if not ahead else found == pytest.approx(float(np.mean(ahead)))


def test_area_within_lists_knows_nothing_of_other_lists() -> None:
    score = np.array([1.0, 2.0, 11.0, 12.0, 5.0])
    label = np.array([False, True, False, True, True])
    assert area_within_lists(score, label, np.array([0, 0, 1, 1, 2])) == 1.0
    assert area_under_curve(score, label) == pytest.approx(4 / 6)


def test_reward_is_the_chance_against_the_lists_mean() -> None:
    found = against_mean(np.array([1.0, 3.0, 7.0]), np.array([0, 0, 1]))
    np.testing.assert_allclose(found, [expit(-1), expit(1), 0.5])
