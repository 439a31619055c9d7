"""The attribution ledger against hand-computed splits, ties and window edges."""

from __future__ import annotations

import math
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from attribution_reference import METHODS, removal_effects
from compiled_attribution import (
    AS_OF,
    AttributionWarehouse,
    Event,
    History,
    Reversal,
    Showing,
    credited,
    sums,
)
from random_histories import NOON

pytestmark = [pytest.mark.dbt]


def path_history(hours_before: list[int], versions: list[str], **event: Any) -> History:
    showings = [
        Showing(
            f"r{number}", "i1", "ann", NOON - timedelta(hours=hours), position=number, model_version=version
        )
        for number, (hours, version) in enumerate(zip(hours_before, versions, strict=True), start=1)
    ]
    return History(showings, [Event("e", "purchase", "ann", "i1", NOON, **event)])


def shares(warehouse: AttributionWarehouse, method: str) -> list[float]:
    rows = warehouse.rows(
        f"select credit from marts.fct_attribution where method = '{method}' order by touch_number"
    )
    return [row["credit"] for row in rows]


def test_seven_methods_on_a_path_of_three_touches(warehouse: AttributionWarehouse) -> None:
    """84, 84 and 0 hours before a purchase of 90, by versions a, a, b: half of a half-life apart."""
    warehouse.run(path_history([84, 84, 0], ["a", "a", "b"], value=90.0, currency="EUR"))
    half = 2**-0.5
    wanted = {
        "last": [0, 0, 90],
        "first": [90, 0, 0],
        "linear": [30, 30, 30],
        "time_decay": [90 * half / (1 + 2 * half)] * 2 + [90 / (1 + 2 * half)],
        "position_based": [36, 18, 36],
        "shapley": [22.5, 22.5, 45],
        # The only path goes through both channels: without either nothing converts, so that all effects are 1.
        "markov": [30, 30, 30],
    }
    assert set(wanted) == set(METHODS)
    for method, credits in wanted.items():
        assert shares(warehouse, method) == pytest.approx(credits, abs=1e-9), method
    rows = credited(warehouse, "method = 'last'")
    # r2 and r1 in the same instant: the smaller request id counts as the later one, as for an event's last touch.
    assert [row["request_id"] for row in sorted(rows, key=lambda row: row["touch_number"])] == [
        "r2",
        "r1",
        "r3",
    ]
    assert {row["unit"] for row in rows} == {"EUR"}
    assert {row["position"] for row in rows} == {1, 2, 3}


def test_seven_methods_on_a_path_of_five_touches(warehouse: AttributionWarehouse) -> None:
    """A week, ... before a sign-up without money (so: one); another visitor saw c twice and did not sign up."""
    history = path_history([168, 126, 84, 42, 0], ["a", "b", "b", "b", "c"])
    event = replace(history.events[0], event_type="convert")
    others = [
        Showing(f"x{number}", "i1", "bob", NOON - timedelta(hours=number), model_version="c")
        for number in (1, 2)
    ]
    warehouse.run(History([*history.showings, *others], [event]))
    decays = [2 ** (-hours / 168) for hours in (168, 126, 84, 42, 0)]
    # start -> a, start -> c; a -> b; b -> b twice, b -> c; c -> conversion, c -> c, c -> null. P = 1/2 + 1/2 of P(c),
    # P(c) = 1/3 + 1/3 P(c) = 1/2; without a (or b): 1/2 * 1/2, so both have effect 1/2; without c nothing converts.
    wanted = {
        "last": [0, 0, 0, 0, 1],
        "first": [1, 0, 0, 0, 0],
        "linear": [0.2] * 5,
        "time_decay": [decay / sum(decays) for decay in decays],
        "position_based": [0.4, 0.2 / 3, 0.2 / 3, 0.2 / 3, 0.4],
        "shapley": [1 / 3, 1 / 9, 1 / 9, 1 / 9, 1 / 3],
        "markov": [0.5 / 3, 0.5 / 3, 0.5 / 3, 0.5 / 3, 1 / 3],
    }
    for method, credits in wanted.items():
        rows = sorted(credited(warehouse, f"method = '{method}'"), key=lambda row: row["touch_number"])
        assert [row["credit"] for row in rows] == pytest.approx(credits, abs=1e-9), method
        assert {row["unit"] for row in rows} == {"count"}


def test_two_outcomes_in_the_same_second_stay_separate(warehouse: AttributionWarehouse) -> None:
    history = path_history([2, 1], ["a", "b"], value=10.0)
    twin = replace(history.events[0], event_id="twin", value=5.0)
    warehouse.run(replace(history, events=[*history.events, twin]))
    for method in METHODS:
        found = sums(credited(warehouse, f"method = '{method}'"), "credit")
        assert found == pytest.approx({("e", "purchase", method): 10.0, ("twin", "purchase", method): 5.0})


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


