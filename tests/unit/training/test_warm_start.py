"""A training that begins from an earlier model: by item id, without loss of anybody, and as good as one from scratch."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from scipy.sparse import csr_matrix
from test_als_truth import CPU, build, planted

from revealed.evaluation import metrics
from revealed.training.als import ImplicitALS
from revealed.training.bpr import PairwiseRanking
from revealed.training.factor_model import FactorModel
from revealed.training.ials import FrequencyScaledALS
from revealed.training.matrix import Interactions, interactions
from revealed.training.popularity import Popularity
from revealed.training.protocol import NOTHING, Recommender

KINDS: dict[str, Callable[..., FactorModel]] = {
    "als": lambda **more: ImplicitALS(**{"factors": 6, "regularization": 5.0} | more),
    "ials": lambda **more: FrequencyScaledALS(
        **{"factors": 6, "regularization": 0.05, "unobserved": 0.3, "threads": 1} | more
    ),
    "bpr": lambda **more: PairwiseRanking(**{"factors": 6, "iterations": 120, "warm_iterations": 20} | more),
}


def trained(model: FactorModel, data: Interactions, start: Recommender | None = None) -> FactorModel:
    model.fit(data, CPU, start=start)
    return model


class Window:
    """People with tastes of eight dimensions who pick items by them; the last 100 of 300 people and of 200 items are new."""

    def __init__(self, seed: int = 3) -> None:
        random = np.random.default_rng(seed)
        users, items = random.normal(size=(300, 8)), random.normal(size=(200, 8))
        self.users, self.items = 300, 200
        scores = users @ items.T + random.gumbel(size=(300, 200)) * 1.2
        scores[:200, 100:] -= 3.0
        scores[200:, :100] -= 3.0
        order = np.argsort(-scores, axis=1)
        rows, picked = np.repeat(np.arange(300), 24), order[:, :24]
        is_test = random.random((300, 24)) < 0.35
        self.pairs = np.column_stack([rows, picked.ravel()])[~is_test.ravel()]
        tests = np.column_stack([rows, picked.ravel()])[is_test.ravel()]
        ones = np.ones(len(tests), dtype=np.float32)
        self.relevance = csr_matrix((ones, (tests[:, 0], tests[:, 1])), shape=(300, 200))

    def of(self, keep: np.ndarray) -> Interactions:
        """Return the pairs that `keep` says, over the users and items that they name."""
        pairs = self.pairs[keep]
        users, rows = np.unique(pairs[:, 0], return_inverse=True)
        items, columns = np.unique(pairs[:, 1], return_inverse=True)
        return interactions(
            np.array([f"u{user:04d}" for user in users], dtype=object),
            np.array([f"i{item:04d}" for item in items], dtype=object),
            rows.astype(np.int32),
            columns.astype(np.int32),
            np.full(len(pairs), 8.0, dtype=np.float32),
            np.ones(len(pairs), dtype=bool),
        )

    @property
    def whole(self) -> Interactions:
        return self.of(np.ones(len(self.pairs), dtype=bool))

    def ndcg(self, model: Recommender, cohort: slice) -> float:
        """Return NDCG@20 of a cohort's held-back likes, for lists from all that is known of it."""
        rows = np.arange(self.users)[cohort]
        known = self.whole.onto(model.items)
        assert len(known.users) == self.users
        lists = model.recommend(known.confidence[rows], known.seen[rows], 20).items
        number = np.array([int(name[1:]) for name in model.items])
        lists = np.where(lists == NOTHING, NOTHING, number[lists])
        relevance = self.relevance[rows]
        return float(metrics.ndcg(metrics.gains(lists, relevance), relevance, 20).mean())


def yesterday(window: Window) -> np.ndarray:
    """Return the pairs of all but one user and one item in twenty."""
    known: np.ndarray = (window.pairs % 20 != 19).all(axis=1)
    return known


def old_pairs(window: Window) -> np.ndarray:
    old: np.ndarray = (window.pairs[:, 0] < 200) & (window.pairs[:, 1] < 100)
    return old


