"""The attribution ledger against hand-computed splits, laws over random histories, and a second implementation."""

from __future__ import annotations

import math
from collections import defaultdict
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any

import pytest
from attribution_reference import (
    METHODS,
    ledger,
    outcomes_of,
    removal_effects,
    shapley_by_enumeration,
)
from compiled_attribution import (
    AS_OF,
    MODELS,
    AttributionWarehouse,
    Event,
    History,
    Reversal,
    Showing,
)
from compiled_models import compile_models
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from loop_steps import settings_at

pytestmark = [pytest.mark.dbt]

NOON = datetime(2026, 2, 20, 12, tzinfo=UTC).replace(tzinfo=None)

TIMES = [
    NOON + timedelta(hours=hours) for hours in (-700, -169, -168, -73, -72, -25, -24, -3, -2, -1, 0, 1, 2, 26)
]
NEAR = [timedelta(0), timedelta(minutes=-4), timedelta(minutes=6), timedelta(microseconds=1)]


@pytest.fixture(scope="module")
def warehouse(tmp_path_factory: pytest.TempPathFactory) -> AttributionWarehouse:
    settings = settings_at(tmp_path_factory.mktemp("attribution"))
    return AttributionWarehouse(compile_models(settings, *MODELS), settings)


@st.composite
def histories(draw: st.DrawFn) -> History:
    """Two people (at times not logged in) and two items in few moments: ties, window edges, other people's requests."""
    chance = draw(st.randoms(use_true_random=False))
    showings = [random_showing(chance, number) for number in range(chance.randrange(60))]
    events = [random_event(chance, number, showings) for number in range(1 + chance.randrange(15))]
    reversals = [
        Reversal(
            f"back-{number}-{event.event_id}", event.event_id, chance.choice([0.25, 0.5]), event.occurred_at
        )
        for event in events
        for number in range(chance.randrange(3))
    ]
    shown = {(showing.actor_id, showing.item_id) for showing in showings}
    return History(
        showings,
        events,
        reversals,
        satisfied={(showing.request_id, showing.item_id) for showing in showings if chance.random() < 0.5},
        satisfied_visits={
            event.event_id
            for event in events
            if event.event_type == "click"
            and not event.request_id
            and (event.actor_id, event.item_id) not in shown
        },
        bots={"bob"} if chance.random() < 0.2 else set(),
    )


def random_showing(chance: Random, number: int) -> Showing:
    actor = chance.choice(["ann", "ann", "bob"])
    return Showing(
        request_id=f"r{number:02}",
        item_id=chance.choice(["i1", "i1", "i2"]),
        actor_id=actor,
        visitor=chance.choice([None, f"{actor}s phone", f"{actor}s desk"]),
        occurred_at=chance.choice(TIMES) + chance.choice(NEAR),
        model_name=chance.choice(["als", "search"]),
        model_version=chance.choice(["1", "2"]),
    )


def random_event(chance: Random, number: int, showings: list[Showing]) -> Event:
    """Half of the events name a request: a showing not far away, or none that is known."""
    event = Event(
        event_id=f"e{number:02}",
        event_type=chance.choice(
            ["click", "click", "purchase", "convert", "save", "impression", "heartbeat"]
        ),
        actor_id=chance.choice(["ann", "bob", "cat"]),
        item_id=chance.choice(["i1", "i1", "i2", None]),
        occurred_at=chance.choice(TIMES) + chance.choice(NEAR),
        request_id=chance.choice([None, None, None, "nobody-knows"]),
        value=chance.choice([None, 0.0, 19.99, chance.uniform(0, 1000)]),
        currency=chance.choice([None, "EUR"]),
    )
    if showings and chance.random() < 0.5:
        named = chance.choice(showings)
        lag = chance.choice([timedelta(minutes=-4), timedelta(0), timedelta(hours=1), timedelta(hours=24)])
        names = {
            "item_id": named.item_id,
            "request_id": named.request_id,
            "occurred_at": named.occurred_at + lag,
        }
        event = replace(event, **names)
    return event