def test_satisfied_clicks_are_an_outcome_of_their_own_once_an_impression(
    warehouse: AttributionWarehouse,
) -> None:
    showings = [Showing("r1", "i1", "ann", NOON), Showing("r2", "i2", "ann", NOON)]
    events = [
        Event(f"{item}-{minutes}", "click", "ann", item, NOON + timedelta(minutes=minutes))
        for item in ("i1", "i2")
        for minutes in (1, 2)
    ]
    events.append(Event("direct", "click", "ann", "i3", NOON))
    warehouse.run(History(showings, events, satisfied={("r1", "i1")}, satisfied_visits={"direct"}))
    rows = credited(warehouse, "method = 'last' and outcome_type = 'satisfied_click'")
    assert {(row["outcome_event_id"], row["match_type"], row["credit"]) for row in rows} == {
        ("i1-1", "user_item", 1.0),
        ("direct", "unattributed", 1.0),
    }
    assert len(credited(warehouse, "method = 'last' and outcome_type = 'click'")) == 5


def test_maturity_is_the_outcome_types_own(warehouse: AttributionWarehouse) -> None:
    events = [
        Event("old", "purchase", "ann", "i1", AS_OF - timedelta(hours=168)),
        Event("young", "purchase", "ann", "i1", AS_OF - timedelta(hours=168) + timedelta(microseconds=1)),
        Event("click", "click", "ann", "i1", AS_OF - timedelta(hours=24)),
    ]
    warehouse.run(History([], events))
    rows = credited(warehouse, "method = 'last'")
    assert {row["outcome_event_id"]: row["is_mature"] for row in rows} == {
        "old": True,
        "young": False,
        "click": True,
    }


def test_a_method_that_is_not_asked_for_is_not_computed(warehouse: AttributionWarehouse) -> None:
    """The engine drops the removal effects, their window and the satisfied branch from the plan."""
    warehouse.run(path_history([1], ["a"]))

    def plan(where: str) -> str:
        query = f"explain (format json) select sum(credit) from marts.fct_attribution where {where}"
        return "".join(row[1] for row in warehouse.con.execute(query).fetchall())

    assert "WINDOW" in plan("method = 'markov' and outcome_type = 'purchase'")
    assert "WINDOW" not in plan("method = 'last' and outcome_type = 'purchase'")
    assert "removal_effect" in plan("method = 'markov'")
    assert "removal_effect" not in plan("method = 'last'")
    assert "last_weight" in plan("method = 'last'")
    assert "last_weight" not in plan("method = 'markov'")


def test_markov_reads_recent_paths_of_people(warehouse: AttributionWarehouse) -> None:
    """Bots and old paths teach nothing; an old outcome with an unknown channel falls back to equal shares."""
    old = AS_OF - timedelta(days=40)
    showings = [
        Showing("o1", "i1", "ann", old - timedelta(hours=2), model_version="old"),
        Showing("o2", "i1", "ann", old - timedelta(hours=1), model_version="b"),
        Showing("b1", "i1", "bot", NOON - timedelta(hours=1), model_version="bot"),
        Showing("n1", "i1", "bob", NOON - timedelta(hours=2), model_version="a"),
        Showing("n2", "i1", "bob", NOON - timedelta(hours=1), model_version="b"),
        Showing("z1", "i1", "cat", NOON - timedelta(hours=1), model_version="b"),
    ]
    events = [
        Event("old", "click", "ann", "i1", old),
        Event("by-bot", "click", "bot", "i1", NOON),
        Event("new", "click", "bob", "i1", NOON),
    ]
    warehouse.run(History(showings, events, bots={"bot"}))
    effects = {
        row["channel"]: row["removal_effect"]
        for row in warehouse.rows("from intermediate.int_channel_removal_effects")
    }
    a, b = [showing for showing in showings if showing.actor_id == "bob"]
    assert effects == pytest.approx(removal_effects([[a, b]], [[showings[-1]]]))
    # Half of the paths start at a, half at b; b converts half of the time: without a, half of it is lost.
    assert effects == pytest.approx({"als/a/greedy": 0.5, "als/b/greedy": 1.0})
    rows = credited(warehouse, "method = 'markov'")
    found = {(row["outcome_event_id"], row["request_id"]): row["credit"] for row in rows}
    assert found == pytest.approx(
        {
            ("old", "o1"): 0.5,
            ("old", "o2"): 0.5,
            ("by-bot", "b1"): 1.0,
            ("new", "n1"): 1 / 3,
            ("new", "n2"): 2 / 3,
        }
    )
    assert math.isclose(sum(found.values()), 3.0)
