"""Active time, its norms, and bots by behaviour, against closed forms and planted distributions."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from math import floor
from typing import Any

import duckdb
import jinja2
import numpy as np
import pytest
import yaml
from compiled_models import compile_models, create_table
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from loop_steps import settings_at

pytestmark = [pytest.mark.dbt]

START = datetime(2026, 1, 2, 12)
AS_OF = datetime(2026, 2, 1)
HOLDOUT = datetime(2026, 1, 25)
EVENTS = {
    "event_id": "varchar", "event_type": "varchar", "event_date": "date", "occurred_at": "timestamp",
    "received_at": "timestamp", "actor_id": "varchar", "session_key": "varchar", "item_id": "varchar",
    "matched_request_id": "varchar", "device": "varchar", "surface": "varchar", "dwell_ms": "bigint",
    "scroll_depth": "double", "is_bot": "boolean", "is_historical": "boolean",
}  # fmt: skip
VISITS = {
    "actor_id": "varchar", "item_id": "varchar", "device": "varchar", "visit_date": "date", "opened_at": "timestamp",
    "last_received_at": "timestamp", "active_ms": "bigint", "is_opened": "boolean",
}  # fmt: skip
Event = dict[str, Any]


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    home = settings_at(tmp_path_factory.mktemp("home"))
    home.home.mkdir(exist_ok=True)
    return compile_models(home, "int_item_visits", "int_actor_days", "int_bot_actors", "int_dwell_norms")


def event(kind: str, second: float, item: str | None = "a", **columns: Any) -> Event:
    """An event of one person's one session, `second` seconds after noon."""
    at = START + timedelta(seconds=second)
    values = {"event_type": kind, "occurred_at": at, "received_at": at, "item_id": item, "session_key": "s"}
    return {**values, "actor_id": "ann", "is_bot": False, "is_historical": False, **columns}


def load_events(con: duckdb.DuckDBPyConnection, events: Sequence[Event]) -> None:
    create_table(con, "marts.fct_events", EVENTS)
    rows = [
        [
            {"event_id": f"e{n:06}", "event_date": row["occurred_at"].date(), **row}.get(name)
            for name in EVENTS
        ]
        for n, row in enumerate(events)
    ]
    if rows:
        con.executemany(f"insert into marts.fct_events values ({', '.join('?' * len(EVENTS))})", rows)
    con.execute("create schema if not exists intermediate")
    con.execute(
        "create or replace table intermediate.int_sessions_touched as "
        "select session_key, min(event_date) as started_on from marts.fct_events group by 1"
    )


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
        event("scroll", 8, scroll_depth=0.8), event("scroll", 9, scroll_depth=0.5), event("view", 9, "b", matched_request_id="r"),
        event("scroll", 20, "b"), event("click", 60, "c", received_at=START + timedelta(days=1)),
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


# ---- norms


def load_visits(con: duckdb.DuckDBPyConnection, rows: list[tuple[Any, ...]]) -> None:
    """Rows of actor, item, device, opened_at, last_received_at, active_ms; items are named for their expected length."""
    create_table(con, "intermediate.int_item_visits", VISITS)
    frame = {name: [row[n] for row in rows] for n, name in enumerate(("a", "i", "d", "o", "r", "ms"))}
    con.execute(
        "insert into intermediate.int_item_visits select unnest($a), unnest($i), unnest($d), cast(unnest($o) as date), "
        "unnest($o), unnest($r), unnest($ms), true",
        frame,
    )
    create_table(con, "marts.dim_items", {"item_id": "varchar", "expected_dwell_s": "double"})
    con.execute(
        "insert into marts.dim_items select distinct item_id, try_cast(item_id as double) from intermediate.int_item_visits"
    )
    create_table(con, "intermediate.int_bot_actors", {"actor_id": "varchar"})
    con.execute("insert into intermediate.int_bot_actors values ('robot')")
    create_table(con, "ops.build_plan", {"as_of": "timestamp", "holdout_start": "timestamp"})
    con.execute("insert into ops.build_plan values (?, ?)", [AS_OF, HOLDOUT])


def norms_of(models: dict[str, str], rows: list[tuple[Any, ...]]) -> dict[tuple[datetime, str, str], Any]:
    con = duckdb.connect()
    load_visits(con, rows)
    found = con.execute(
        f"select moment, length_bucket, device, visits, mu, sigma from ({models['int_dwell_norms']})"
    ).fetchall()
    con.close()
    return {row[:3]: row[3:] for row in found}


def visit(length: float | str, device: str | None, seconds: float, **over: Any) -> tuple[Any, ...]:
    opened = over.get("opened_at", datetime(2026, 1, 20))
    return (
        over.get("actor", "ann"), str(length), device, opened, over.get("received", opened), round(1000 * seconds),
    )  # fmt: skip