RANDOM = settings(
    max_examples=30,
    deadline=None,
    derandomize=True,
    suppress_health_check=[
        HealthCheck.function_scoped_fixture,
        HealthCheck.too_slow,
        HealthCheck.data_too_large,
    ],
)


Row = dict[str, Any]
TouchKey = tuple[str, str, str, int]


def touch_key(row: Row) -> TouchKey:
    return row["outcome_event_id"], row["outcome_type"], row["method"], row["touch_number"]


def credited(warehouse: AttributionWarehouse, where: str = "true") -> list[Row]:
    return warehouse.rows(f"from marts.fct_attribution where {where}")


def sums(rows: list[Row], column: str) -> dict[tuple[str, str, str], float]:
    added: dict[tuple[str, str, str], float] = defaultdict(float)
    for row in rows:
        added[row["outcome_event_id"], row["outcome_type"], row["method"]] += row[column]
    return added


@RANDOM
@given(history=histories())
def test_random_histories_obey_every_law(warehouse: AttributionWarehouse, history: History) -> None:
    obeys_every_law(warehouse, history)


@pytest.mark.slow
@settings(RANDOM, max_examples=200)
@given(history=histories())
def test_many_random_histories_obey_every_law(warehouse: AttributionWarehouse, history: History) -> None:
    obeys_every_law(warehouse, history)


def obeys_every_law(warehouse: AttributionWarehouse, history: History) -> None:
    warehouse.run(history)
    rows = credited(warehouse)
    agrees_with_the_second_implementation(rows, history)
    conserves_credit(rows, history)
    adds_up_in_the_summary(warehouse, rows)
    lies_within_the_window(rows)
    explains_what_was_taken_back(warehouse, rows)
    gives_shapley_values(rows, history)
    ends_at_the_matched_impression(warehouse)


def agrees_with_the_second_implementation(rows: list[Row], history: History) -> None:
    found = {touch_key(row): (row["request_id"], row["credit"]) for row in rows}
    wanted = ledger(history)
    assert len(found) == len(rows)
    assert {key: request for key, (request, _) in found.items()} == {
        key: request for key, (request, _) in wanted.items()
    }
    for key, (_, credit) in wanted.items():
        assert found[key][1] == pytest.approx(credit, rel=1e-9, abs=1e-9), key


def conserves_credit(rows: list[Row], history: History) -> None:
    """Every outcome, each method: the credits add up to the net value, nothing lost and nothing invented."""
    outcomes = {(outcome.event.event_id, outcome.outcome_type) for outcome in outcomes_of(history)}
    net = {key: row["net_value"] for row in rows for key in [touch_key(row)[:3]]}
    assert net.keys() == {(*outcome, method) for outcome in outcomes for method in METHODS}
    for key, credit in sums(rows, "credit").items():
        assert credit == pytest.approx(net[key], rel=1e-9, abs=1e-9)
    assert all(row["credit_share"] >= 0 for row in rows)


def adds_up_in_the_summary(warehouse: AttributionWarehouse, rows: list[Row]) -> None:
    report = warehouse.rows(
        "select method, unit, sum(credit + unattributed) as net, sum(gross) as gross, sum(reversed) as reversed, "
        "sum(outcomes + unattributed_outcomes) as outcomes from marts.rpt_attribution_summary group by all"
    )
    lines: dict[tuple[str, str], list[Row]] = defaultdict(list)
    for row in rows:
        if not row["is_bot"]:
            lines[row["method"], row["unit"]].append(row)
    assert {(line["method"], line["unit"]) for line in report} == lines.keys()
    for line in report:
        mine = lines[line["method"], line["unit"]]
        assert line["net"] == pytest.approx(sum(row["credit"] for row in mine), abs=1e-6)
        assert line["gross"] - line["reversed"] == pytest.approx(line["net"], abs=1e-6)
        assert line["outcomes"] == pytest.approx(len(sums(mine, "credit")), abs=1e-6)


