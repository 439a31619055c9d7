"""Frequency-scaled ALS: the fit and the fold-in are what the mathematics says, and the files survive the way around."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy.sparse import csr_matrix
from test_als_truth import CPU, planted

from revealed.errors import NoDataError
from revealed.training.artifact import load_model, save_model
from revealed.training.ials import FrequencyScaledALS
from revealed.training.matrix import Interactions
from revealed.training.protocol import NOTHING, create


def fitted(data: Interactions, **parameters: Any) -> FrequencyScaledALS:
    chosen: dict[str, Any] = {"factors": 8, "regularization": 0.01, "unobserved": 0.1} | parameters
    model = FrequencyScaledALS(**chosen)
    model.fit(data, CPU)
    return model


def dense_solution(
    factors: np.ndarray, stored: np.ndarray, parameters: dict[str, float], scale: float
) -> np.ndarray:
    """Solve one user in float64 over every item: weight alpha0 everywhere, and a like's confidence on top, wanting 1."""
    y = factors.astype(np.float64)
    confidence = np.maximum(stored, 0.0) / scale
    penalty = parameters["regularization"] * ((stored > 0).sum() + parameters["unobserved"] * len(stored))
    a = parameters["unobserved"] * y.T @ y + y.T @ (confidence[:, None] * y) + penalty * np.eye(y.shape[1])
    return np.linalg.solve(a, y.T @ confidence)


@pytest.mark.parametrize("likes", [1, 3, 8, 40])
def test_fold_in_solves_the_normal_equations(likes: int) -> None:
    """Fewer likes than factors, as many, and more: two ways of solving, one answer. Dislikes and zeros teach nothing."""
    model = fitted(planted())
    stored = np.zeros(60)
    stored[:likes] = np.random.default_rng(likes).uniform(0.5, 6.0, likes)
    stored[50:53] = [-4.0, -0.2, -30.0]
    found = model.fold_in(csr_matrix(stored[None].astype(np.float32)))[0]
    assert found == pytest.approx(
        dense_solution(model.item_factors, stored, model.parameters, model.scale), abs=1e-5
    )


def test_who_likes_nothing_is_no_direction() -> None:
    model = fitted(planted())
    rows = csr_matrix(np.array([[0.0] * 60, [-1.0] * 60], dtype=np.float32))
    assert not model.fold_in(rows).any()
    assert (model.recommend(rows, csr_matrix((2, 60), dtype=np.float32), 5).items == NOTHING).all()


def test_the_trained_items_are_the_solution_for_the_trained_users() -> None:
    """After many sweeps both sides solve the same equations: the users that follow from the items give the items back."""
    data = planted()
    model = fitted(data, factors=3, regularization=0.003, unobserved=0.06, iterations=1_000)
    users = model.fold_in(data.confidence)
    likes = data.confidence.T.tocsr()
    again = np.array(
        [
            dense_solution(users, likes[item].toarray()[0], model.parameters, model.scale)
            for item in range(likes.shape[0])
        ]
    )
    assert again == pytest.approx(model.item_factors, abs=1e-5)


def test_the_regularisation_grows_with_what_is_known() -> None:
    """Two people with the same taste, one of whom repeats it tenfold: with plain lambda the busier one's vector grows."""
    model = fitted(planted(), regularization=0.3)
    few, many = np.zeros(60), np.zeros(60)
    few[:1], many[:20] = 1.0, 1.0
    lengths = [
        np.linalg.norm(dense_solution(model.item_factors, stored, model.parameters, model.scale))
        for stored in (few, many)
    ]
    assert np.linalg.norm(model.fold_in(csr_matrix(few[None]))) == pytest.approx(lengths[0], rel=1e-4)
    assert np.linalg.norm(model.fold_in(csr_matrix(many[None]))) == pytest.approx(lengths[1], rel=1e-4)


def objective(model: FrequencyScaledALS, data: Interactions) -> float:
    """Return what training makes small (Rendle et al., RecSys 2022, eq. 2 and 3), in float64 over every pair."""
    alpha0, strength = model.parameters["unobserved"], model.parameters["regularization"]
    users, y = model.fold_in(data.confidence).astype(np.float64), model.item_factors.astype(np.float64)
    scores, weight = users @ y.T, data.confidence.toarray() / model.scale
    known_users, known_items = (weight > 0).sum(axis=1), (weight > 0).sum(axis=0)
    penalty = (known_users + alpha0 * len(y)) @ (users**2).sum(axis=1)
    penalty += (known_items + alpha0 * len(users)) @ (y**2).sum(axis=1)
    return float((weight * (scores - 1) ** 2 + alpha0 * scores**2).sum() + strength * penalty)


