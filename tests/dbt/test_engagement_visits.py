"""Active time: what counts as evidence of it, in which order, against closed forms and Snowplow's formula."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from math import floor

import duckdb
import numpy as np
import pytest
from engagement_events import START, Event, event, load_events
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

pytestmark = [pytest.mark.dbt]


def visits_of(models: dict[str, str], events: Sequence[Event]) -> dict[str, tuple[int | None, str | None]]:
    """Active milliseconds and their source, by item."""
    con = duckdb.connect()
    load_events(con, events)
    rows = con.execute(
        f"select item_id, active_ms, dwell_source from ({models['int_item_visits']})"
    ).fetchall()
    con.close()
    assert len({row[0] for row in rows}) == len(rows)
    return {item: (active, source) for item, active, source in rows}


# ---- heartbeats: Snowplow's engaged time, heartbeat * (distinct pings - 1) + minimum visit (unified, pv_engaged_time)


def snowplow_engaged_s(pings: Sequence[float], heartbeat: int, minimum_visit: int) -> int:
    return (
        heartbeat * (len({floor((START.timestamp() + at) / heartbeat) for at in pings}) - 1) + minimum_visit
    )


def pinged(pings: Sequence[float]) -> list[Event]:
    return [event("click", 0), *(event("heartbeat", at) for at in pings)]


@pytest.mark.parametrize("heartbeat", [5, 10, 15, 30])
@pytest.mark.parametrize("minimum_visit", [5, 10, 30])
@pytest.mark.parametrize("pings", [1, 2, 7])
def test_heartbeats_add_up_to_snowplows_engaged_time(
    models: dict[str, str], heartbeat: int, minimum_visit: int, pings: int
) -> None:
    at = [minimum_visit + n * heartbeat for n in range(pings)]
    expected = snowplow_engaged_s(at, heartbeat, minimum_visit)
    assert visits_of(models, pinged(at)) == {"a": (1000 * expected, "heartbeats")}


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    heartbeat=st.sampled_from([5, 10, 15]),
    kept=st.sets(st.integers(0, 11), min_size=1),
    doubled=st.sets(st.integers(0, 11)),
)
def test_lost_pings_cost_less_than_in_snowplow_and_doubled_ones_nothing(
    models: dict[str, str], heartbeat: int, kept: set[int], doubled: set[int]
) -> None:
    """A lost ping costs Snowplow a heartbeat; here the gap that it leaves counts, up to the idle cap."""
    beats = sorted(kept)
    at = [heartbeat * (1 + n) for n in beats]
    active, source = visits_of(models, pinged([*at, *(heartbeat * (1 + n) for n in kept & doubled)]))["a"]
    gaps = np.diff([0, *at])
    assert source == "heartbeats"
    assert active == 1000 * np.minimum(gaps, 30).sum()
    first_gap = min(at[0], 30)
    assert active >= 1000 * (snowplow_engaged_s(at, heartbeat, heartbeat) - heartbeat + first_gap)
    if (gaps == heartbeat).all():
        assert active == 1000 * snowplow_engaged_s(at, heartbeat, heartbeat)


def test_heartbeats_that_say_how_long_are_believed_up_to_the_cap(models: dict[str, str]) -> None:
    beats = [event("heartbeat", at, dwell_ms=ms) for at, ms in [(20, 15_000), (40, 15_000), (400, 600_000)]]
    assert visits_of(models, [event("click", 0), *beats, beats[1]]) == {"a": (60_000, "heartbeats")}


# ---- the order of evidence


@pytest.mark.parametrize(
    ("events", "expected"),
    [
        pytest.param(
            [event("click", 0), event("heartbeat", 15), event("view", 60, dwell_ms=12_000),
             event("view", 61, dwell_ms=42_000), event("click", 70, "b")],
            {"a": (42_000, "reported"), "b": (None, None)}, id="the largest report, before heartbeats and next event",
        ),
        pytest.param(
            [event("click", 0, dwell_ms=0), event("heartbeat", 15)], {"a": (15_000, "heartbeats")},
            id="a click that reports 0 does not outweigh heartbeats",
        ),
        pytest.param([event("view", 0, dwell_ms=0)], {"a": (0, "reported")}, id="a reported 0 is a 0"),
        pytest.param(
            [event("click", 0), event("click", 600, "b"), event("click", 1200.001, "c")],
            {"a": (600_000, "next_event"), "b": (None, None), "c": (None, None)}, id="longer than the cap is absence",
        ),
        pytest.param(
            [event("click", 0), event("impression", 5, "b"), event("skip", 6, "b"), event("identify", 7, None),
             event("save", 20), event("search", 50, None)],
            {"a": (50_000, "next_event")}, id="what the list reports, and what is done with the item, does not end it",
        ),
        pytest.param([event("click", 0), event("save", 20)], {"a": (None, None)}, id="its own events are no next one"),
        pytest.param(
            [event("click", 0), event("click", 30, "b"), event("click", 50), event("click", 65, "c")],
            {"a": (45_000, "next_event"), "b": (20_000, "next_event"), "c": (None, None)}, id="two stays add up",
        ),
        pytest.param(
            [event("click", 0), event("click", 3, "b"), event("click", 9)],
            {"a": (None, None), "b": (6_000, "next_event")}, id="one stay of two is not all of it",
        ),
        pytest.param(
            [event("click", 0), event("click", 0, "b"), event("click", 9, "c")],
            {"a": (None, None), "b": (9_000, "next_event"), "c": (None, None)}, id="one instant tells nothing",
        ),
        pytest.param([event("heartbeat", 0)], {"a": (None, None)}, id="one heartbeat has no beginning"),
        pytest.param(
            [event("view", n / 1000, item, is_historical=True) for n, item in enumerate("abc")] + [event("click", 1, "d")],
            dict.fromkeys("abcd", (None, None)), id="a summary's moments are nominal",
        ),
        pytest.param(
            [event("click", 0), event("click", 5, "b", session_key="t")], {"a": (None, None), "b": (None, None)},
            id="another session is no next event",
        ),
    ],
)  # fmt: skip
def test_evidence_of_active_time(
    models: dict[str, str], events: list[Event], expected: dict[str, tuple[int | None, str | None]]
) -> None:
    assert visits_of(models, events) == expected
    assert visits_of(models, events[::-1]).keys() == expected.keys()


def test_a_visit_keeps_what_opened_it_and_the_deepest_scroll(models: dict[str, str]) -> None:
    con = duckdb.connect()
    rows = [
        event("click", 0, device="mobile", surface="home"), event("heartbeat", 0), event("scroll", 4, scroll_depth=0.3),
        event("scroll", 8, scroll_depth=0.8), event("scroll", 9, scroll_depth=0.5),
        event("view", 9, "b", matched_request_id="r"), event("scroll", 20, "b"),
        event("click", 60, "c", received_at=START + timedelta(days=1)),
    ]  # fmt: skip
    load_events(con, rows)
    found = con.execute(
        "select item_id, matched_request_id, opening_event_id, opening_event_type, device, surface, scroll_depth, is_opened, "
        "heartbeats, epoch(last_event_at - opened_at), last_received_at "
        f"from ({models['int_item_visits']}) order by 1, 2 nulls first"
    ).fetchall()
    con.close()
    late = START + timedelta(days=1)
    assert found[0] == (
        "a",
        None,
        "e000000",
        "click",
        "mobile",
        "home",
        0.8,
        True,
        1,
        9,
        START + timedelta(seconds=9),
    )
    assert found[1][:4] == ("b", None, "e000006", "scroll")
    assert found[1][-1] == late, "a time that rests on the next event was not known before that one"
    assert found[1][7] is False
    assert found[2][:4] == ("b", "r", "e000005", "view")
