"""What the fit gives is what the mathematics says, not merely something."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from implicit.cpu.als import AlternatingLeastSquares
from scipy.sparse import csr_matrix

from revealed.errors import NoDataError
from revealed.training.als import ImplicitALS
from revealed.training.device import Device
from revealed.training.matrix import Interactions, interactions
from revealed.training.popularity import Popularity
from revealed.training.protocol import NOTHING, Recommender

CPU = Device("cpu", "test")


def planted(seed: int = 1, users: int = 150, items: int = 60, tastes: int = 3) -> Interactions:
    """Everybody likes 12 items, nine in ten of the own taste, and has seen exactly those."""
    random = np.random.default_rng(seed)
    rows, columns = [], []
    for user in range(users):
        own = np.arange(items) % tastes == user % tastes
        weight = np.where(own, 0.9 / own.sum(), 0.1 / (~own).sum())
        liked = random.choice(items, 12, replace=False, p=weight)
        rows.extend([user] * 12)
        columns.extend(liked.tolist())
    return build(rows, columns, random.uniform(5, 30, len(rows)).tolist(), users, items)


def build(rows: list[int], columns: list[int], values: list[float], users: int, items: int) -> Interactions:
    return interactions(
        np.array([f"u{n:04d}" for n in range(users)], dtype=object),
        np.array([f"i{n:04d}" for n in range(items)], dtype=object),
        np.array(rows, dtype=np.int32),
        np.array(columns, dtype=np.int32),
        np.array(values, dtype=np.float32),
        np.ones(len(rows), dtype=bool),
    )


def fitted(data: Interactions, **parameters: float) -> ImplicitALS:
    model = ImplicitALS(**({"factors": 8, "regularization": 1.0} | parameters))  # type: ignore[arg-type]
    model.fit(data, CPU)
    return model


def dense_solution(factors: np.ndarray, stored: np.ndarray, regularization: float) -> np.ndarray:
    """Solve one user in float64 over *every* item: absent is p=0, c=1; v>0 is p=1, c=v; v<0 is p=0, c=|v|."""
    y = factors.astype(np.float64)
    confidence = np.where(stored == 0, 1.0, np.abs(stored))
    preference = (stored > 0).astype(np.float64)
    a = y.T @ (confidence[:, None] * y) + regularization * np.eye(y.shape[1])
    return np.linalg.solve(a, y.T @ (confidence * preference))


@pytest.mark.parametrize("regularization", [0.1, 3.0])
def test_user_factors_are_the_dense_closed_form(regularization: float) -> None:
    model = fitted(planted(), regularization=regularization)
    stored = np.zeros(60)
    stored[[3, 17, 30, 41]] = [5, 0.3, -4, -0.2]
    found = model.fold_in(csr_matrix(stored.astype(np.float32)))[0]
    expected = dense_solution(model.item_factors, stored, regularization)
    assert np.abs(found - expected).max() < 1e-4
    # The nearby mistakes are far away: one added to the confidence, and dislikes taken for likes.
    for wrong in (np.where(stored > 0, stored + 1, stored), np.abs(stored)):
        assert np.abs(found - dense_solution(model.item_factors, wrong, regularization)).max() > 1e-3


def test_training_ends_where_the_dense_sweeps_end() -> None:
    # At the fixed point the item factors solve the same closed form from the users' side.
    data = planted(users=40, items=20)
    model = fitted(data, factors=3, iterations=200)
    users = model.fold_in(data.confidence)
    columns = data.confidence.toarray().T
    again = np.stack([dense_solution(users, column, 1.0) for column in columns])
    assert np.abs(again - model.item_factors).max() < 1e-3


@pytest.mark.parametrize(("scale", "is_exact"), [(1.0, False), (10.0, True)])
def test_confidences_in_the_hundreds_are_solved_exactly(scale: float, is_exact: bool) -> None:
    # Three conjugate-gradient steps miss the minimum by 9 % at c = 1,000 (science.md §1).
    data = planted(users=40, items=20)
    data.confidence.data *= scale
    model = fitted(data, factors=3)
    by_solver = {}
    for use_cg in (False, True):
        reference = AlternatingLeastSquares(
            factors=3,
            regularization=1.0,
            alpha=1.0,
            iterations=15,
            use_cg=use_cg,
            random_state=model.parameters["seed"],
        )
        reference.fit(data.confidence, show_progress=False)
        by_solver[use_cg] = bool((reference.item_factors == model.item_factors).all())
    assert by_solver == {False: is_exact, True: not is_exact}


def test_same_seed_gives_the_same_bits() -> None:
    data = planted()
    assert (fitted(data).item_factors == fitted(data).item_factors).all()
    assert (fitted(data).item_factors != fitted(data, seed=2).item_factors).any()


def test_renaming_ids_leaves_the_recommendations_unchanged() -> None:
    data = planted()
    random = np.random.default_rng(8)
    new_user, new_item = random.permutation(150), random.permutation(60)
    pairs = data.confidence.tocoo()
    renamed = build(new_user[pairs.row].tolist(), new_item[pairs.col].tolist(), pairs.data.tolist(), 150, 60)
    lists = []
    for world in (data, renamed):
        model = fitted(world, factors=3, iterations=120)
        lists.append(model.recommend(world.confidence, world.seen, 5).items)
    # Other initial factors end in the same minimum: the same lists, up to the renaming.
    agree = (new_item[lists[0]] == lists[1][new_user]).mean()
    assert agree > 0.99


@pytest.mark.parametrize("kind", [ImplicitALS, Popularity])
def test_seen_and_blocked_items_are_never_recommended_and_no_filler_comes_back(
    kind: type[Recommender],
) -> None:
    data = planted()
    model: Recommender = kind()
    model.fit(data, CPU)
    blocked = np.zeros(60, dtype=bool)
    blocked[::7] = True
    found = model.recommend(data.confidence, data.seen, 60, blocked)
    for user in range(150):
        real = found.items[user][found.items[user] != NOTHING]
        assert not set(real) & set(data.seen[user].indices)
        assert not blocked[real].any()
        assert (
            len(real)
            == len(set(real))
            == 60 - len(set(data.seen[user].indices) | set(np.flatnonzero(blocked)))
        )
    assert (found.scores > -1e30).all()


def test_a_row_that_likes_nothing_gets_nothing_from_als() -> None:
    data = planted()
    only_dislikes = csr_matrix(([-5.0], ([1], [4])), shape=(2, 60), dtype=np.float32)
    found = fitted(data).recommend(only_dislikes, csr_matrix((2, 60), dtype=np.float32), 10)
    assert (found.items == NOTHING).all()


def test_a_dislike_lowers_the_item_and_its_kind() -> None:
    data = planted()
    model = fitted(data, factors=3)
    unseen = csr_matrix((2, 60), dtype=np.float32)
    liked = [0, 3, 6, 9]
    both = csr_matrix(
        ([20.0] * 4 + [20.0] * 4 + [-60.0] * 2, ([0] * 4 + [1] * 6, liked + liked + [1, 4])),
        shape=(2, 60),
        dtype=np.float32,
    )
    found = model.recommend(both, unseen, 60)
    rank = {user: {item: place for place, item in enumerate(found.items[user])} for user in (0, 1)}
    others = [item for item in range(60) if item % 3 == 1 and item not in (1, 4)]
    assert np.mean([rank[1][i] for i in others]) > np.mean([rank[0][i] for i in others])


def test_similar_items_are_of_the_same_taste() -> None:
    found = fitted(planted(), factors=3).similar(5)
    own = np.arange(60)[:, None]
    assert (found.items % 3 == own % 3).mean() > 0.98
    assert (found.items != own).all()
    assert (np.diff(found.scores, axis=1) <= 1e-6).all()


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ([np.nan, 5.0], "not a number"),
        ([np.inf, 5.0], "not a number"),
        ([-2.0, -3.0], "no pair is liked"),
        ([], "too few"),
    ],
)
def test_what_implicit_would_accept_silently_is_refused(values: list[float], message: str) -> None:
    with pytest.raises(NoDataError, match=message):
        build(list(range(len(values))), list(range(len(values))), values, 2, 2)


def test_one_user_or_one_item_is_too_few() -> None:
    for users, items in ((1, 3), (3, 1)):
        with pytest.raises(NoDataError, match="too few"):
            build([0], [0], [5.0], users, items)


def test_gigantic_confidence_is_clipped() -> None:
    assert build([0, 1], [0, 1], [1e12, 5.0], 2, 2).confidence.max() == 10_000


def test_degenerate_factors_are_refused() -> None:
    model = ImplicitALS(factors=4, regularization=1e12)
    with pytest.raises(NoDataError, match="zeros"):
        model.fit(planted(), CPU)


def test_duplicates_are_summed(tmp_path: Path) -> None:
    data = build([0, 0, 1], [0, 0, 1], [2.0, 3.0, 4.0], 2, 2)
    assert data.confidence.nnz == 2
    assert data.confidence.toarray().tolist() == [[5, 0], [0, 4]]


@pytest.mark.parametrize("regularization", [0.1, 3.0])
def test_signed_values_solve_the_dense_system(regularization: float) -> None:
    """{5, .3, -4, -.2, explicit 0}: like, weak like, dislike, weak dislike, and a masked cell, to 1e-5 (science.md §1)."""
    model = fitted(planted(), regularization=regularization)
    columns, values = [3, 17, 30, 41, 50], [5.0, 0.3, -4.0, -0.2, 0.0]
    row = csr_matrix((values, ([0] * 5, columns)), shape=(1, 60), dtype=np.float32)
    assert row.nnz == 5
    y = model.item_factors.astype(np.float64)
    confidence, preference = np.ones(60), np.zeros(60)
    confidence[columns] = np.abs(values)
    preference[[3, 17]] = 1
    a = y.T @ (confidence[:, None] * y) + regularization * np.eye(8)
    expected = np.linalg.solve(a, y.T @ (confidence * preference))
    assert np.abs(model.fold_in(row)[0] - expected).max() < 1e-5
    # The masked cell weighs nothing: where it is dropped instead, it weighs as an unobserved one.
    row.eliminate_zeros()
    assert np.abs(model.fold_in(row)[0] - expected).max() > 1e-5


def test_minus_one_is_what_an_unobserved_pair_means() -> None:
    """Evenly balanced evidence is stored as -1, which must not move anybody."""
    model = fitted(planted())
    likes = csr_matrix(([20.0, 20.0], ([0, 0], [3, 6])), shape=(1, 60), dtype=np.float32)
    balanced = csr_matrix(([20.0, 20.0, -1.0], ([0, 0, 0], [3, 6, 10])), shape=(1, 60), dtype=np.float32)
    assert np.abs(model.fold_in(likes) - model.fold_in(balanced)).max() < 1e-6
