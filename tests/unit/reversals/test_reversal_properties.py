"""What must hold whatever people do: nothing taken twice, nothing out of thin air, nothing lost, no matter the order."""

from __future__ import annotations

import random
from collections import Counter, defaultdict
from datetime import timedelta
from typing import Any

from hypothesis import example, given, settings
from hypothesis import strategies as st
from reversal_tables import REVERSAL_OF, Event, allocated, event, tables
from unit_by_unit import taken_pieces

from revealed.feedback.reversals import allocate_reversals

ORIGINALS = ["purchase", "save", "add_to_cart", "hide", "scroll"]
BILLION = 10**9

moments = st.integers(0, 6)
maybe_order = st.sampled_from([None, None, "o1", "o2"])
people = st.sampled_from(["ann", "bob"])
items = st.sampled_from(["i1", "i2"])
counts = st.sampled_from([None, 0, 1, 2, 3, 5])
money = st.one_of(st.none(), st.integers(0, 4000).map(lambda cents: cents / 100))


@st.composite
def histories(draw: st.DrawFn, *, with_money: bool = False) -> list[Event]:
    """Up to a dozen things said and as many taken back, by two people on two items, several at the same moment."""
    values = money if with_money else st.none()
    said = [
        event(f"e{n:02d}", draw(st.sampled_from(ORIGINALS)), draw(moments), actor=draw(people), item=draw(items),
              order=draw(maybe_order), quantity=draw(counts), value=draw(values))
        for n in range(draw(st.integers(0, 12)))
    ]  # fmt: skip
    names = st.sampled_from([None, None, None, "nobody", *(entry["event_id"] for entry in said)])
    taken_back = [
        event(f"r{n:02d}", draw(st.sampled_from(sorted(REVERSAL_OF))), draw(moments), actor=draw(people),
              item=draw(st.one_of(items, st.none())), order=draw(maybe_order), names=draw(names),
              quantity=draw(counts), value=draw(values))
        for n in range(draw(st.integers(0, 12)))
    ]  # fmt: skip
    return said + taken_back


def billionths(share: float) -> int:
    whole = round(share * BILLION)
    assert whole / BILLION == share, "not a number of nine decimals"
    return whole


@given(histories(with_money=True))
@settings(deadline=None, max_examples=150)
def test_no_more_is_taken_than_there_was_and_none_is_lost(history: list[Event]) -> None:
    of_original: Counter[str] = Counter()
    of_reversal: Counter[str] = Counter()
    for row in allocated(history):
        assert 0 <= row["reversed_share"] <= 1
        of_reversal[row["reversal_event_id"]] += billionths(row["share_of_reversal"])
        if row["original_event_id"] is not None:
            of_original[row["original_event_id"]] += billionths(row["reversed_share"])
    assert all(total <= BILLION for total in of_original.values())
    reversals = {entry["event_id"] for entry in history if entry["reversal_of"]}
    assert dict(of_reversal) == dict.fromkeys(reversals, BILLION)


@given(histories(with_money=True))
@settings(deadline=None, max_examples=150)
def test_figures_of_an_original_agree_with_each_other(history: list[Event]) -> None:
    events = {entry["event_id"]: entry for entry in history}
    sums: defaultdict[str, list[float]] = defaultdict(lambda: [0.0, 0.0, 0.0])
    for row in allocated(history):
        if row["original_event_id"]:
            figures = (row["reversed_share"], row["reversed_quantity"], row["reversed_value"])
            total = sums[row["original_event_id"]]
            sums[row["original_event_id"]] = [a + b for a, b in zip(total, figures, strict=True)]
    for name, (share, quantity, value) in sums.items():
        assert abs(quantity - share * (events[name]["quantity"] or 1)) < 1e-7
        assert abs(value - share * (events[name]["value"] or 0.0)) < 1e-6


@given(histories(with_money=True), st.integers(0, 10))
@settings(deadline=None, max_examples=150)
def test_nothing_is_taken_before_it_happened_but_for_clocks(history: list[Event], tolerance: int) -> None:
    moment = {entry["event_id"]: entry["occurred_at"] for entry in history}
    for row in allocated(history, tolerance_minutes=60 * tolerance):
        if row["original_event_id"] is not None:
            slack = timedelta(hours=tolerance if row["evidence"] != "user_item" else 0)
            assert moment[row["original_event_id"]] <= moment[row["reversal_event_id"]] + slack


