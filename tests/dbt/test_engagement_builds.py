"""Engagement through the real build: planted cases and an invented world, incrementally and from scratch."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import duckdb
import pytest
from loop_steps import build_models, copy_landing, put_into_service, settings_at

from revealed.engines.duckdb import connect
from revealed.landing import ingest_landing
from revealed.settings import Settings
from revealed.simulation import WorldConfig, simulate
from revealed.warehouse import BuildPlan, finish_candidate

pytestmark = [pytest.mark.dbt]

MODELS = ("+int_visits_judged", "+int_bot_actors", "+fct_sessions")
TABLES = ("int_item_visits", "int_actor_days", "int_bot_actors", "int_dwell_norms")
FIRST, SECOND = datetime(2026, 1, 5, tzinfo=UTC), datetime(2026, 1, 7, tzinfo=UTC)
WITHHELD = "events-2026-01-03T12.ndjson"
PHONE = "NewsApp/5.2 (iOS; iPhone14,2)"


def line(number: str, kind: str, at: str, person: str, item: str | None, **columns: Any) -> dict[str, Any]:
    """A planted event line; `at` is day-of-January and time."""
    values = {
        "event_id": f"planted-{number}",
        "event_type": kind,
        "occurred_at": f"2026-01-{at}Z",
        "user_id": person,
    }
    return {**values, "item_id": item, "user_agent": PHONE, **columns}


# Known by the first build, as of the 5th.
EARLY = [
    # Reading over midnight.
    line("1", "click", "04T23:59:30", "owl", "night"),
    line("2", "heartbeat", "04T23:59:50", "owl", "night"),
    # The last visit of a day whose session goes on after midnight.
    line("3", "click", "04T23:55:00", "ant", "last"),
    # A heartbeat of these will come a day late.
    line("4", "click", "03T12:00:00", "bee", "late"),
    line("5", "heartbeat", "03T12:00:15", "bee", "late"),
    line("6", "click", "03T12:05:00", "bee", "next"),
    # The same line twice.
    line("7", "view", "03T10:00:00", "cat", "said", dwell_ms=42_000, scroll_depth=0.4),
    line("7", "view", "03T10:00:00", "cat", "said", dwell_ms=42_000, scroll_depth=0.4),
    # Nominal moments, a millisecond apart.
    *(
        line(f"8{n}", "view", f"03T10:00:00.00{n}", "dog", f"old-{n}", properties={"source": "history"})
        for n in range(5)
    ),
    # A visitor who will log in: both names become one person's.
    {**line("9", "click", "04T10:00:00", "eel", "met"), "user_id": None, "anonymous_id": "visitor"},
    # Not yet a machine: the second half of the minute comes with the second file.
    *(line(f"m{n}", "click", f"04T15:00:{n:02}", "machine", f"i{n}") for n in range(40)),
]
# Landed after the first build.
LATE = [
    line("11", "heartbeat", "05T00:00:10", "owl", "night"),
    line("12", "heartbeat", "05T00:00:30", "owl", "night"),
    line("13", "click", "05T00:03:00", "ant", "after"),
    line("14", "heartbeat", "03T12:00:30", "bee", "late", received_at="2026-01-05T08:00:00Z"),
    line("15", "identify", "05T10:00:00", "eel", None, anonymous_id="visitor"),
    line("16", "click", "04T10:01:00", "eel", "more", received_at="2026-01-05T10:00:00Z"),
    *(
        line(f"n{n}", "click", f"04T15:00:{n:02}.5", "machine", f"j{n}", received_at="2026-01-06T00:00:00Z")
        for n in range(40)
    ),
]  # fmt: skip


def plant(settings: Settings, name: str, lines: Sequence[dict[str, Any]]) -> None:
    path = settings.landing / "events" / f"{name}.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in lines))


def rewritten_of(settings: Settings, plan: BuildPlan) -> dict[str, tuple[int, int]]:
    """How many sessions and days of people a build wrote, and how many there are."""
    con = connect(settings, plan.database, read_only=True)
    found = {}
    for name, touched, everything in (
        ("sessions", "build.int_sessions_touched", "marts.fct_sessions"),
        ("days", "build.int_actor_days_touched", "intermediate.int_actor_days"),
    ):
        row = con.execute(
            f"select (select count(*) from {touched}), (select count(*) from {everything})"
        ).fetchone()
        assert row is not None
        found[name] = row
    con.close()
    return found


class Built:
    """The builds that the tests look at, and the world's truth."""

    def __init__(self, folder: Path) -> None:
        self.settings = settings_at(folder / "home")
        world = folder / "world" / "landing"
        simulate(world, replace(WorldConfig.tiny(), users=150, items=60, days=8, seed=8))
        self.truth = world.parent / "simulation" / "truth"
        names = {path.name for path in world.rglob("*") if path.is_file()}
        assert WITHHELD in names, "the world no longer writes this file: withhold another"
        copy_landing(world, self.settings.landing, names - {WITHHELD})
        plant(self.settings, "planted-1", EARLY)
        ingest_landing(self.settings)
        self.first = build_models(self.settings, FIRST, *MODELS)
        finish_candidate(self.settings, self.first)
        put_into_service(self.settings, self.first)
        copy_landing(world, self.settings.landing, {WITHHELD})
        plant(self.settings, "planted-2", LATE)
        ingest_landing(self.settings)
        self.continued = build_models(self.settings, SECOND, *MODELS)
        self.rewritten = rewritten_of(self.settings, self.continued)
        self.scratch = build_models(self.settings, SECOND, *MODELS, from_scratch=True)

    def open(self, plan: BuildPlan) -> duckdb.DuckDBPyConnection:
        published = plan is self.first
        database = self.settings.published_warehouse if published else plan.database
        return connect(self.settings, database, read_only=True)


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Built:
    return Built(tmp_path_factory.mktemp("engagement"))