@pytest.mark.parametrize("kind", ["als", "ials"])
def test_one_or_two_sweeps_are_worth_fifteen_from_scratch(kind: str) -> None:
    window = Window()
    start = trained(KINDS[kind](factors=8), window.of(yesterday(window)))
    scratch, one, warm, warm_one = (
        trained(KINDS[kind](factors=8, **more), window.whole, begun)
        for more, begun in (
            ({}, None),
            ({"iterations": 1}, None),
            ({}, start),
            ({"warm_iterations": 1}, start),
        )
    )
    everybody = slice(None)
    full, first, two, single = (window.ndcg(model, everybody) for model in (scratch, one, warm, warm_one))
    assert [len(model.history) for model in (one, warm, warm_one)] == [1, 2, 1]
    assert two > 0.96 * full
    assert single > 0.93 * full
    assert first < 0.6 * full


@pytest.mark.parametrize("kind", KINDS)
def test_nobody_is_forgotten_when_the_whole_window_is_trained_on(kind: str) -> None:
    window, old = Window(), slice(0, 200)
    start = trained(KINDS[kind](factors=8), window.of(old_pairs(window)))
    before = window.ndcg(start, old)
    whole = trained(KINDS[kind](factors=8), window.whole, start)
    news = trained(KINDS[kind](factors=8), window.of(~old_pairs(window)), start)
    assert window.ndcg(whole, old) > 0.95 * before
    assert window.ndcg(news, old) < 0.9 * before  # what the rule is there for


@pytest.mark.parametrize("kind", KINDS)
def test_factors_are_found_again_by_id_not_by_place(kind: str) -> None:
    data, random = planted(), np.random.default_rng(8)
    new_item = random.permutation(60)
    pairs = data.confidence.tocoo()
    renamed = build(pairs.row.tolist(), new_item[pairs.col].tolist(), pairs.data.tolist(), 150, 60)
    start = trained(KINDS[kind](factors=3), data)
    moved = trained(KINDS[kind](factors=3), renamed)
    moved.item_factors = np.empty_like(start.item_factors)
    moved.item_factors[new_item] = start.item_factors
    # BPR draws its pairs by place, so that what it is given is looked at, before any sweep.
    sweeps = {"warm_iterations": 0 if kind == "bpr" else 1}
    lists = []
    for world, begun in ((data, start), (renamed, moved), (renamed, start)):
        model = trained(KINDS[kind](factors=3, **sweeps), world, begun)
        lists.append(model.recommend(world.confidence, world.seen, 5).items)
    assert (new_item[lists[0]] == lists[1]).mean() > 0.97
    assert (new_item[lists[0]] == lists[2]).mean() < 0.9


@pytest.mark.parametrize("kind", KINDS)
def test_before_any_sweep_the_model_is_the_earlier_one(kind: str) -> None:
    data = planted()
    start = trained(KINDS[kind](), data)
    model = trained(KINDS[kind](warm_iterations=0), data, start)
    assert model.item_factors == pytest.approx(start.item_factors, abs=1e-6)
    assert model.history == []


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(("before", "after"), [((0, 60), (20, 90)), ((10, 90), (0, 40)), ((0, 50), (49, 90))])
def test_a_catalogue_that_grew_or_shrank_neither_crashes_nor_gives_nan(
    kind: str, before: tuple[int, int], after: tuple[int, int]
) -> None:
    """Items of the present data stand at other places than before, some are new, some gone, and users are others, too."""
    earlier, present = planted(users=90, items=90), planted(seed=2, users=140, items=90)
    start = trained(KINDS[kind](), earlier.onto(earlier.items[slice(*before)]))
    kept = start.item_factors.copy()
    data = present.onto(present.items[slice(*after)])
    model = trained(KINDS[kind](), data, start)
    assert np.isfinite(model.item_factors).all()
    assert model.item_factors.shape[0] == len(data.items) == len(model.items)
    shared = len(set(range(*before)) & set(range(*after)))
    assert model.initialization == f"from the earlier model's factors of {shared} of {len(data.items)} items"
    assert (start.item_factors == kept).all()
    lists = model.recommend(data.confidence, data.seen, 5).items
    new = lists[lists >= max(before[1] - after[0], 0)] if after[1] > before[1] else lists
    assert len(new)