def test_standardised_times_are_standard_normal_in_every_class(models: dict[str, str]) -> None:
    """Planted log-normal times, another mean and spread a class: z has mean 0 and deviation 1 in each."""
    rng = np.random.default_rng(5)
    planted = {("10", "under_15s", "mobile"): (2.0, 0.4), ("20", "15s_to_30s", "desktop"): (3.0, 0.9),
               ("100", "60s_to_180s", "mobile"): (4.2, 0.6), ("500", "from_180s", "tablet"): (5.5, 0.7)}  # fmt: skip
    times = {key: rng.lognormal(mu, sigma, 6_000) for key, (mu, sigma) in planted.items()}
    rows = [visit(length, device, s) for (length, _, device), values in times.items() for s in values]
    norms = norms_of(models, rows)
    for (_, bucket, device), seconds in times.items():
        visits, mu, sigma = norms[AS_OF, bucket, device]
        z = (np.log(seconds) - mu) / sigma
        assert visits == len(seconds)
        assert abs(z.mean()) < 0.05
        assert abs(z.std() - 1) < 0.03


def shrunk(logs: Sequence[float], prior: tuple[float, float], n0: int = 50) -> tuple[float, float]:
    """The closed form: mean and variance with n0 visits' worth of trust in the wider group's."""
    n, values = len(logs), np.asarray(logs, dtype=float)
    squares = float(((values - values.mean()) ** 2).sum()) if n else 0.0
    return (float(values.sum()) + n0 * prior[0]) / (n + n0), (squares + n0 * prior[1]) / (max(n - 1, 0) + n0)


def test_a_class_with_few_visits_leans_on_its_length_and_that_on_all(models: dict[str, str]) -> None:
    rng = np.random.default_rng(6)
    classes = {("under_15s", "mobile"): [4.0, 8.0, 12.0], ("under_15s", "desktop"): [9.0],
               ("30s_to_60s", "unknown"): list(np.round(rng.lognormal(3.5, 0.5, 40), 3))}  # fmt: skip
    lengths = {"under_15s": 10, "30s_to_60s": 40}
    rows = [
        visit(lengths[b], None if d == "unknown" else d, s)
        for (b, d), values in classes.items()
        for s in values
    ]
    norms = norms_of(models, rows)
    everything = np.log([s for values in classes.values() for s in values])
    overall = (float(everything.mean()), float(everything.var(ddof=1)))
    short = shrunk(np.log([4.0, 8.0, 12.0, 9.0]).tolist(), overall)
    for device, seconds in (("mobile", [4.0, 8.0, 12.0]), ("desktop", [9.0]), ("tablet", [])):
        mu, variance = shrunk(np.log(seconds).tolist() if seconds else [], short)
        visits, found_mu, found_sigma = norms[AS_OF, "under_15s", device]
        assert visits == len(seconds)
        assert found_mu == pytest.approx(mu, abs=1e-7)
        assert found_sigma == pytest.approx(variance**0.5, abs=1e-6)
    assert norms[AS_OF, "from_180s", "mobile"][1:] == pytest.approx((overall[0], overall[1] ** 0.5), abs=1e-6)


@pytest.mark.parametrize("visits", [[], [10.0], [10.0, 10.0, 10.0]])
def test_too_little_to_know_a_spread_by_gives_no_verdict(models: dict[str, str], visits: list[float]) -> None:
    norms = norms_of(models, [visit(20, "mobile", s) for s in visits])
    count, mu, sigma = norms[AS_OF, "15s_to_30s", "mobile"]
    assert count == len(visits)
    assert (mu is None) == (not visits)
    assert sigma in (None, 0.0)
    assert len(norms) == 2 * 6 * 5


def test_norms_know_only_their_moment_and_no_bots(models: dict[str, str]) -> None:
    old, before, within = datetime(2026, 1, 3, 23), datetime(2026, 1, 24, 23), datetime(2026, 1, 26)
    rows = [
        visit(20, "mobile", 10, opened_at=old),  # more than 28 days before the build, not before the holdout
        visit(20, "mobile", 10, opened_at=before),
        visit(20, "mobile", 10, opened_at=before, received=HOLDOUT),  # not known so by then
        visit(20, "mobile", 10, opened_at=within),
        visit(20, "mobile", 0, opened_at=before),
        visit(20, "mobile", 10, opened_at=before, actor="robot"),
        visit(20, "mobile", 10, opened_at=AS_OF),
    ]
    norms = norms_of(models, rows)
    assert norms[AS_OF, "15s_to_30s", "mobile"][0] == 3
    assert norms[HOLDOUT, "15s_to_30s", "mobile"][0] == 2


# ---- verdicts


@pytest.fixture(scope="module")
def macros(tmp_path_factory: pytest.TempPathFactory) -> Any:
    project = settings_at(tmp_path_factory.mktemp("home")).dbt_project
    variables = yaml.safe_load((project / "dbt_project.yml").read_text())["vars"]
    template = jinja2.Environment().from_string((project / "macros" / "engagement.sql").read_text())
    return template.make_module({"var": variables.__getitem__})


