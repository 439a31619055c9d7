"""Which showings an outcome may be credited to: windows, named decisions, ties, and those that were reported."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from attribution_reference import METHODS
from compiled_attribution import (
    AttributionWarehouse,
    Event,
    History,
    Reversal,
    Showing,
    credited,
)
from random_histories import NOON, path_history

pytestmark = [pytest.mark.dbt]


def test_what_nothing_precedes_is_unattributed_whole(warehouse: AttributionWarehouse) -> None:
    """Shown later, shown to somebody else, shown before the window, another item, no item at all."""
    showings = [
        Showing("later", "i1", "ann", NOON + timedelta(seconds=1)),
        Showing("else", "i1", "bob", NOON - timedelta(hours=1)),
        Showing("old", "i1", "ann", NOON - timedelta(hours=168, microseconds=1)),
        Showing("other", "i2", "ann", NOON - timedelta(hours=1)),
    ]
    events = [
        Event("bought", "purchase", "ann", "i1", NOON, value=20.0),
        Event("joined", "convert", "ann", None, NOON),
    ]
    returned = Reversal("back", "bought", 0.25, NOON + timedelta(days=2))
    warehouse.run(History(showings, events, [returned]))
    rows = credited(warehouse)
    assert len(rows) == 2 * len(METHODS)
    assert {row["method"] for row in rows} == set(METHODS)
    assert {row["match_type"] for row in rows} == {"unattributed"}
    assert {row["request_id"] for row in rows} == {None}
    assert {(row["outcome_event_id"], row["credit"]) for row in rows} == {("bought", 15.0), ("joined", 1.0)}
    taken = warehouse.rows("select distinct request_id, credit_taken_back from marts.fct_credit_restatements")
    assert taken == [{"request_id": None, "credit_taken_back": 5.0}]


def test_the_window_is_the_outcome_types_own_to_the_microsecond(warehouse: AttributionWarehouse) -> None:
    showings = [
        Showing("day", "i1", "ann", NOON - timedelta(hours=24)),
        Showing("more", "i1", "ann", NOON - timedelta(hours=24, microseconds=1)),
    ]
    events = [Event("c", "click", "ann", "i1", NOON), Event("s", "save", "ann", "i1", NOON)]
    warehouse.run(History(showings, events))
    rows = credited(warehouse, "method = 'last'")
    assert {(row["outcome_event_id"], row["request_id"]) for row in rows} == {
        ("c", "day"),
        ("s", "day"),
        ("s", "more"),
    }


def test_the_named_decision_is_the_last_touch_and_later_ones_do_not_count(
    warehouse: AttributionWarehouse,
) -> None:
    """Also when the client's clock is behind, and when the named showing was logged for another visitor."""
    showings = [
        Showing("early", "i1", "ann", NOON - timedelta(hours=5)),
        Showing("named", "i1", "anon:7", NOON - timedelta(hours=3)),
        Showing("late", "i1", "ann", NOON - timedelta(hours=1)),
        Showing("ahead", "i2", "ann", NOON + timedelta(minutes=5)),
        Showing("between", "i2", "ann", NOON + timedelta(minutes=1)),
    ]
    events = [
        Event("e", "purchase", "ann", "i1", NOON, request_id="named"),
        Event("skewed", "click", "ann", "i2", NOON, request_id="ahead"),
        Event("unknown", "click", "ann", "i1", NOON, request_id="nobody-knows"),
    ]
    warehouse.run(History(showings, events))
    rows = credited(warehouse, "method = 'linear'")
    found = {
        (row["outcome_event_id"], row["touch_number"]): (row["request_id"], row["match_type"]) for row in rows
    }
    assert found == {
        ("e", 1): ("early", "user_item"),
        ("e", 2): ("named", "request_id"),
        ("skewed", 1): ("ahead", "request_id"),
        ("unknown", 1): ("early", "user_item"),
        ("unknown", 2): ("late", "user_item"),
    }


def test_only_the_last_twenty_touches_share(warehouse: AttributionWarehouse) -> None:
    history = path_history([hours + 1 for hours in reversed(range(25))], ["a"] * 25, value=40.0)
    named = Showing("named", "i1", "somebody", NOON - timedelta(minutes=1))
    exact = replace(history.events[0], event_id="exact", request_id="named")
    warehouse.run(History([*history.showings, named], [*history.events, exact]))
    rows = credited(warehouse, "method = 'linear'")
    inferred = {row["request_id"] for row in rows if row["outcome_event_id"] == "e"}
    assert inferred == {f"r{number}" for number in range(6, 26)}
    certain = {row["request_id"] for row in rows if row["outcome_event_id"] == "exact"}
    assert certain == {f"r{number}" for number in range(7, 26)} | {"named"}
    assert {row["touches"] for row in rows} == {20}


def test_of_showings_in_one_instant_the_twenty_that_count_as_later_share(
    warehouse: AttributionWarehouse,
) -> None:
    warehouse.run(path_history([1] * 21, ["a"] * 21))
    rows = credited(warehouse, "method = 'linear'")
    assert {row["request_id"] for row in rows} == {f"r{number}" for number in range(1, 22)} - {"r9"}


def test_a_reported_showing_is_the_same_exposure_once(warehouse: AttributionWarehouse) -> None:
    """The client's own impression event makes no second touch; without a decision on record it explains, uncredited."""
    showings = [
        Showing("r1", "i1", "ann", NOON - timedelta(hours=1)),
        Showing("r2", "i2", "ann", NOON - timedelta(hours=1)),
    ]
    seen = NOON - timedelta(minutes=59)
    events = [
        Event("seen", "impression", "ann", "i1", seen, request_id="r1"),
        Event("seen-again", "impression", "ann", "i1", seen + timedelta(minutes=1)),
        Event("shelf", "impression", "ann", "i3", seen),
        Event("old-shelf", "impression", "ann", "i4", NOON - timedelta(hours=25)),
        Event("after", "impression", "ann", "i5", NOON + timedelta(seconds=1)),
        *(Event(f"c{number}", "click", "ann", f"i{number}", NOON) for number in range(1, 6)),
    ]
    warehouse.run(History(showings, events))
    rows = credited(warehouse, "method = 'linear'")
    assert {row["outcome_event_id"]: (row["touches"], row["exposure_source"]) for row in rows} == {
        "c1": (1, "both"),
        "c2": (1, "logged"),
        "c3": (0, "client"),
        "c4": (0, "none"),
        "c5": (0, "none"),
    }
    assert len(rows) == 5