@pytest.mark.parametrize("threads", [1, 3])
def test_the_solver_gets_the_threads(threads: int) -> None:
    """On a small machine several threads often give the bits of one, so that bits alone do not tell."""
    solver = FrequencyScaledALS(threads=threads)._solver(planted().confidence)
    solver.start_learning()
    assert solver.trainer_as_ials.solver_config.__getstate__()[0] == threads


def test_with_one_thread_the_same_seed_gives_the_same_bits() -> None:
    one, two, other = (fitted(planted(), threads=1, seed=seed) for seed in (3, 3, 5))
    assert (one.item_factors == two.item_factors).all()
    assert not np.allclose(one.item_factors, other.item_factors, atol=1e-2)


@pytest.mark.parametrize("threads", [0, 2, 8])
def test_more_threads_reach_the_same_minimum(threads: int) -> None:
    """Not the same bits: the order in which threads add up is left to the machine. But near a minimum an error of 1e-4
    moves what is minimised by 1e-8, while eight sweeps instead of sixty end 3 % above it."""
    data = planted()
    settled: dict[str, Any] = {"factors": 3, "regularization": 0.003, "unobserved": 0.06, "iterations": 60}
    alone, together = fitted(data, threads=1, **settled), fitted(data, threads=threads, **settled)
    assert objective(together, data) == pytest.approx(objective(alone, data), rel=1e-4)
    unsettled = fitted(data, threads=1, **settled | {"iterations": 8})
    assert objective(unsettled, data) > 1.02 * objective(alone, data)
    assert together.parameters == alone.parameters


def test_tastes_are_found_again() -> None:
    data = planted()
    model = fitted(data, factors=3, regularization=0.01, unobserved=0.06)
    lists = model.recommend(data.confidence, data.seen, 5).items
    hits = [(lists[user] % 3 == user % 3).mean() for user in range(len(data.users))]
    assert np.mean(hits) > 0.95


def test_a_regularisation_that_leaves_nothing_is_refused() -> None:
    with pytest.raises(NoDataError, match="zeros or not as numbers"):
        fitted(planted(), regularization=1e9)


def test_a_model_is_saved_and_loaded_whole(tmp_path: Path) -> None:
    data = planted()
    model = fitted(data)
    loaded, _ = load_model(save_model(tmp_path, model, {}, {}).folder)
    assert isinstance(loaded, FrequencyScaledALS)
    assert (loaded.item_factors == model.item_factors).all()
    assert loaded.scale == model.scale
    assert (
        loaded.recommend(data.confidence, data.seen, 5).items
        == model.recommend(data.confidence, data.seen, 5).items
    ).all()
    assert create("ials", model.parameters).parameters == model.parameters


def test_each_sweep_is_told_with_the_loss_that_the_mathematics_gives() -> None:
    data = planted()
    model = FrequencyScaledALS(factors=4, iterations=3, threads=1)
    told: list[tuple[int, float | None]] = []
    model.fit(data, CPU, after_sweep=lambda sweep, loss: told.append((sweep, loss)))
    assert told == model.history
    assert [sweep for sweep, _ in told] == [1, 2, 3]
    settled = fitted(data, factors=3, regularization=0.003, unobserved=0.06, iterations=100)
    assert settled.history[-1][1] == pytest.approx(objective(settled, data) / 2, rel=1e-4)


def test_the_unit_of_the_confidences_does_not_matter() -> None:
    """A log whose click is worth 41 gives the model of the same log in ones: confidences have no unit."""
    data = planted()
    large = replace(data, confidence=data.confidence * 41)
    ones, many = fitted(data, threads=1), fitted(large, threads=1)
    assert many.scale == pytest.approx(41 * ones.scale)
    assert many.item_factors == pytest.approx(ones.item_factors, abs=1e-4)
    assert many.fold_in(large.confidence) == pytest.approx(ones.fold_in(data.confidence), abs=1e-3)
