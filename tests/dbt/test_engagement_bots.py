"""Bots by behaviour: what no person does, to the click, and what fast people do."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import duckdb
import pytest
from engagement_events import START, Event, event, load_events

pytestmark = [pytest.mark.dbt]


def reason_of(models: dict[str, str], events: Sequence[Event]) -> tuple[Any, ...] | None:
    con = duckdb.connect()
    load_events(con, events)
    con.execute("create schema intermediate")
    con.execute(f"create table intermediate.int_item_visits as {models['int_item_visits']}")
    con.execute(
        "create table build.int_actor_days_touched as "
        "select distinct actor_id, event_date as activity_date from marts.fct_events"
    )
    con.execute(f"create table intermediate.int_actor_days as {models['int_actor_days']}")
    row = con.execute(f"select reason, first_flagged_on from ({models['int_bot_actors']})").fetchone()
    con.close()
    return row


def clicks(count: int, every_s: float, dwell_ms: int | None = None, **columns: Any) -> list[Event]:
    """Clicks on one item after the other, each with its view if a dwell is given."""
    rows = []
    for n in range(count):
        rows.append(event("click", n * every_s - 36_000, f"i{n}", **columns))
        if dwell_ms is not None:
            rows.append(event("view", n * every_s - 36_000 + dwell_ms / 1000, f"i{n}", dwell_ms=dwell_ms))
    return rows


DAY = START.date()


@pytest.mark.parametrize(
    ("events", "reason"),
    [
        pytest.param(clicks(61, 1.0), ("rate", DAY), id="more than one a second for a minute"),
        pytest.param(clicks(60, 1.0), None, id="one a second for a minute"),
        pytest.param(clicks(80, 1.5), None, id="two every three seconds, for longer than a minute"),
        pytest.param(clicks(60, 0.5, dwell_ms=400), None, id="a view after its click is not a second opening"),
        pytest.param([event("click", n / 2) for n in range(61)], ("rate", DAY), id="the same item again and again"),
        pytest.param(
            [{**row, "is_historical": True} for row in clicks(500, 0.001)], None, id="a summary is no machine gun"
        ),
        pytest.param(clicks(200, 30.0, dwell_ms=300), ("no_dwell_volume", DAY), id="hundreds a day, none read"),
        pytest.param(clicks(199, 30.0, dwell_ms=300), None, id="below the volume"),
        pytest.param(clicks(200, 30.0, dwell_ms=1_200), None, id="hundreds a day, looked at"),
        pytest.param(
            clicks(200, 30.0, dwell_ms=300) + [event("save", n * 30 - 36_000, f"i{n}") for n in range(30)], None,
            id="hundreds a day, some saved",
        ),
        pytest.param(clicks(200, 0.9), ("rate", DAY), id="the plainer reason"),
        pytest.param(
            [event("click", (hour - 12) * 3600, f"i{hour}") for hour in range(22)], ("around_the_clock", DAY),
            id="never sleeps",
        ),
        pytest.param([event("click", (hour - 12) * 3600, f"i{hour}") for hour in range(21)], None, id="sleeps a little"),
        pytest.param([event("search", 0, None, is_bot=True)], ("user_agent", DAY), id="says so itself"),
        pytest.param(
            [*clicks(61, 1.0), event("search", 86_400, None, is_bot=True)], ("user_agent", DAY),
            id="its own word counts most, the first day stays",
        ),
    ],
)  # fmt: skip
def test_bots_by_behaviour(
    models: dict[str, str], events: list[Event], reason: tuple[Any, ...] | None
) -> None:
    assert reason_of(models, events) == reason