@pytest.mark.parametrize("scale", [1.0, 4.0])
def test_newcomers_are_what_the_users_who_like_them_say(scale: float) -> None:
    """By conjugate gradients and exactly: after one sweep a new item is recommended to its taste, and to no other."""
    data = planted(users=150, items=60)
    data.confidence.data *= scale
    start = trained(ImplicitALS(factors=3), data.onto(data.items[:45]))
    model = trained(ImplicitALS(factors=3, warm_iterations=1), data, start)
    users = model.fold_in(data.confidence)
    scores = users @ model.item_factors[45:].T
    own = (np.arange(150) % 3)[:, None] == (np.arange(45, 60) % 3)[None, :]
    above = scores[own].reshape(150, 5)[:, :, None] > scores[~own].reshape(150, 10)[:, None, :]
    assert above.mean() > 0.95


@pytest.mark.parametrize("kind", KINDS)
def test_what_cannot_be_begun_from_begins_at_random_and_says_so(kind: str) -> None:
    data = planted()
    cold = trained(KINDS[kind](), data)
    assert cold.initialization == "at random: no earlier model was given"
    crowd, other = Popularity(), KINDS["ials" if kind == "als" else "als"]()
    crowd.fit(data, CPU)
    strangers = trained(KINDS[kind](), data)
    strangers.items = np.array([f"j{n:04d}" for n in range(60)], dtype=object)
    for start, why in (
        (crowd, f"at random: the earlier model is popularity, not {kind}"),
        (trained(other, data), f"at random: the earlier model is {other.name}, not {kind}"),
        (trained(KINDS[kind](factors=5), data), "at random: the earlier model has 5 factors, not 6"),
        (strangers, "at random: the earlier model knows none of the items"),
        (KINDS[kind](), "at random: the earlier model knows none of the items"),
    ):
        model = trained(KINDS[kind](), data, start)
        assert model.initialization == why
        assert (model.item_factors == cold.item_factors).all()


@pytest.mark.parametrize("kind", KINDS)
def test_a_training_that_is_stopped_leaves_the_model_of_its_finished_sweeps(kind: str) -> None:
    data = planted()
    told: list[tuple[int, float | None]] = []

    def stop(sweep: int, loss: float | None) -> None:
        told.append((sweep, loss))
        if sweep == 3:
            raise KeyboardInterrupt

    stopped, three = KINDS[kind](iterations=9), trained(KINDS[kind](iterations=3), data)
    with pytest.raises(KeyboardInterrupt):
        stopped.fit(data, CPU, after_sweep=stop)
    assert [sweep for sweep, _ in told] == [1, 2, 3]
    assert [heard for heard in told if heard[1] is not None] == stopped.history == three.history
    assert (stopped.item_factors == three.item_factors).all()
    lists: list[Any] = [
        model.recommend(data.confidence, data.seen, 5).items.tolist() for model in (stopped, three)
    ]
    assert lists[0] == lists[1]


def test_the_loss_of_als_is_the_dense_objective() -> None:
    """Mean over all cells of c (p - x y)^2, and the penalty; a dislike wants 0, where implicit's own figure counts 1."""
    data = planted(users=40, items=20)
    data.confidence.data[::5] *= -1
    model = ImplicitALS(factors=3, regularization=1.0, iterations=40)
    model.fit(data, CPU)
    stored = data.confidence.toarray().astype(np.float64)
    confidence, preference = np.where(stored == 0, 1.0, np.abs(stored)), stored > 0
    x, y = (side.astype(np.float64) for side in (model.fold_in(data.confidence), model.item_factors))
    loss = (confidence * (preference - x @ y.T) ** 2).sum() + (x**2).sum() + (y**2).sum()
    assert [sweep for sweep, _ in model.history] == [1, *range(3, 40, 3), 40]
    assert model.history[-1] == (40, pytest.approx(loss / confidence.sum(), rel=1e-3))
    losses = [value for _, value in model.history]
    assert all(later <= earlier * 1.0001 for earlier, later in pairwise(losses))
    exact = ImplicitALS(factors=3, iterations=5)
    data.confidence.data *= 10
    exact.fit(data, CPU)
    assert [sweep for sweep, _ in exact.history] == [1, 2, 3, 4, 5]
