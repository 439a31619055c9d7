"""Each rule of the allocation on a case made by hand."""

from __future__ import annotations

import pytest
from reversal_tables import Event, allocated, event, pieces


def evidence(events: list[Event]) -> dict[str, str]:
    return {row["reversal_event_id"]: row["evidence"] for row in allocated(events)}


def test_a_return_takes_from_the_newest_purchase_first() -> None:
    two = event("two", "purchase", 0, quantity=2)
    three = event("three", "purchase", 1, quantity=3)
    back = event("back", "return", 9, quantity=4)
    assert pieces([two, three, back]) == {("back", "three"): 3.0, ("back", "two"): 1.0}


def test_a_named_event_wins_over_its_order_and_the_order_over_the_newest() -> None:
    purchases = [event(f"buy-{n}", "purchase", n, order=f"o{n}", quantity=1) for n in range(3)]
    by_name = event("by-name", "return", 9, names="buy-0", order="o1", quantity=1)
    by_order = event("by-order", "return", 9, order="o1", quantity=1)
    by_item = event("by-item", "return", 9, quantity=1)
    events = [*purchases, by_name, by_order, by_item]
    assert pieces(events) == {("by-name", "buy-0"): 1, ("by-order", "buy-1"): 1, ("by-item", "buy-2"): 1}
    assert evidence(events) == {"by-name": "event_id", "by-order": "order_id", "by-item": "user_item"}


def test_an_early_guess_leaves_what_a_later_reversal_names() -> None:
    older, newer = event("older", "save", 0), event("newer", "save", 1)
    guess = event("guess", "unsave", 2)
    assert pieces([older, newer, guess]) == {("guess", "newer"): 1}
    named = event("named", "unsave", 3, names="newer")
    assert pieces([older, newer, guess, named]) == {("guess", "older"): 1, ("named", "newer"): 1}


def test_a_cancel_without_an_item_takes_back_the_whole_order_whatever_its_money() -> None:
    order = [
        event("cup", "purchase", 0, item="cup", order="o1", quantity=2, value=20.0),
        event("pot", "purchase", 0, item="pot", order="o1", quantity=1, value=30.0),
        event("else", "purchase", 0, item="cup", order="o2", quantity=1),
    ]
    cancel = event("cancel", "cancel", 1, item=None, order="o1", value=55.0)
    assert pieces([*order, cancel]) == {("cancel", "cup"): 2, ("cancel", "pot"): 1}
    assert pieces([*order, cancel | {"item_id": "pot", "value": None}]) == {("cancel", "pot"): 1}


def test_money_without_an_item_is_taken_from_the_order_newest_first() -> None:
    first = event("first", "purchase", 0, item="a", order="o", value=10.0)
    second = event("second", "purchase", 1, item="b", order="o", value=30.0)
    refund = event("refund", "return", 5, item=None, order="o", value=35.0)
    rows = {row["original_event_id"]: row for row in allocated([first, second, refund])}
    assert rows["second"]["reversed_value"] == 30.0
    assert (rows["first"]["reversed_value"], rows["first"]["reversed_share"]) == (5.0, 0.5)


@pytest.mark.parametrize(
    ("says", "share"),
    [
        ({"quantity": 1}, 0.25),
        ({"quantity": 1, "value": 40.0}, 0.25),  # pieces decide where both count them
        ({"value": 10.0}, 0.25),
        ({"value": -10.0}, 0.25),  # some senders sign what goes back
        ({"value": 10.0, "currency": "EUR"}, 0.25),
        ({"value": 10.0, "currency": "USD"}, 1.0),  # no telling how much that is
        ({}, 1.0),
        ({"quantity": 0, "value": 0.0}, 1.0),  # says nothing
        ({"quantity": 8}, 1.0),
    ],
)
def test_how_much_of_a_purchase_of_four_for_forty_euros_goes_back(
    says: dict[str, object], share: float
) -> None:
    buy = event("buy", "purchase", 0, quantity=4, value=40.0, currency="EUR")
    rows = allocated([buy, event("back", "return", 1, **says)])
    assert rows[0]["reversed_share"] == share
    assert rows[0]["reversed_value"] == 40.0 * share
    assert rows[0]["reversed_quantity"] == 4 * share


def test_a_purchase_that_counts_no_pieces_is_one_piece_unless_money_says_better() -> None:
    back = event("back", "return", 1, quantity=2, value=10.0)
    assert pieces([event("buy", "purchase", 0), back]) == {("back", "buy"): 1.0, ("back", None): 0.5}
    assert allocated([event("buy", "purchase", 0, value=40.0), back])[0]["reversed_share"] == 0.25


