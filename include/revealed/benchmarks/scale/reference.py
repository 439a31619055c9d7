"""The bare queries behind the design, on flat Parquet: what each costs beside a plain scan of the same files."""

from __future__ import annotations

from pathlib import Path

from revealed.benchmarks.scale.sizes import BenchSize
from revealed.engines.duckdb import literal

FLAT_IMPRESSIONS = (
    "select request_id, item_id, position, actor_id, occurred_at, surface, propensity from impressions"
)
FLAT_EVENTS = """
select event_id, event_type, occurred_at, received_at, actor_id, item_id, request_id, dwell_ms, value from events
"""

SCAN = """
select max(request_id), max(item_id), sum(position), max(actor_id), max(occurred_at), max(surface), sum(propensity)
from impressions
"""

DIRECT_JOIN = """
with labels as (
    select
        request_id, item_id, count(*) filter (where event_type = 'click') as clicks, sum(dwell_ms) as dwell_ms,
        sum(cast(value as decimal(18, 2))) as value, min(received_at) as seen_at
    from events where request_id is not null
    group by request_id, item_id
)
select count(*), count(seen_at), sum(clicks), sum(dwell_ms), sum(value), sum(position), max(occurred_at)
from impressions left join labels using (request_id, item_id)
"""

LAST_TOUCH = """
with undecided as (
    select event_id, actor_id, item_id, occurred_at from events where request_id is null and item_id is not null
),
touches as (
    select request_id, actor_id, item_id, occurred_at, position
    from impressions where (actor_id, item_id) in (select (actor_id, item_id) from undecided)
)
select count(*), count(touches.request_id), sum(touches.position), max(touches.occurred_at)
from undecided asof left join touches
    on undecided.actor_id = touches.actor_id and undecided.item_id = touches.item_id
    and undecided.occurred_at >= touches.occurred_at
"""

_TIMELINE = """
timeline as (
    select actor_id, occurred_at, item_id from impressions
    union all
    select actor_id, occurred_at, item_id from events
),
gaps as (
    select *, epoch_us(occurred_at) - lag(epoch_us(occurred_at)) over (partition by actor_id order by occurred_at) as gap_us
    from timeline
)
"""

SESSION_GAPS = f"""
with {_TIMELINE}
select count(*) filter (where gap_us is null or gap_us > 1800000000), sum(least(gap_us, 30000000)) from gaps
"""

SESSION_IDS = f"""
with {_TIMELINE},
numbered as (
    select *, count(*) filter (where gap_us is null or gap_us > 1800000000) over (
        partition by actor_id order by occurred_at rows between unbounded preceding and current row
    ) as session_number
    from gaps
),
sessions as (
    select actor_id, session_number, min(occurred_at) as started_at, max(occurred_at) as ended_at, count(*) as events
    from numbered group by actor_id, session_number
)
select count(*), sum(events), max(ended_at - started_at) from sessions
"""

DEDUPLICATE = """
select count(*), max(event_id), max(item_id) from (
    select * from raw_events
    qualify row_number() over (partition by event_id order by received_at, source_file, source_line) = 1
)
"""


def flat_views(folder: Path) -> list[str]:
    """Return the statements that name the flat files `impressions` and `events`."""
    return [
        f"create view {name} as from read_parquet({literal(folder / f'{name}.parquet')})"
        for name in ("impressions", "events")
    ]


def a_week_in_memory(folder: Path, size: BenchSize, *, hot: bool) -> list[str]:
    """Return the statements for a week of the flat files as tables; `hot` plants one bot at one item, all week."""
    week = f"occurred_at < timestamp {literal(size.start.isoformat(sep=' '))} + interval 7 day"
    statements = [
        f"create temp table {name} as from read_parquet({literal(folder / f'{name}.parquet')}) where {week}"
        for name in ("impressions", "events")
    ]
    return [*statements, *hot_pair("impressions", "events", size)] if hot else statements


def hot_pair(impressions: str, events: str, size: BenchSize, event_actor: str = "actor_id") -> list[str]:
    """Return the statements that plant a bot with one item in two tables; `event_actor` is the events' column of people."""
    start = f"timestamp {literal(size.start.isoformat(sep=' '))}"
    return [
        f"insert into {impressions} by name select md5('hot' || i) as request_id, 'i-hot' as item_id, 1 as position,"
        f" 'hot' as actor_id, {start} + to_microseconds(i * {7 * 86400000000 // size.hot_impressions}) as occurred_at"
        f" from range({size.hot_impressions}) as numbers (i)",
        f"insert into {events} by name select md5('hot event' || i) as event_id, 'click' as event_type, 'i-hot' as item_id,"
        f" 'hot' as {event_actor}, {start} + to_microseconds(i * {7 * 86400000000 // size.hot_events} + 7) as occurred_at"
        f" from range({size.hot_events}) as numbers (i)",
    ]
