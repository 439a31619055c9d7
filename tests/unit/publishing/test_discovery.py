"""Discovery: what is drawn is drawn by its promise, and nothing else about a list changes."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.sparse import csr_matrix
from scipy.stats import chisquare

from revealed.errors import InvalidInputError
from revealed.publishing.discovery import (
    _DRAWS_A_PLACE,
    DiscoveryLists,
    Draws,
    promise,
    with_discovery,
)
from revealed.publishing.list_files import list_utilities
from revealed.publishing.rules import DISCOVERY, Discovery, Rules, read_rules
from revealed.settings import Settings
from revealed.training.matrix import Interactions
from revealed.training.protocol import NOTHING
from revealed.training.serving import Served

ITEMS = 12
NAMES = np.array([f"i{n:02d}" for n in range(ITEMS)], dtype=object)


class Fixed:
    """A source of lists that are given, over a space that lacks the last items."""

    def __init__(self, lists: np.ndarray, known: int = ITEMS) -> None:
        self.space, self.names, self._lists = NAMES[:known], ("model",), lists

    def lists(self, rows: np.ndarray, k: int) -> Served:
        served = Served.empty(len(rows), k, self.names)
        width = min(k, self._lists.shape[1])
        served.items[:, :width] = self._lists[rows][:, :width]
        served.source[served.items != NOTHING] = 0
        served.scores[:] = np.where(served.items == NOTHING, 0.0, -np.arange(k, dtype=np.float32))
        return served


class Unfilled(DiscoveryLists):
    """As they are before their open end is filled."""

    def _fill(self, served: Served, rows: np.ndarray) -> None:
        pass


def data_of(users: int, confidence: np.ndarray, seen: np.ndarray | None = None) -> Interactions:
    names = np.array([f"u{n:04d}" for n in range(users)], dtype=object)
    had = np.zeros_like(confidence) if seen is None else seen
    return Interactions(names, NAMES[: confidence.shape[1]], csr_matrix(confidence), csr_matrix(had))


def test_promise_is_the_chance_to_beat_what_is_liked() -> None:
    likes, people = np.array([0, 0, 1, 9, 60, 400]), np.array([0, 40, 1, 10, 200, 1000])
    everybody, rates = people.sum(), np.array([0, 0, 1, 0.9, 0.3, 0.4])
    mean, bar = likes.sum() / everybody, (likes * rates).sum() / likes.sum()
    rng = np.random.default_rng(5)
    drawn = rng.beta(likes + 2 * mean, people - likes + 2 * (1 - mean), size=(200_000, 6))
    found = promise(likes, people)
    assert found == pytest.approx((drawn > bar).mean(axis=0), abs=0.005)
    # Unknown: considerable. Passed by forty times: nil. Liked by nine of ten: all but sure.
    assert 0.2 < found[0] < 0.5
    assert found[1] < 1e-4
    assert found[3] > 0.99


@pytest.mark.parametrize(
    ("likes", "people"), [([0, 0], [0, 0]), ([5, 9], [5, 9]), ([0, 0], [5, 9])], ids=["none", "all", "never"]
)
def test_promise_where_rates_say_nothing(likes: list[int], people: list[int]) -> None:
    found = promise(np.array(likes), np.array(people))
    assert np.isfinite(found).all()
    assert ((found >= 0) & (found <= 1)).all()


def test_items_are_drawn_in_proportion_to_their_promise() -> None:
    users = 40_000
    rng = np.random.default_rng(7)
    confidence = np.zeros((users, ITEMS - 2), dtype=np.float32)
    for item, (likes, people) in enumerate([(30, 100), (5, 100), (20, 60), (1, 3), (0, 1)]):
        who = rng.choice(users, people, replace=False)
        confidence[who, item] = np.where(np.arange(people) < likes, 1.0, -1.0)
    data = data_of(users, confidence)
    listed = np.tile(np.array([0, 2, 3], dtype=np.int32), (users, 1))
    lists = with_discovery(Fixed(listed, known=8), Draws.of(data, NAMES, k=3, every=4, seed=7), data)
    served = lists.lists(np.arange(users), 3)
    is_drawn = served.source == served.names.index(DISCOVERY)
    assert served.names == ("model", DISCOVERY)
    assert not is_drawn[:, [0, 1]].any()
    counts = np.bincount(served.items[is_drawn], minlength=ITEMS)
    likes, people = data.likes, np.bincount(data.confidence.indices, minlength=ITEMS - 2)
    chance = promise(np.append(likes, [0, 0]), np.append(people, [0, 0]))
    # What stands above already is not drawn again; the place then stays with the source, which has nothing more.
    others = np.setdiff1d(np.arange(ITEMS), [0, 2])
    assert counts[[0, 2]].sum() == 0
    expected = chance[others] / chance.sum() * users
    assert is_drawn.sum() == pytest.approx(expected.sum(), abs=4 * np.sqrt(users))
    kept = expected > 5
    assert (
        chisquare(
            counts[others][kept], expected[kept] * counts[others][kept].sum() / expected[kept].sum()
        ).pvalue
        > 1e-3
    )
    # Evenly drawn items would fail.
    assert chisquare(counts[others]).pvalue < 1e-6


@st.composite
def worlds(draw: st.DrawFn) -> tuple[np.ndarray, np.ndarray, int, int, int]:
    users, depth = draw(st.integers(1, 4)), draw(st.integers(1, ITEMS))
    lists = np.array([draw(st.permutations(range(ITEMS)))[:depth] for _ in range(users)], dtype=np.int32)
    for row in range(users):
        lists[row, draw(st.integers(0, depth)) :] = NOTHING
    seen = np.array(draw(st.lists(st.booleans(), min_size=users * ITEMS, max_size=users * ITEMS)))
    had = seen.reshape(users, ITEMS).astype(np.float32)
    for row in range(users):  # what somebody has had is not on the source's list
        had[row, lists[row][lists[row] != NOTHING]] = 0.0
    return lists, had, draw(st.integers(2, 6)), draw(st.integers(1, 9)), draw(st.integers(0, 99))


@settings(max_examples=150, deadline=None)
@given(worlds())
def test_lists_stay_lists(world: tuple[np.ndarray, np.ndarray, int, int, int]) -> None:
    source, had, every, k, seed = world
    rows = np.arange(len(source))
    data = data_of(len(source), np.ones_like(had), had)
    draws = Draws.of(data, NAMES[2:], k=k, every=every, seed=seed)
    lists = DiscoveryLists(Fixed(source), draws, data)
    unfilled = Unfilled(Fixed(source), draws, data).lists(rows, k)
    served = lists.lists(rows, k)
    before = Fixed(source).lists(rows, k + ITEMS)
    for row in rows:
        filled = served.items[row] != NOTHING
        listed = served.items[row][filled].tolist()
        drawn = np.flatnonzero(served.source[row] == 1)
        assert len(set(listed)) == len(listed)
        assert filled.tolist() == sorted(filled.tolist(), reverse=True)
        own_length = int((unfilled.items[row] != NOTHING).sum())
        placed = set(range(every // 2, k, every))
        assert {place for place in drawn if place < own_length} <= placed
        # The open end holds what is drawn, in its order, but for what is listed or was had.
        draws = lists._drawn(np.array([row]), k + np.arange(_DRAWS_A_PLACE * k))[0].tolist()
        new = [
            item for item in dict.fromkeys(draws) if item not in listed[:own_length] and not had[row, item]
        ]
        assert listed[own_length:] == (new[: k - own_length] if own_length else [])
        assert not had[row, served.items[row][drawn]].any()
        assert (served.items[row][drawn] >= 2).all()
        # The others keep their order and their scores, and nobody's list is shorter than it was.
        rest = [n for n in range(k) if filled[n] and n not in drawn]
        own = before.items[row][~np.isin(before.items[row], served.items[row][drawn])]
        assert [int(served.items[row][n]) for n in rest] == own[: len(rest)].tolist()
        score = dict(zip(before.items[row].tolist(), before.scores[row].tolist(), strict=True))
        assert all(served.scores[row][n] == score[served.items[row][n]] for n in rest)
        assert len(listed) >= min(k, int((before.items[row] != NOTHING).sum()))
        for shorter in range(1, k):
            assert lists.lists(rows, shorter).items[row].tolist() == served.items[row][:shorter].tolist()
    worth = list_utilities(served)
    assert (np.diff(worth, axis=1) <= 0).all()


def test_discovery_is_a_rule(tmp_path: object) -> None:
    own = Settings.from_env({"REVEALED_HOME": str(tmp_path)})
    assert read_rules(own).discovery == Discovery(every=10)
    own.rules.write_text("[discovery]\nevery = 0\n")
    off = read_rules(own)
    assert off.discovery.every == 0
    assert off.digest != Rules().digest
    own.rules.write_text("[discovery]\nevery = 1\n")
    with pytest.raises(InvalidInputError, match="every"):
        read_rules(own)
