"""Pairwise ranking: implicit's training, a fold-in that solves the stated objective, and scores corrected for the draws."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from implicit.cpu.bpr import BayesianPersonalizedRanking
from scipy.sparse import csr_matrix
from scipy.stats import spearmanr
from test_als_truth import CPU, build, planted

from revealed.errors import DamagedModelError
from revealed.training import bpr
from revealed.training.artifact import load_model, save_model
from revealed.training.bpr import PairwiseRanking
from revealed.training.matrix import Interactions
from revealed.training.protocol import NOTHING, create


def fitted(data: Interactions, **parameters: Any) -> PairwiseRanking:
    model = PairwiseRanking(**{"factors": 6, "iterations": 150} | parameters)
    model.fit(data, CPU)
    return model


def row_of(width: int, **values: float) -> csr_matrix:
    """Return one row; names are `i` and the column."""
    columns = [int(name[1:]) for name in values]
    return csr_matrix(
        (list(values.values()), ([0] * len(values), columns)), shape=(1, width), dtype=np.float32
    )


def objective(user: np.ndarray, model: PairwiseRanking, stored: np.ndarray) -> float:
    """Sum over every pair of a like and a negative, one by one, as the module says it."""
    raw = model.item_factors[:, -1].astype(np.float64) - np.log(np.maximum(model.likes, 1))
    scores = model.item_factors[:, :-1].astype(np.float64) @ user + raw
    times = np.where(stored > 0, 0.0, np.maximum(np.abs(stored), 1.0)) * model.likes
    likes = np.flatnonzero(stored > 0)
    losses = [
        times[j] / times.sum() * np.log1p(np.exp(scores[j] - scores[i]))
        for i in likes
        for j in range(len(stored))
    ]
    return float(np.sum(losses) / len(likes) + model.parameters["regularization"] / 2 * user @ user)


@pytest.mark.parametrize("dislikes", [{}, {"i1": -9.0, "i7": -2.5}])
def test_the_fold_in_is_the_minimum_of_the_stated_objective(dislikes: dict[str, float]) -> None:
    model = fitted(planted())
    row = row_of(60, i0=3.0, i3=40.0, i9=0.5, **dislikes)
    stored = row.toarray()[0]
    found = model.fold_in(row)[0]
    assert found[-1] == 1.0
    user = found[:-1].astype(np.float64)
    steps = np.eye(6) * 1e-4
    slope = [objective(user + step, model, stored) - objective(user - step, model, stored) for step in steps]
    assert np.abs(slope).max() / 2e-4 < 1e-4
    least = objective(user, model, stored)
    for seed in range(20):
        away = user + np.random.default_rng(seed).normal(size=6) * 0.1
        assert objective(away, model, stored) > least


def test_fold_in_agrees_with_the_factors_that_training_gave_the_users() -> None:
    data = planted()
    model = fitted(data)
    chosen = {
        name: model.parameters[name] for name in ("factors", "learning_rate", "regularization", "iterations")
    }
    solver = BayesianPersonalizedRanking(**chosen, num_threads=1, random_state=model.parameters["seed"])
    solver.fit(data.confidence, show_progress=False)
    share = np.log(np.maximum(model.likes, 1))
    assert model.item_factors[:, :-1] == pytest.approx(solver.item_factors[:, :-1], abs=0)
    assert model.item_factors[:, -1] == pytest.approx(solver.item_factors[:, -1] + share, abs=1e-5)
    trained = solver.user_factors @ model.item_factors.T
    folded = model.fold_in(data.confidence) @ model.item_factors.T
    agreement = [spearmanr(one, other).statistic for one, other in zip(trained, folded, strict=True)]
    assert np.mean(agreement) > 0.95
    assert np.min(agreement) > 0.8
    own = (np.arange(150) % 3)[:, None] == (np.arange(60) % 3)[None, :]
    unseen = data.seen.toarray() == 0
    hits = []
    for scores in (trained, folded):
        best = np.argsort(-np.where(unseen, scores, -np.inf), axis=1)[:, :5]
        hits.append(np.take_along_axis(own, best, axis=1).mean())
    assert hits[1] == pytest.approx(hits[0], abs=0.03)
    assert hits[1] > 0.9


def test_the_same_seed_gives_the_same_bits_and_another_does_not() -> None:
    one, two, other = (fitted(planted(), seed=seed) for seed in (3, 3, 4))
    assert (one.item_factors == two.item_factors).all()
    assert not np.allclose(one.item_factors, other.item_factors, atol=1e-2)
    again = one.fold_in(planted().confidence)
    assert (again == two.fold_in(planted().confidence)).all()


def test_only_likes_teach() -> None:
    """A dislike must not be drawn as a like: implicit takes every stored entry for one."""
    data, mixed = planted(), planted()
    pairs = data.confidence.tocoo()
    rows, columns = [*pairs.row.tolist(), *range(150)], [*pairs.col.tolist(), *[0] * 150]
    free = [data.confidence[user, 0] == 0 for user in range(150)]
    kept = [True] * data.confidence.nnz + free
    mixed = build(
        [row for row, keep in zip(rows, kept, strict=True) if keep],
        [column for column, keep in zip(columns, kept, strict=True) if keep],
        [*pairs.data.tolist(), *[-50.0] * sum(free)],
        150,
        60,
    )
    assert mixed.confidence.nnz > data.confidence.nnz
    assert (fitted(mixed).item_factors == fitted(data).item_factors).all()


@pytest.mark.parametrize("item", range(0, 60, 7))
def test_a_dislike_lowers_its_item_against_the_likes_and_one_that_says_nothing_moves_nothing(
    item: int,
) -> None:
    model = fitted(planted())
    liked = {"i3": 5.0, "i6": 5.0, "i12": 5.0}
    plain, nothing, mild, strong = (
        (model.fold_in(row_of(60, **liked, **more)) @ model.item_factors.T)[0]
        for more in ({}, {f"i{item}": -1.0}, {f"i{item}": -20.0}, {f"i{item}": -400.0})
    )
    assert nothing == pytest.approx(plain, abs=1e-4)
    leads = [scores[[3, 6, 12]].mean() - scores[item] for scores in (plain, mild, strong)]
    assert leads[0] < leads[1] < leads[2]


def test_where_all_share_one_taste_the_order_is_that_of_the_crowd() -> None:
    """Negatives are drawn by popularity, so that pairs tell nothing here; the correction alone knows what is liked most."""
    random = np.random.default_rng(4)
    chance = 1.0 / np.arange(1, 81)
    rows, columns = [], []
    for user in range(600):
        rows.extend([user] * 8)
        columns.extend(random.choice(80, 8, replace=False, p=chance / chance.sum()).tolist())
    data = build(rows, columns, [5.0] * len(rows), 600, 80)
    model = fitted(data, factors=4, iterations=60)
    scores = (model.fold_in(data.confidence[:100]) @ model.item_factors.T).mean(axis=0)
    raw = scores - np.log(np.maximum(model.likes, 1))
    assert spearmanr(scores, data.likes).statistic > 0.9
    assert abs(spearmanr(raw, data.likes).statistic) < 0.6


def test_what_nobody_likes_and_what_is_seen_or_blocked_is_in_no_list() -> None:
    data = planted(users=60, items=60)
    pairs = data.confidence.tocoo()
    likes = np.where(pairs.col < 6, -pairs.data, pairs.data)  # the first six are known by dislikes alone
    data = build(pairs.row.tolist(), pairs.col.tolist(), likes.tolist(), 60, 60)
    model = fitted(data)
    blocked = np.zeros(60, dtype=bool)
    blocked[10:20] = True
    lists = model.recommend(data.confidence, data.seen, 60, blocked).items
    for user, found in enumerate(lists):
        expected = set(range(20, 60)) | set(range(6, 10))
        assert set(found[found != NOTHING]) == expected - set(data.seen[user].indices)
    nobody = row_of(60, i1=-4.0)
    assert not model.fold_in(nobody).any()
    assert (model.recommend(nobody, row_of(60), 5).items == NOTHING).all()


def test_likeness_is_of_taste_not_of_popularity() -> None:
    model = fitted(planted())
    before = model.similar(5).items
    assert (before % 3 == (np.arange(60) % 3)[:, None]).mean() > 0.9
    model.item_factors[:, -1] = np.linspace(-50, 50, 60)
    assert (model.similar(5).items == before).all()


def test_a_large_catalogue_is_stood_for_by_as_many_likes_as_it_has(monkeypatch: pytest.MonkeyPatch) -> None:
    model = PairwiseRanking()
    model.likes = np.random.default_rng(2).zipf(1.6, 5_000).clip(0, 400).astype(np.int64) - 1
    items, mass = model._crowd()
    assert mass.sum() == pytest.approx(model.likes.sum())
    every = model.likes.sum() / bpr._NEGATIVES
    drawn = np.zeros(5_000)
    drawn[items] = mass
    assert np.abs(drawn - model.likes).max() <= every + 1e-6
    assert np.abs(np.cumsum(drawn) - np.cumsum(model.likes)).max() <= every
    monkeypatch.setattr(bpr, "_NEGATIVES", 5_000)
    items, mass = model._crowd()
    assert (mass == model.likes[items]).all()


def test_a_model_is_saved_and_loaded_whole(tmp_path: Path) -> None:
    data = planted()
    model = fitted(data)
    loaded, _ = load_model(save_model(tmp_path, model, {}, {}).folder)
    assert isinstance(loaded, PairwiseRanking)
    before, after = (one.recommend(data.confidence, data.seen, 5) for one in (model, loaded))
    assert (before.items == after.items).all()
    assert (before.scores == after.scores).all()
    assert create("bpr", model.parameters).parameters == model.parameters
    for wrong in (model.likes[:-1], model.likes.astype(np.float64)):
        with pytest.raises(DamagedModelError, match="likes"):
            PairwiseRanking(factors=6).restore(model.items, model.arrays() | {"likes": wrong})
    with pytest.raises(DamagedModelError, match="item factors"):
        PairwiseRanking(factors=7).restore(model.items, model.arrays())


def test_the_share_of_pairs_in_the_wrong_order_falls() -> None:
    model = fitted(planted(), iterations=60)
    assert [sweep for sweep, _ in model.history] == list(range(1, 61))
    losses = [loss for _, loss in model.history]
    assert losses[0] == pytest.approx(0.5, abs=0.06)
    assert np.mean(losses[-5:]) < 0.25
