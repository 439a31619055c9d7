"""What people are shown: the model's items first, popularity's where they run out, never what they have had."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from scipy.sparse import csr_matrix
from test_als_truth import CPU, build, fitted, planted

from revealed.training.matrix import Interactions, positions
from revealed.training.popularity import Popularity, first_unseen
from revealed.training.protocol import NOTHING
from revealed.training.serving import Server


def popularity_of(data: Interactions) -> Popularity:
    model = Popularity()
    model.fit(data, CPU)
    return model


def test_popularity_counts_people_not_their_eagerness() -> None:
    # Item 0: two mild likes. Item 1: one great like. Item 2: two likes, greater in sum than item 0's. Item 3: disliked.
    data = build([0, 1, 2, 3, 4, 5], [0, 0, 1, 2, 2, 3], [2, 2, 9000, 5, 5, -50], 6, 4)
    model = popularity_of(data)
    assert model.order().tolist() == [2, 0, 1]


@given(st.integers(0, 10_000))
def test_first_unseen_is_what_a_loop_finds(seed: int) -> None:
    random = np.random.default_rng(seed)
    rows, items, k = random.integers(1, 6), random.integers(1, 12), int(random.integers(1, 8))
    order = random.permutation(items)[: random.integers(0, items + 1)].astype(np.int32)
    dense = (random.random((rows, items)) < 0.4).astype(np.float32)
    found = first_unseen(order, csr_matrix(dense), k)
    for row in range(rows):
        expected = [item for item in order if not dense[row, item]][:k]
        assert found[row].tolist() == expected + [NOTHING] * (k - len(expected))


def test_lists_are_topped_up_without_repeats_and_say_so() -> None:
    data = planted(users=60, items=30)
    narrow = data.onto(data.items[:15])  # the model knows only half of the items
    server = Server(fitted(narrow), popularity_of(data), data, data.items[[3, 20]])
    served = server.lists(np.arange(60), 16)
    for user in range(60):
        shown = served.items[user][served.items[user] != NOTHING]
        assert len(shown) == 16 == len(set(shown))
        assert not set(shown) & ({3, 20} | set(data.seen[user].indices))
        own = shown[served.source[user] == 0]
        assert (own < 15).all()
        assert set(own) == set(range(15)) - {3} - set(data.seen[user].indices)
        assert {served.names[code] for code in served.source[user]} <= {"als", "popularity"}
        assert (np.diff(served.source[user]) >= 0).all()  # the model's first
    assert server.servable().tolist() == [28 - len(set(row.indices) - {3, 20}) for row in data.seen]


def test_a_stranger_to_the_model_is_served_popularity() -> None:
    data = build([0, 0, 1, 1, 2], [0, 1, 1, 2, 3], [9, 9, 9, 9, -9], 3, 4)
    server = Server(fitted(data, factors=2, regularization=0.1), popularity_of(data), data)
    served = server.lists(np.array([2]), 3)
    assert {served.names[code] for code in served.source.ravel()} == {"popularity"}
    assert served.items[0].tolist() == [1, 0, 2]


def test_items_are_matched_by_id_when_the_model_has_others() -> None:
    data = planted(users=60, items=30)
    model = fitted(data)
    # The same world, in which ten items have vanished, seen through a model that still has them.
    kept = np.array([item for item in range(30) if item % 3 != 0 or item < 15])
    fewer = data.onto(data.items[kept])
    served = Server(model, popularity_of(fewer), fewer).lists(np.arange(60), 5)
    full = np.zeros((60, 30), dtype=np.float32)
    full[:, kept] = fewer.confidence.toarray()
    seen = np.zeros((60, 30), dtype=np.float32)
    seen[:, kept] = fewer.seen.toarray()
    expected = model.recommend(csr_matrix(full), csr_matrix(seen), 5)
    assert (served.items == expected.items).all()


def test_positions_finds_ids_and_only_those() -> None:
    within = np.array(["a", "c", "e"], dtype=object)
    assert positions(["e", "b", "a", "f", ""], within).tolist() == [2, -1, 0, -1, -1]
    assert positions([], within).tolist() == []
    assert positions(["a"], np.empty(0, dtype=object)).tolist() == [-1]
