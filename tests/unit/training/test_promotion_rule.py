"""The rule that calls a model better: how often an equal one passes, and whether its intervals hold what they promise."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy.stats import binom
from test_als_truth import fitted, planted

from revealed.evaluation import Comparison, Contender, compare
from revealed.evaluation.bootstrap import intervals_and_differences
from revealed.evaluation.compare import DECISIVE, DEPTH
from revealed.training.matrix import only

# Of an equal model: that a two-sided 95 % interval lies wholly above 0.
NOMINAL = 0.025


def most_passes(worlds: int) -> int:
    """So many of `worlds` equal models pass by luck in all but one of a thousand runs."""
    return int(binom.ppf(0.999, worlds, NOMINAL))


def values(random: np.random.Generator, users: int, shift: float = 0.0) -> dict[str, np.ndarray]:
    """NDCG as it looks: most people get nothing, and two models mostly agree; `new` is better by half the `shift`."""
    common = random.random(users) < 0.6
    gain = random.beta(2, 3, users)
    shared = random.random(users) < 0.3
    hits = [np.where(common, shared, random.random(users) < 0.3) for _ in range(2)]
    found = {name: np.where(hit, gain, 0.0) for name, hit in zip(("new", "old"), hits, strict=True)}
    found["new"] = found["new"] + shift * random.binomial(1, 0.5, users)
    return found


def judged(found: dict[str, np.ndarray]) -> Comparison:
    intervals, differences = intervals_and_differences(DECISIVE, found)
    means = {name: {DECISIVE: float(value.mean())} for name, value in found.items()}
    return Comparison(len(found["old"]), 0, means, intervals, differences)


@pytest.mark.parametrize(("users", "worlds"), [(60, 200), (2_000, 60)])
def test_an_equal_model_passes_as_better_at_most_at_the_nominal_rate(users: int, worlds: int) -> None:
    random = np.random.default_rng(users)
    passed = sum(judged(values(random, users)).is_better("new", "old") for _ in range(worlds))
    assert passed <= most_passes(worlds)


def test_a_better_model_passes() -> None:
    random = np.random.default_rng(4)
    passed = sum(judged(values(random, 2_000, shift=0.04)).is_better("new", "old") for _ in range(30))
    assert passed >= 28


def test_a_tolerance_would_let_equal_models_pass_once_the_test_is_large() -> None:
    """Why there is none: with 5 % of the baseline, about half of all equal models are let through."""
    random = np.random.default_rng(5)
    found = [judged(values(random, 10_000)) for _ in range(16)]
    assert sum(one.is_better("new", "old", tolerance=0.05) for one in found) > most_passes(16)
    assert sum(one.is_better("new", "old") for one in found) <= most_passes(16)


@pytest.mark.slow
@pytest.mark.parametrize("users", [100, 1_000])
def test_intervals_hold_a_planted_difference_as_often_as_they_say(users: int) -> None:
    random, worlds, shift = np.random.default_rng(users + 1), 1_000, 0.06
    covered = passed = 0
    for _ in range(worlds):
        found = judged(values(random, users, shift)).difference("new", "old")
        assert found is not None
        covered += found.low <= shift / 2 <= found.high
        passed += judged(values(random, users)).is_better("new", "old")
    assert 0.93 * worlds <= covered <= 0.97 * worlds
    assert passed <= most_passes(worlds)


@pytest.mark.slow
def test_the_same_model_from_another_seed_passes_at_most_at_the_nominal_rate() -> None:
    """Nothing but the seed of the initial factors differs; world after world, other people and other tastes."""
    worlds, passed = 40, 0
    for number in range(worlds):
        data = planted(seed=number, users=200)
        held = np.random.default_rng(number).random(data.confidence.nnz) < 0.25
        rest, relevance = only(data.confidence, ~held), only(data.confidence, held)
        lists = [
            Contender(
                name, fitted(replace(data, confidence=rest), seed=seed).recommend(rest, rest, DEPTH).items
            )
            for name, seed in (("new", 2 * number), ("old", 2 * number + 1))
        ]
        passed += compare(lists, relevance, data.likes, 200).is_better("new", "old")
    assert passed <= most_passes(worlds)