@given(histories(with_money=True), st.randoms(use_true_random=False))
@settings(deadline=None, max_examples=100)
def test_the_order_of_the_input_changes_nothing(history: list[Event], rng: random.Random) -> None:
    shuffled = rng.sample(history, len(history))
    assert allocate_reversals(*tables(history)).equals(allocate_reversals(*tables(shuffled)))


@given(histories())
@settings(deadline=None, max_examples=400)
@example([event("e", "purchase", 0, quantity=5), event("r", "return", 0, quantity=3, names="e")])
def test_agrees_with_picking_up_single_pieces(history: list[Event]) -> None:
    """Differential: another implementation, which counts pieces."""
    expected = taken_pieces(history)
    found: dict[tuple[str, str | None], float] = {}
    stated = {entry["event_id"]: entry["quantity"] or 1 for entry in history if entry["reversal_of"]}
    for row in allocated(history):
        reversal, original = row["reversal_event_id"], row["original_event_id"]
        pieces = row["reversed_quantity"] if original else stated[reversal] * row["share_of_reversal"]
        found[reversal, original] = round(pieces, 6)
    assert found == dict(expected)


@given(histories(), st.integers(2, 4))
@settings(deadline=None, max_examples=150)
def test_a_return_of_three_is_three_returns_of_one(history: list[Event], pieces: int) -> None:
    """At the end of the history, where nothing comes in between."""
    last = event("z", "return", 99, quantity=pieces)
    singly = [event(f"z{n}", "return", 99, quantity=1) for n in range(pieces)]
    assert by_original(allocated([*history, last])) == by_original(allocated([*history, *singly]))


def by_original(rows: list[dict[str, Any]]) -> dict[str, int]:
    totals: Counter[str] = Counter()
    for row in rows:
        if row["original_event_id"]:
            totals[row["original_event_id"]] += billionths(row["reversed_share"])
    return dict(totals)


@given(histories(with_money=True))
@settings(deadline=None, max_examples=100)
def test_the_newest_goes_first(history: list[Event]) -> None:
    """Nothing newer that the reversal could have taken still stands when something older of its kind is taken from."""
    plain = [entry | {"order_id": None, "reverses_event_id": None} for entry in history]
    plain = [entry for entry in plain if entry["event_type"] in ("purchase", "return")]
    events = {entry["event_id"]: entry for entry in plain}
    left = dict.fromkeys(events, BILLION)
    rows = [row for row in allocated(plain) if row["original_event_id"]]
    age = {name: (entry["occurred_at"], name) for name, entry in events.items()}
    rows.sort(key=lambda row: (age[row["reversal_event_id"]], age[row["original_event_id"]]), reverse=False)
    by_reversal: defaultdict[str, list[dict[str, Any]]] = defaultdict(list)
    for row in rows:
        by_reversal[row["reversal_event_id"]].append(row)
    for reversal in sorted(by_reversal, key=age.__getitem__):
        for row in reversed(by_reversal[reversal]):
            original = events[row["original_event_id"]]
            newer = [
                name
                for name, entry in events.items()
                if entry["reversal_of"] is None
                and (entry["actor_id"], entry["item_id"]) == (original["actor_id"], original["item_id"])
                and age[original["event_id"]] < age[name]
                and entry["occurred_at"] <= events[reversal]["occurred_at"]
                and left[name] > 0
            ]
            assert newer == []
            left[original["event_id"]] -= billionths(row["reversed_share"])


def test_a_script_that_saves_and_unsaves_all_day_costs_no_quadratic_time() -> None:
    """Forty thousand alternations of one person on one item: the spent ones are not walked through again and again."""
    n = 20_000
    events = [event(f"s{k:05d}", "save", 2 * k / 60) for k in range(n)]
    events += [event(f"u{k:05d}", "unsave", (2 * k + 1) / 60) for k in range(n)]
    rows = allocated(events)
    assert {(row["reversal_event_id"][1:], row["evidence"]) for row in rows} == {
        (row["original_event_id"][1:], "user_item") for row in rows
    }
    late = [event(f"u{k:05d}", "unsave", 10**4 + k / 60) for k in range(n)]
    rows = allocated([*events[:n], *late])
    assert [row["original_event_id"] for row in rows] == [f"s{n - 1 - k:05d}" for k in range(n)]
