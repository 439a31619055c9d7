"""The attribution ledger on random histories: laws, and a second implementation."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import replace
from datetime import timedelta

import pytest
from attribution_reference import (
    METHODS,
    ledger,
    outcomes_of,
    shapley_by_enumeration,
)
from compiled_attribution import AttributionWarehouse, History, Row, Showing, credited, sums
from hypothesis import given, settings
from hypothesis import strategies as st
from random_histories import RANDOM, histories

pytestmark = [pytest.mark.dbt]

TouchKey = tuple[str, str, str, int]


def touch_key(row: Row) -> TouchKey:
    return row["outcome_event_id"], row["outcome_type"], row["method"], row["touch_number"]


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
