"""The attribution ledger against hand-computed splits, and what its methods read."""

from __future__ import annotations

import math
from dataclasses import replace
from datetime import timedelta

import pytest
from attribution_reference import METHODS, removal_effects
from compiled_attribution import (
    AS_OF,
    AttributionWarehouse,
    Event,
    History,
    Showing,
    credited,
    sums,
)
from random_histories import NOON, path_history

pytestmark = [pytest.mark.dbt]


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