def judge(macros: Any, macro: str, *arguments: str) -> Any:
    row = duckdb.sql(f"select {getattr(macros, macro)(*arguments)}").fetchone()
    assert row is not None
    return row[0]


@pytest.mark.parametrize(
    ("active_ms", "z", "satisfied", "bounce"),
    [
        ("30000", "-2.0", True, False),
        ("29999", "-0.01", False, False),
        ("29999", "0.0", True, False),
        ("29999", "null", False, False),
        ("5000", "0.5", True, False),
        ("4999", "0.5", False, True),
        ("0", "-4.0", False, True),
        ("cast(null as bigint)", "null", False, False),
    ],
)
def test_satisfied_and_bounced(macros: Any, active_ms: str, z: str, satisfied: bool, bounce: bool) -> None:
    assert judge(macros, "is_satisfied", active_ms, z) is satisfied
    assert judge(macros, "is_bounce", "true", active_ms) is bounce
    assert judge(macros, "is_bounce", "false", active_ms) is False


CLICKBAIT = {
    "clicked": "true",
    "active_ms": "9000",
    "expected": "100",
    "z": "-1.0",
    "scroll": "null",
    "after": "false",
}


@pytest.mark.parametrize(
    ("change", "verdict"),
    [
        ({}, True),
        ({"clicked": "false"}, False),
        ({"active_ms": "10000"}, False),
        ({"active_ms": "cast(null as bigint)"}, False),
        ({"active_ms": "0"}, True),
        ({"expected": "16"}, False),
        ({"expected": "16", "active_ms": "7999"}, True),
        ({"expected": "null"}, True),
        ({"z": "0.0"}, False),
        ({"z": "null"}, True),
        ({"scroll": "0.5"}, True),
        ({"scroll": "0.51"}, False),
        ({"after": "true"}, False),
    ],
)
def test_clickbait(macros: Any, change: dict[str, str], verdict: bool) -> None:
    assert judge(macros, "is_clickbait", *(CLICKBAIT | change).values()) is verdict


@pytest.mark.parametrize(
    ("expected_s", "bucket"),
    [("14.9", "under_15s"), ("15", "15s_to_30s"), ("30", "30s_to_60s"), ("60", "60s_to_180s"), ("180", "from_180s"),
     ("null", "unknown")],
)  # fmt: skip
def test_classes_of_length(macros: Any, expected_s: str, bucket: str) -> None:
    assert judge(macros, "length_bucket", expected_s) == bucket


def test_a_time_that_is_not_known_has_no_z_and_none_at_all_is_short(macros: Any) -> None:
    norms = "(select 3.0 as mu, 0.5 as sigma) as norms"
    rows = duckdb.sql(
        f"select {macros.dwell_z('ms', 'norms')} from (values (1, null), (2, 0), (3, 20086)) as t(n, ms), {norms} order by n"
    ).fetchall()
    assert rows[0][0] is None
    assert rows[1][0] == pytest.approx((np.log(0.1) - 3.0) / 0.5)
    assert rows[2][0] == pytest.approx(0.0, abs=1e-4)


@pytest.mark.parametrize(
    ("agent", "device"),
    [
        ("Mozilla/5.0 (iPhone; CPU iPhone OS 19_0 like Mac OS X) Mobile/15E148", "mobile"),
        ("Mozilla/5.0 (Linux; Android 16; Pixel 10) Chrome/140 Mobile Safari/537.36", "mobile"),
        ("Mozilla/5.0 (Linux; Android 16; SM-X910) Chrome/140 Safari/537.36", "tablet"),
        ("Mozilla/5.0 (iPad; CPU OS 19_0 like Mac OS X) Version/19.0 Mobile/15E148 Safari/604.1", "tablet"),
        ("Mozilla/5.0 (Windows NT 10.0; Win64; x64) Chrome/140", "desktop"),
        ("Mozilla/5.0 (Macintosh; Intel Mac OS X 15_0) Safari/605", "desktop"),
        ("Mozilla/5.0 (X11; CrOS x86_64 16000.0.0)", "desktop"),
        ("Mozilla/5.0 (SMART-TV; Linux; Tizen 8.0) TV Safari/538.1", "other"),
        ("Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)", "other"),
        ("NewsApp/5.2 (iOS; iPhone14,2)", "mobile"),
        ("NewsApp/5.2 (Android 16; Pixel)", "mobile"),
        ("curl/8.9", "other"),
    ],
)
def test_devices_by_user_agent(macros: Any, agent: str, device: str) -> None:
    assert judge(macros, "device_of", f"'{agent}'") == device
    assert judge(macros, "device_of", "cast(null as varchar)") is None


# ---- bots


def reason_of(models: dict[str, str], events: Sequence[Event]) -> tuple[Any, ...] | None:
    con = duckdb.connect()
    load_events(con, events)
    con.execute(f"create table intermediate.int_item_visits as {models['int_item_visits']}")
    con.execute(
        "create table intermediate.int_actor_days_touched as "
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
