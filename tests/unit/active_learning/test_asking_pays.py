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
Ints = NDArray[np.int64]
PEOPLE, ITEMS, FACTORS, SLATE = 300, 120, 6, 10
# As sure as of what people did; four times that is more than a model of six factors can make good.
BEHAVIOUR, OVERSURE = 10.0, 40.0


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
    confidence = csr_matrix((shown * BEHAVIOUR).astype(np.float32))
    return likes, Interactions(ids[0], ids[1], confidence, csr_matrix(shown.astype(np.float32)))


def answered(
    data: Interactions, likes: NDArray[np.bool_], people: Ints, items: Ints, answer: float
) -> Interactions:
    matrix = data.confidence.toarray()
    matrix[people, items] = np.where(likes[people, items], answer, -answer)
    return Interactions(data.users, data.items, csr_matrix(matrix), data.seen)


def error(model: ImplicitALS, data: Interactions, likes: NDArray[np.bool_]) -> float:
    """Mean squared error of the scores of everything, as what people like has it."""
    scores = model.fold_in(data.confidence) @ model.item_factors.T
    return float(((scores - likes) ** 2).mean())


def right_in_lists(model: ImplicitALS, data: Interactions, likes: NDArray[np.bool_]) -> float:
    """Share of the first ten that people like, of what they had not shown."""
    scores = model.fold_in(data.confidence) @ model.item_factors.T
    scores[data.seen.toarray() > 0] = -np.inf
    top = np.argsort(-scores, axis=1)[:, :SLATE]
    return float(np.take_along_axis(likes, top, axis=1).mean())


@pytest.mark.parametrize("answer", [BEHAVIOUR, OVERSURE])
@pytest.mark.parametrize("seed", [1, 2, 3])
def test_chosen_questions_teach_more_than_blind_ones(seed: int, answer: float) -> None:
    """Lists gain more by the chosen questions whatever an answer weighs, and so do scores where it weighs what it may.

    Answers held with more confidence than the model can make good throw scores off, whichever questions were asked.
    """
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
        answer=answer,
    )
    gains: dict[str, list[tuple[float, float]]] = {"chosen": [], "blind": []}
    for _ in range(3):
        asked, _ = draw_within(found, QueryBudget(pairs=600, per_person=4), random)
        unseen = np.argwhere(data.seen.toarray() == 0)
        blind = unseen[random.choice(len(unseen), len(asked.people), replace=False)]
        for name, (people, items) in {"chosen": (asked.people, asked.items), "blind": blind.T}.items():
            after = answered(data, likes, people, items, answer)
            lists = right_in_lists(model, after, likes) - right_in_lists(model, data, likes)
            gains[name].append((error(model, data, likes) - error(model, after, likes), lists))
    chosen, blind_gain = np.mean(gains["chosen"], axis=0), np.mean(gains["blind"], axis=0)
    assert chosen[1] > 1.5 * blind_gain[1] > 0
    if answer == BEHAVIOUR:
        assert chosen[0] > 1.15 * blind_gain[0] > 0
