"""Caps are never exceeded, pins are exactly at their place, and what neither concerns keeps its order: for any lists."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from revealed.publishing.arrangement import NOTHING, Arrangement, CappedGroups, arrange
from revealed.training import protocol

ITEMS = 14


@dataclass(frozen=True)
class Case:
    """Lists over few items of few groups, so that everything collides."""

    candidates: np.ndarray
    k: int
    caps: list[CappedGroups]
    pins: np.ndarray
    places: np.ndarray
    shown: np.ndarray

    def arranged(self) -> Arrangement:
        return arrange(self.candidates, self.k, self.caps, self.pins, self.places, self.shown)

    def items(self, row: int) -> list[int]:
        found = self.arranged()
        listed = []
        for place in range(self.k):
            if found.pin[row, place] != NOTHING:
                listed.append(int(self.pins[found.pin[row, place]]))
            elif found.column[row, place] != NOTHING:
                listed.append(int(self.candidates[row, found.column[row, place]]))
        return listed


@st.composite
def cases(draw: st.DrawFn) -> Case:
    lists, depth = draw(st.integers(1, 4)), draw(st.integers(1, ITEMS))
    rows = [draw(st.permutations(range(ITEMS)))[:depth] for _ in range(lists)]
    candidates = np.array(rows, dtype=np.int32)
    for row in range(lists):
        candidates[row, draw(st.integers(0, depth)) :] = NOTHING
    k = draw(st.integers(1, 10))
    groups = st.lists(st.integers(NOTHING, 3), min_size=ITEMS, max_size=ITEMS)
    caps = [
        CappedGroups(
            np.array(draw(groups), dtype=np.int32), draw(st.integers(1, 3)), draw(st.integers(1, 12))
        )
        for _ in range(draw(st.integers(0, 2)))
    ]
    pins = draw(st.lists(st.integers(0, ITEMS - 1), unique=True, max_size=3))
    places = draw(st.lists(st.integers(0, 11), unique=True, min_size=len(pins), max_size=len(pins)))
    shown = np.array(
        draw(
            st.lists(
                st.lists(st.booleans(), min_size=len(pins), max_size=len(pins)),
                min_size=lists,
                max_size=lists,
            )
        ),
        dtype=bool,
    ).reshape(lists, len(pins))
    return Case(candidates, k, caps, np.array(pins, dtype=np.int32), np.array(places, dtype=np.int32), shown)


def slowly(case: Case, row: int) -> list[int]:
    """The rule said once more, one list at a time, with sets and counters."""
    pins = {
        int(place): int(item)
        for item, place, is_shown in zip(case.pins, case.places, case.shown[row], strict=True)
        if is_shown
    }
    left = [int(item) for item in case.candidates[row] if item != NOTHING and item not in pins.values()]
    listed: list[int] = []
    for place in range(case.k):
        if place in pins:
            listed.append(pins[place])
            continue

        def allowed(item: int, place: int = place) -> bool:
            for cap in case.caps:
                group = cap.groups[item]
                if place >= cap.within or group == NOTHING:
                    continue
                used = [other for at, other in enumerate(listed) if at < cap.within and at not in pins]
                used += [pin for at, pin in pins.items() if at < cap.within]
                if sum(cap.groups[other] == group for other in used) >= cap.most:
                    return False
            return True

        following = next((item for item in left if allowed(item)), None)
        if following is None:
            break
        left.remove(following)
        listed.append(following)
    return listed


@given(cases())
@settings(max_examples=200, deadline=None)
def test_it_is_the_rule_said_slowly(case: Case) -> None:
    found = case.arranged()
    for row in range(len(case.candidates)):
        expected = slowly(case, row)
        assert case.items(row) == expected
        assert found.is_short[row] == (len(expected) < case.k)


@given(cases())
@settings(max_examples=200, deadline=None)
def test_no_cap_is_exceeded_no_pin_is_elsewhere_and_nothing_is_listed_twice(case: Case) -> None:
    for row in range(len(case.candidates)):
        listed = case.items(row)
        assert len(set(listed)) == len(listed)
        for number, (item, place) in enumerate(zip(case.pins, case.places, strict=True)):
            if case.shown[row, number]:
                assert listed.index(item) == place if item in listed else place >= len(listed)
        for cap in case.caps:
            organic = [
                item
                for place, item in enumerate(listed[: cap.within])
                if not any(place == at and case.shown[row, number] for number, at in enumerate(case.places))
            ]
            inside = listed[: cap.within]
            for group in set(cap.groups.tolist()) - {NOTHING}:
                of_group = sum(cap.groups[item] == group for item in inside)
                # Pins that alone exceed a cap are refused before lists are made; here they are all there is then.
                assert of_group <= cap.most or not any(cap.groups[item] == group for item in organic)


@given(cases())
@settings(max_examples=100, deadline=None)
def test_without_caps_the_order_is_kept(case: Case) -> None:
    free = Case(case.candidates, case.k, [], case.pins, case.places, case.shown)
    for row in range(len(case.candidates)):
        shown = set(case.pins[case.shown[row]].tolist())
        organic = [item for item in free.items(row) if item not in shown]
        wanted = [item for item in case.candidates[row].tolist() if item != NOTHING and item not in shown]
        assert organic == wanted[: len(organic)]


def test_what_a_cap_puts_back_comes_as_soon_as_it_may() -> None:
    author = np.array([0, 0, 0, 1, 1, 2], dtype=np.int32)
    candidates = np.arange(6, dtype=np.int32)[None, :]
    found = arrange(candidates, 6, [CappedGroups(author, most=1, within=3)])
    assert found.column.tolist() == [[0, 3, 5, 1, 2, 4]]
    assert not found.is_short.any()


def test_a_list_ends_where_a_cap_leaves_nothing() -> None:
    author = np.zeros(4, dtype=np.int32)
    found = arrange(np.arange(4, dtype=np.int32)[None, :], 4, [CappedGroups(author, most=2, within=3)])
    assert found.column.tolist() == [[0, 1, NOTHING, NOTHING]]
    assert found.is_short.tolist() == [True]


@pytest.mark.parametrize(("is_shown", "expected"), [(True, [0, 9, 1]), (False, [0, 1, 2])])
def test_a_pin_is_at_its_place_in_the_lists_that_show_it(is_shown: bool, expected: list[int]) -> None:
    case = Case(
        np.arange(5, dtype=np.int32)[None, :],
        3,
        [],
        np.array([9], dtype=np.int32),
        np.array([1], dtype=np.int32),
        np.array([[is_shown]]),
    )
    assert case.items(0) == expected


def test_no_item_is_called_as_lists_call_it() -> None:
    assert protocol.NOTHING == NOTHING