def test_what_finds_nothing_is_told() -> None:
    buy = event("buy", "purchase", 0, quantity=1, value=8.0)
    back = event("back", "return", 1, quantity=4)
    rows = allocated([buy, back])
    assert [row["evidence"] for row in rows] == ["user_item", "none"]
    assert [row["share_of_reversal"] for row in rows] == [0.25, 0.75]
    assert rows[1]["original_event_id"] is None
    assert rows[1]["reversed_share"] == rows[1]["reversed_value"] == rows[1]["reversed_quantity"] == 0.0


def test_nothing_is_taken_twice() -> None:
    buy = event("buy", "purchase", 0, order="o")
    again = [event(f"back-{n}", "return", n, names="buy", order="o") for n in (1, 2)]
    assert pieces([buy, *again]) == {("back-1", "buy"): 1, ("back-2", None): 1}


def test_only_what_happened_before_is_taken_but_clocks_may_differ_where_the_event_is_named() -> None:
    late = event("late", "purchase", 1.05, order="o")
    for says in ({"names": "late"}, {"order": "o"}):
        back = event("back", "return", 1, **says)
        assert pieces([late, back]) == {("back", None): 1}
        assert pieces([late, back], tolerance_minutes=5) == {("back", "late"): 1}
    guess = event("guess", "return", 1)
    assert pieces([late, guess], tolerance_minutes=5) == {("guess", None): 1}


def test_saving_again_after_an_unsave_is_a_new_save() -> None:
    events = [
        event("s1", "save", 0),
        event("u1", "unsave", 1),
        event("s2", "save", 2),
        event("u2", "unsave", 3),
    ]
    assert pieces(events[:3]) == {("u1", "s1"): 1}
    assert pieces(events) == {("u1", "s1"): 1, ("u2", "s2"): 1}
    assert pieces([*events, event("u3", "unsave", 4)])[("u3", None)] == 1


def test_an_undo_takes_back_the_latest_thing_said_and_never_a_heartbeat() -> None:
    events = [
        event("saved", "save", 0),
        event("hidden", "hide", 1),
        event("beat", "heartbeat", 2),
        event("elsewhere", "save", 3, item="i2"),
        event("bob's", "save", 3, actor="bob"),
    ]
    undos = [event("undo-1", "undo", 4), event("undo-2", "undo", 5), event("undo-3", "undo", 6)]
    assert pieces([*events, *undos]) == {
        ("undo-1", "hidden"): 1,
        ("undo-2", "saved"): 1,
        ("undo-3", None): 1,
    }


def test_a_name_that_nobody_knows_is_no_reason_to_guess() -> None:
    buy = event("buy", "purchase", 0, order="o1")
    assert pieces([buy, event("back", "return", 1, names="lost")]) == {("back", None): 1}
    assert pieces([buy, event("back", "return", 1, names="lost", order="o1")]) == {("back", "buy"): 1}
    assert pieces([buy, event("back", "return", 1, order="o2")]) == {("back", None): 1}
    orderless = buy | {"order_id": None}
    assert pieces([orderless, event("back", "return", 1, order="o2")]) == {("back", "buy"): 1}


def test_an_item_that_is_not_in_the_order_is_not_looked_for_elsewhere() -> None:
    bought = [event("cup", "purchase", 0, item="cup", order="o"), event("pot", "purchase", 0, item="pot")]
    assert pieces([*bought, event("back", "return", 1, item="pot", order="o")]) == {("back", None): 1}


def test_a_return_takes_no_basket_and_a_removal_no_purchase() -> None:
    events = [event("basket", "add_to_cart", 0, quantity=3), event("buy", "purchase", 1)]
    events += [event("removed", "remove_from_cart", 2, quantity=1), event("back", "return", 3)]
    assert pieces(events) == {("removed", "basket"): 1, ("back", "buy"): 1}


def test_three_thirds_are_a_whole() -> None:
    buy = event("buy", "purchase", 0, quantity=3, value=10.0)
    rows = allocated([buy, *(event(f"back-{n}", "return", n, quantity=1) for n in (1, 2, 3))])
    billionths = [round(row["reversed_share"] * 10**9) for row in rows]
    assert sum(billionths) == 10**9
    assert [share / 1e9 for share in billionths] == [row["reversed_share"] for row in rows]
    assert round(sum(row["reversed_value"] for row in rows), 9) == 10.0


def test_in_the_same_instant_the_event_id_decides() -> None:
    saves = [event("a", "save", 0), event("b", "save", 0)]
    unsaves = [event("x", "unsave", 0), event("y", "unsave", 1), event("w", "unsave", 1)]
    expected = {("x", "b"): 1, ("w", "a"): 1, ("y", None): 1}
    for events in (saves + unsaves, [*reversed(saves), *reversed(unsaves)]):
        assert pieces(events) == expected


def test_no_reversals_no_rows() -> None:
    assert allocated([event("buy", "purchase", 0)]) == []
    assert allocated([]) == []