def visit(con: duckdb.DuckDBPyConnection, item: str, *columns: str) -> Any:
    """One planted visit's columns; None where there is no such visit."""
    query = f"select {', '.join(columns)} from intermediate.int_item_visits where item_id = ?"
    rows = con.execute(query, [item]).fetchall()
    assert len(rows) <= 1
    return rows[0] if rows else None


def test_what_is_known_changes_with_what_arrives(built: Built) -> None:
    con = built.open(built.first)
    before = {
        item: visit(con, item, "active_ms", "dwell_source") for item in ("night", "last", "late", "met")
    }
    con.close()
    con = built.open(built.continued)
    after = {item: visit(con, item, "active_ms", "dwell_source") for item in ("night", "last", "late", "met")}
    midnight = visit(con, "night", "visit_date", "last_event_at", "device")
    con.close()
    assert before == {
        "night": (20_000, "heartbeats"), "last": (None, None), "late": (15_000, "heartbeats"), "met": (None, None),
    }  # fmt: skip
    assert after == {
        "night": (60_000, "heartbeats"), "last": (480_000, "next_event"), "late": (30_000, "heartbeats"),
        "met": (60_000, "next_event"),
    }  # fmt: skip
    assert [str(value) for value in midnight] == ["2026-01-04", "2026-01-05 00:00:30", "mobile"]


def test_reports_and_summaries(built: Built) -> None:
    con = built.open(built.continued)
    assert visit(con, "said", "active_ms", "dwell_source", "scroll_depth", "is_opened") == (
        42_000,
        "reported",
        0.4,
        True,
    )
    for n in range(5):
        assert visit(con, f"old-{n}", "active_ms", "dwell_source", "is_historical") == (None, None, True)
    con.close()


def test_a_later_build_equals_one_from_scratch(built: Built) -> None:
    assert built.continued.window_start is not None
    assert built.scratch.from_scratch
    continued, scratch = built.open(built.continued), built.open(built.scratch)
    for table in TABLES:
        query = f"select * from intermediate.{table} order by all"
        rows = continued.execute(query).fetchall()
        assert rows == scratch.execute(query).fetchall()
        assert len(rows) > 3
    continued.close()
    scratch.close()