def lies_within_the_window(rows: list[Row]) -> None:
    """And never after the outcome, but for the named decision within the clocks' tolerance."""
    hours = {"click": 24, "satisfied_click": 24, "purchase": 168, "convert": 168, "save": 72}
    for row in rows:
        if row["request_id"] is not None:
            lag = row["outcome_at"] - row["touched_at"]
            assert lag <= timedelta(hours=hours[row["outcome_type"]])
            assert lag >= (timedelta(minutes=-5) if row["match_type"] == "request_id" else timedelta(0))
            assert row["match_type"] == "user_item" or row["touch_number"] == row["touches"]


def explains_what_was_taken_back(warehouse: AttributionWarehouse, rows: list[Row]) -> None:
    """Gross credit less what the restatements list is the credit, touch by touch."""
    back: dict[TouchKey, float] = defaultdict(float)
    for line in warehouse.rows("from marts.fct_credit_restatements"):
        back[touch_key(line)] += line["credit_taken_back"]
    for row in rows:
        gross = row["gross_value"] * row["credit_share"]
        assert gross - back[touch_key(row)] == pytest.approx(row["credit"], rel=1e-9, abs=1e-9)


def gives_shapley_values(rows: list[Row], history: History) -> None:
    """Over all paths of an outcome type at once, v(S) being the outcomes whose path lies within S: every coalition tried."""
    paths: dict[str, list[list[Showing]]] = defaultdict(list)
    for outcome in outcomes_of(history):
        if outcome.path:
            paths[outcome.outcome_type].append(outcome.path)
    found: dict[str, dict[str, float]] = defaultdict(lambda: defaultdict(float))
    for row in rows:
        if row["method"] == "shapley" and row["request_id"] is not None:
            channel = f"{row['model_name']}/{row['model_version']}/{row['policy']}"
            found[row["outcome_type"]][channel] += row["credit_share"]
    assert found.keys() == paths.keys()
    for outcome_type, of_type in paths.items():
        wanted = shapley_by_enumeration({showing.channel for path in of_type for showing in path}, of_type)
        assert dict(found[outcome_type]) == pytest.approx(wanted, abs=1e-9)


def ends_at_the_matched_impression(warehouse: AttributionWarehouse) -> None:
    different = warehouse.rows(
        "select * from marts.fct_attribution as credits "
        "left join build.int_events_matched as matches on credits.outcome_event_id = matches.event_id "
        "where method = 'last' and credit_share = 1 and credits.request_id is distinct from matches.request_id"
    )
    assert different == []


@settings(RANDOM, max_examples=15)
@given(history=histories(), data=st.data())
def test_excluding_a_touch_redistributes_and_never_loses(
    warehouse: AttributionWarehouse, history: History, data: st.DataObject
) -> None:
    loses_nothing_without_a_touch(warehouse, history, data)


@pytest.mark.slow
@settings(RANDOM, max_examples=100)
@given(history=histories(), data=st.data())
def test_excluding_many_a_touch_redistributes_and_never_loses(
    warehouse: AttributionWarehouse, history: History, data: st.DataObject
) -> None:
    loses_nothing_without_a_touch(warehouse, history, data)


def loses_nothing_without_a_touch(
    warehouse: AttributionWarehouse, history: History, data: st.DataObject
) -> None:
    if not history.showings:
        return
    warehouse.run(history)
    before = sums(credited(warehouse, "outcome_type != 'satisfied_click'"), "credit")
    gone = data.draw(st.sampled_from(history.showings))
    warehouse.run(replace(history, showings=[showing for showing in history.showings if showing != gone]))
    after = credited(warehouse, "outcome_type != 'satisfied_click'")
    assert sums(after, "credit") == pytest.approx(before, rel=1e-9, abs=1e-9)
    assert not any((row["request_id"], row["item_id"]) == (gone.request_id, gone.item_id) for row in after)


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
