"""What is said to have made an item rank is what the mathematics says: sums, dense solves, and trying without."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.sparse import csr_matrix
from test_als_truth import CPU, dense_solution, fitted, planted

from revealed.training.explain import explain_score
from revealed.training.factor_model import FactorModel
from revealed.training.ials import FrequencyScaledALS
from revealed.training.popularity import Popularity
from revealed.training.protocol import Recommender

MODEL = fitted(planted(), regularization=3.0)


def row(stored: np.ndarray) -> csr_matrix:
    return csr_matrix(stored.astype(np.float32))


def dense_score(stored: np.ndarray, item: int) -> float:
    user = dense_solution(MODEL.item_factors, stored.astype(np.float32).astype(np.float64), 3.0)
    return float(user @ MODEL.item_factors[item].astype(np.float64))


@settings(max_examples=60, deadline=None)
@given(
    st.dictionaries(
        st.integers(0, 59),
        st.floats(0.05, 500) | st.floats(-500, -0.05),
        min_size=1,
        max_size=25,
    ),
    st.integers(0, 59),
)
def test_the_likes_sum_to_the_score_and_each_dislike_took_what_trying_without_it_says(
    known: dict[int, float], item: int
) -> None:
    stored = np.zeros(60)
    stored[list(known)] = list(known.values())
    found = explain_score(MODEL, row(stored), item)
    scale = max(1.0, sum(abs(part.amount) for part in found.likes))
    assert abs(sum(part.amount for part in found.likes) - dense_score(stored, item)) < 1e-5 * scale
    assert found.score == pytest.approx(dense_score(stored, item), abs=1e-5 * scale)
    assert {part.item for part in found.likes} == {at for at, value in known.items() if value > 0}
    for part in found.dislikes:
        without = np.where(np.arange(60) == part.item, 0, stored)
        difference = dense_score(stored, item) - dense_score(without, item)
        assert part.amount == pytest.approx(difference, abs=1e-5 * scale)


def test_a_like_counts_by_the_users_own_likeness_and_not_by_the_items_angle() -> None:
    stored = np.zeros(60)
    stored[[3, 17, 30]] = [5, 0.3, 40]
    y = MODEL.item_factors.astype(np.float64)
    confidence = np.where(stored == 0, 1.0, np.abs(stored))
    weights = np.linalg.inv(y.T @ (confidence[:, None] * y) + 3.0 * np.eye(8))
    found = {part.item: part.amount for part in explain_score(MODEL, row(stored), 9).likes}
    for item in (3, 17, 30):
        assert found[item] == pytest.approx(
            float(y[9] @ weights @ y[item] * np.float32(stored[item])), abs=1e-6
        )


def test_likes_of_the_items_own_taste_carry_it_and_a_dislike_of_that_taste_takes_away() -> None:
    stored = np.zeros(60)
    stored[[0, 1, 2, 6]] = [20, 20, 20, -20]  # items 0, 3, 6, 9 … are of one taste, 1, 4, 7 … of the next
    own, other, taken = [], [], []
    for item in range(9, 60, 3):
        found = explain_score(MODEL, row(stored), item)
        amount = {part.item: part.amount for part in found.likes}
        own.append(amount[0])
        other.extend([amount[1], amount[2]])
        taken.extend(part.amount for part in found.dislikes)
    assert found.method == "exact"
    assert np.mean(own) > 2 * np.mean(other)
    assert len(taken) == len(own)
    assert np.mean(taken) < 0


def test_the_score_explained_is_the_score_ranked_by() -> None:
    data = planted()
    ranking = MODEL.recommend(data.confidence[:5], data.seen[:5], 3)
    for user in range(5):
        for place in range(3):
            found = explain_score(MODEL, data.confidence[user], int(ranking.items[user, place]))
            assert found.score == pytest.approx(float(ranking.scores[user, place]), abs=1e-4)


def test_frequency_scaled_likes_sum_to_the_score_and_dislikes_play_no_part() -> None:
    model = FrequencyScaledALS(factors=8, iterations=4)
    data = planted()
    model.fit(data, CPU)
    stored = data.confidence[7].toarray()[0]
    stored[np.flatnonzero(stored == 0)[:3]] = -9.0
    score = float(model.fold_in(row(stored))[0] @ model.item_factors[4])
    found = explain_score(model, row(stored), 4)
    assert found.score == pytest.approx(score, abs=1e-5)
    assert sum(part.amount for part in found.likes) == pytest.approx(score, abs=1e-5)
    assert found.dislikes == []


class Averages(FactorModel):
    """A user is the mean of what they like: a model of which nothing but `fold_in` is known."""

    name = "averages"

    def fold_in(self, confidence: csr_matrix) -> np.ndarray:
        liked = confidence.maximum(0)
        count = np.maximum(np.diff(confidence.indptr), 1)[:, None]
        return np.asarray((liked @ self.item_factors) / count, dtype=np.float32)


def test_any_other_factor_model_is_explained_by_leaving_one_out() -> None:
    model = Averages()
    model.item_factors = np.array([[1, 0], [0, 1], [1, 1]], dtype=np.float32)
    found = explain_score(model, row(np.array([2.0, 1.0, 0.0])), 2)
    assert (found.method, found.score) == ("one_left_out", 1.5)
    # Without item 0 the mean is 1, without item 1 it is 2.
    assert [(part.item, part.amount) for part in found.likes] == [(0, 0.5), (1, -0.5)]


def test_popularity_says_how_many_and_nothing_of_the_user() -> None:
    data = planted()
    model = Popularity()
    model.fit(data, CPU)
    item = int(model.order()[0])
    found = explain_score(model, data.confidence[0], item)
    assert (found.method, found.people, found.likes) == ("crowd", int(data.likes.max()), [])


def test_somebody_who_likes_nothing_has_a_score_of_nothing() -> None:
    found = explain_score(MODEL, row(np.zeros(60)), 5)
    assert (found.score, found.likes, found.dislikes) == (0.0, [], [])


class Silent:
    name = "silent"


def test_a_model_that_cannot_be_looked_into_is_not_explained_by_a_guess() -> None:
    model: Recommender = Silent()  # type: ignore[assignment]  # the protocol but for a reason
    assert explain_score(model, row(np.ones(3)), 1).method == "unexplained"
