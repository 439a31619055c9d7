"""In a world with known tastes, the questions chosen teach more than as many questions drawn blindly."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.sparse import csr_matrix

from revealed.active_learning.candidates import Disagreements, find_candidates
from revealed.active_learning.publish import draw_within
from revealed.active_learning.published import QueryBudget
from revealed.training.als import ImplicitALS
from revealed.training.device import Device
from revealed.training.matrix import Interactions

Floats = NDArray[np.float64]
PEOPLE, ITEMS, FACTORS, SLATE = 300, 120, 6, 10
ANSWER = 40.0


def planted(seed: int) -> tuple[NDArray[np.bool_], Interactions]:
    """What everybody likes, and the little that they have shown of it; some have shown more than others."""
    random = np.random.default_rng(seed)
    taste, trait = random.normal(size=(PEOPLE, FACTORS)), random.normal(size=(ITEMS, FACTORS))
    worth = taste @ trait.T
    likes = worth > np.quantile(worth, 0.8)
    shown = likes & (random.random((PEOPLE, ITEMS)) < random.uniform(0.05, 0.5, (PEOPLE, 1)))
    ids = [
        np.array([f"{kind}{n:04d}" for n in range(many)], dtype=object)
        for kind, many in (("u", PEOPLE), ("i", ITEMS))
    ]
    confidence = csr_matrix((shown * 10.0).astype(np.float32))
    return likes, Interactions(ids[0], ids[1], confidence, csr_matrix(shown.astype(np.float32)))


def answered(data: Interactions, likes: NDArray[np.bool_], people: Floats, items: Floats) -> Interactions:
    matrix = data.confidence.toarray()
    matrix[people, items] = np.where(likes[people, items], ANSWER, -ANSWER)
    return Interactions(data.users, data.items, csr_matrix(matrix), data.seen)


def error(model: ImplicitALS, data: Interactions, likes: NDArray[np.bool_]) -> float:
    """Mean squared error of the scores of everything, as what people like has it."""
    scores = model.fold_in(data.confidence) @ model.item_factors.T
    return float(((scores - likes) ** 2).mean())


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_chosen_questions_teach_more_than_blind_ones(seed: int) -> None:
    likes, data = planted(seed)
    model = ImplicitALS(factors=FACTORS, regularization=5.0, iterations=8)
    model.fit(data, Device("cpu", "test"))
    random = np.random.default_rng(seed)
    found = find_candidates(
        model,
        data,
        np.arange(PEOPLE),
        np.zeros(ITEMS, dtype=bool),
        Disagreements(np.empty(0, dtype=int), np.empty(0, dtype=int), np.empty(0)),
        sigma2=1.0,
        slate=SLATE,
        answer=ANSWER,
    )
    budget = QueryBudget(pairs=600, per_person=4)
    before = error(model, data, likes)
    chosen, blind = [], []
    for _ in range(5):
        asked, _propensity = draw_within(found, budget, random)
        chosen.append(before - error(model, answered(data, likes, asked.people, asked.items), likes))
        unseen = np.argwhere(data.seen.toarray() == 0)
        drawn = unseen[random.choice(len(unseen), len(asked.people), replace=False)]
        blind.append(before - error(model, answered(data, likes, drawn[:, 0], drawn[:, 1]), likes))
    assert np.mean(blind) > 0
    assert np.mean(chosen) > 1.3 * np.mean(blind)
    assert np.min(chosen) > np.max(blind)