def test_bots_are_found_and_people_are_not_taken_for_them(built: Built) -> None:
    """The one bot with an ordinary agent, and a machine whose lines came in two halves."""
    con = built.open(built.continued)
    found = dict(con.execute("select actor_id, reason from intermediate.int_bot_actors").fetchall())
    bots = {
        "anon:" + row[0]
        for row in con.execute(
            f"select users.anonymous_id from read_parquet('{built.truth}/users.parquet') as users "
            f"where users.is_bot and users.person in (select person from read_parquet('{built.truth}/events.parquet'))"
        ).fetchall()
    }
    agents = {row[0] for row in con.execute("select actor_id from marts.fct_events where is_bot").fetchall()}
    people = con.execute("select count(distinct actor_id) from marts.fct_events").fetchone()
    con.close()
    seen = bots & set(found)
    assert set(found) == seen | {"machine"}
    assert {found[bot] for bot in seen - agents} == {"rate"}
    assert {found[bot] for bot in seen & agents} == {"user_agent"}
    assert len(seen - agents) == 1
    assert found["machine"] == "rate"
    assert people is not None
    assert people[0] > 100
    con = built.open(built.first)
    assert (
        con.execute("select * from intermediate.int_bot_actors where actor_id = 'machine'").fetchall() == []
    )
    con.close()


def test_times_tell_what_the_world_meant(built: Built) -> None:
    """Clickbait is left early also for its length, and z separates it; usual times are standard normal by construction."""
    con = built.open(built.scratch)
    rows = con.execute(
        "select items.is_clickbait, count(*), avg(cast(visits.dwell_z < 0 as integer)), "
        "avg(cast(visits.is_satisfied as integer)) "
        "from intermediate.int_visits_judged as visits "
        f"inner join read_parquet('{built.truth}/items.parquet') as items on visits.item_id = items.item_id "
        "where visits.dwell_source = 'reported' "
        "and visits.actor_id not in (select actor_id from intermediate.int_bot_actors) group by 1 order by 1"
    ).fetchall()
    con.close()
    (_, plain, plain_short, plain_satisfied), (_, bait, bait_short, bait_satisfied) = rows
    assert plain > 500
    assert bait > 30
    assert bait_short > 0.9 > 0.6 > plain_short
    assert plain_satisfied > 3 * bait_satisfied


def test_the_next_act_stands_in_for_reports_that_are_lost(built: Built, models: dict[str, str]) -> None:
    """The same world without dwell reports and heartbeats: too long by the walk back through the list, seldom too short."""
    database = built.scratch.database
    con = duckdb.connect()
    con.execute(f"attach '{database}' as built (read_only)")
    con.execute("create schema marts; create schema build")
    con.execute(
        "create table marts.fct_events as select * replace (null as dwell_ms) "
        "from built.marts.fct_events where event_type != 'heartbeat'"
    )
    con.execute(
        "create table build.int_sessions_touched as "
        "select session_key, min(event_date) as started_on from marts.fct_events group by 1"
    )
    row = con.execute(
        "select count(*), count(guessed.active_ms), avg(cast(guessed.active_ms >= told.active_ms as integer)), "
        "median(guessed.active_ms / told.active_ms) "
        f"from ({models['int_item_visits']}) as guessed "
        "inner join built.intermediate.int_item_visits as told on guessed.session_key = told.session_key "
        "and guessed.item_id = told.item_id and guessed.matched_request_id is not distinct from told.matched_request_id "
        "where told.dwell_source = 'reported' and told.opening_event_type = 'click' "
        "and told.actor_id not in (select actor_id from built.intermediate.int_bot_actors)"
    ).fetchone()
    con.close()
    assert row is not None
    visits, guessed, enough, ratio = row
    assert visits > 500
    assert 0.4 < guessed / visits < 0.9
    assert enough > 0.9
    assert 1.0 < ratio < 1.4


def test_nothing_but_what_changed_is_written_again(built: Built) -> None:
    assert built.rewritten.keys() == {"sessions", "days"}
    for touched, everything in built.rewritten.values():
        assert 0 < touched < 0.9 * everything
