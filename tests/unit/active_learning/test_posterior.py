"""The posterior against a world that is drawn from it, against dense algebra, and against the models' own solvers."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.sparse import csr_matrix

from revealed.active_learning.posterior import (
    NormalEquations,
    information,
    leverage,
    noise,
    normal_equations,
)
from revealed.errors import NoDataError
from revealed.training.als import ImplicitALS
from revealed.training.ials import FrequencyScaledALS
from revealed.training.popularity import Popularity

Floats = NDArray[np.float64]
ITEMS, FACTORS, RIDGE, SIGMA = 30, 5, 3.0, 0.4


def equations(seed: int = 1) -> NormalEquations:
    factors = np.random.default_rng(seed).normal(size=(ITEMS, FACTORS))
    return NormalEquations(factors, factors.T @ factors, 1.0, RIDGE, 0.0, only_likes=False)


def world(seed: int, people: int) -> tuple[NormalEquations, Floats, Floats, Floats, Floats]:
    """People drawn from the prior, an observation of every item, and the posterior mean of each."""
    model, random = equations(), np.random.default_rng(seed)
    confidence = np.where(random.random(ITEMS) < 0.3, random.uniform(2, 9, ITEMS), 1.0)
    taste = random.normal(0, SIGMA / np.sqrt(RIDGE), (people, FACTORS))
    true = taste @ model.factors.T
    observed = true + random.normal(size=true.shape) * SIGMA / np.sqrt(confidence)
    held = np.flatnonzero(confidence != 1)
    inverse = model.inverse(held, confidence[held])
    mean = (observed * confidence) @ model.factors @ inverse
    return model, inverse, true, mean @ model.factors.T, confidence


def test_variance_of_scores_is_what_the_normal_equations_say() -> None:
    model, inverse, true, scores, _ = world(2, 20_000)
    empirical = ((true - scores) ** 2).mean(axis=0)
    closed = SIGMA**2 * leverage(inverse, model.factors)
    assert empirical.mean() / closed.mean() == pytest.approx(1, abs=0.03)
    np.testing.assert_allclose(empirical / closed, 1, atol=0.05)


@pytest.mark.parametrize("inflation", [1.0, 40.0])
def test_noise_is_recovered_and_takes_back_inflated_confidences(inflation: float) -> None:
    """Confidences `inflation` times too large make sigma2 as much larger, and the variance of scores what it was."""
    base, random = equations(3), np.random.default_rng(4)
    stretched = NormalEquations(base.factors, base.gram, inflation, RIDGE * inflation, 0.0, only_likes=False)
    none = np.empty(0)
    inverse = stretched.inverse(none.astype(int), none)
    found = []
    for _ in range(400):
        taste = random.normal(0, SIGMA / np.sqrt(RIDGE), FACTORS)
        seen = base.factors @ taste + random.normal(0, SIGMA, ITEMS)
        mean = inverse @ (base.factors.T @ (inflation * seen))
        later = base.factors @ taste + random.normal(0, SIGMA, ITEMS)
        spread = leverage(inverse, base.factors)
        found.append(noise(later - base.factors @ mean, np.full(ITEMS, inflation), spread))
    sigma2 = float(np.mean(found))
    assert sigma2 == pytest.approx(inflation * SIGMA**2, rel=0.03)


def test_information_is_the_fall_of_the_summed_variance() -> None:
    model, random = equations(5), np.random.default_rng(6)
    held, confidence = np.array([2, 7, 11]), np.array([4.0, -3.0, 8.0])
    inverse = model.inverse(held, confidence)
    answer = 6.0
    summed = np.trace(model.factors @ inverse @ model.factors.T)
    asked = random.choice(ITEMS, 6, replace=False)
    for item, gain in zip(asked, information(inverse, model.gram, model.factors[asked], answer), strict=True):
        y = model.factors[item]
        after = np.linalg.inv(np.linalg.inv(inverse) + answer * np.outer(y, y))
        assert gain == pytest.approx(summed - np.trace(model.factors @ after @ model.factors.T), rel=1e-9)


def test_information_of_a_known_pair_is_that_of_an_unknown_one() -> None:
    model = equations(5)
    held, confidence = np.array([2, 7, 11]), np.array([4.0, -3.0, 8.0])
    with_it = model.inverse(held, confidence)
    without = model.inverse(held[:2], confidence[:2])
    y, excess = model.factors[[11]], model.excess(np.array([8.0]))
    assert information(with_it, model.gram, y, 6.0, excess) == pytest.approx(
        information(without, model.gram, y, 6.0), rel=1e-9
    )


@pytest.mark.parametrize("kind", [ImplicitALS, FrequencyScaledALS])
def test_the_equations_are_those_that_the_model_solves(kind: type[ImplicitALS | FrequencyScaledALS]) -> None:
    random = np.random.default_rng(7)
    model = kind(factors=FACTORS, regularization=0.3)
    model.items = np.array([f"i{n:02d}" for n in range(ITEMS)], dtype=object)
    model.item_factors = random.normal(size=(ITEMS, FACTORS)).astype(np.float32)
    items, confidence = np.array([1, 4, 9, 20]), np.array([5.0, 2.0, -4.0, 30.0])
    row = csr_matrix((confidence.astype(np.float32), ([0] * 4, items)), shape=(1, ITEMS))
    found = normal_equations(model)
    liked = confidence > 0
    taste = found.inverse(items, confidence) @ (found.factors[items[liked]].T @ confidence[liked])
    np.testing.assert_allclose(taste, model.fold_in(row)[0], rtol=1e-4, atol=1e-5)


def test_popularity_cannot_say_how_sure_it_is() -> None:
    with pytest.raises(NoDataError, match="popularity"):
        normal_equations(Popularity())
