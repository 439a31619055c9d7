"""What the build must know of the state before it: written into the candidate's `ops` schema before dbt starts.

dbt models cannot read the old rows of a model that comes after them, so the few facts that cross the window's start are
taken from the copied warehouse here, in SQL, while it still holds the last build.
"""

from __future__ import annotations

import duckdb

# Each statement sees `plan` (one row: window_start). On a build from scratch the tables stay empty.
_FROM_LAST_BUILD = {
    "settled_events": """
        select distinct events.event_id
        from marts.fct_events as events
        inner join raw.events as raw_events on events.event_id = raw_events.event_id
        cross join ops.build_plan as plan
        where events.event_date < plan.window_start
    """,
    "settled_requests": """
        select distinct impressions.request_id
        from intermediate.int_impressions as impressions
        inner join raw.inferences as requests on impressions.request_id = requests.request_id
        cross join ops.build_plan as plan
        where impressions.impression_date < plan.window_start
    """,
    "open_sessions": """
        select
            actor_id,
            arg_max(session_key, (occurred_at, event_id)) as session_key,
            max(occurred_at) as last_event_at
        from marts.fct_events
        cross join ops.build_plan as plan
        where
            session_id is null
            and occurred_at < plan.window_start
            and occurred_at >= plan.window_start - interval 1 hour
        group by actor_id
    """,
    "retracted_sessions": """
        select session_key
        from marts.fct_sessions
        cross join ops.build_plan as plan
        where ended_at >= plan.window_start
    """,
    "retracted_matches": """
        select distinct matched_request_id as request_id, matched_item_id as item_id
        from marts.fct_events
        cross join ops.build_plan as plan
        where event_date >= plan.window_start and matched_request_id is not null
    """,
}

_EMPTY = {
    "settled_events": "select cast(null as varchar) as event_id where false",
    "settled_requests": "select cast(null as varchar) as request_id where false",
    "open_sessions": "select cast(null as varchar) as actor_id, cast(null as varchar) as session_key, "
    "cast(null as timestamp) as last_event_at where false",
    "retracted_sessions": "select cast(null as varchar) as session_key where false",
    "retracted_matches": "select cast(null as varchar) as request_id, cast(null as varchar) as item_id where false",
}

# The first day on which an event of a session that is written again can lie.
_SESSIONS_FROM = """
    update ops.build_plan set sessions_from = least(window_start, (
        select min(sessions.session_date)
        from marts.fct_sessions as sessions
        where
            sessions.session_key in (select session_key from ops.retracted_sessions)
            or sessions.session_key in (select session_key from ops.open_sessions)
            or sessions.session_id in (select session_id from raw.events)
    ))
"""


def write_context(con: duckdb.DuckDBPyConnection, *, from_scratch: bool) -> None:
    """Fill the candidate's context tables; `ops.build_plan` and the raw views must be there already."""
    for table, query in (_EMPTY if from_scratch else _FROM_LAST_BUILD).items():
        con.execute(f"create or replace table ops.{table} as {query}")
    if not from_scratch:
        con.execute(_SESSIONS_FROM)
