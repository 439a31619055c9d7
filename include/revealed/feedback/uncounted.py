"""What is known of a person and an item, and has no say in its confidence: each with the reason."""

from __future__ import annotations

from typing import Any

import duckdb

_EVENTS = """
    with reversed as (
        select original_event_id as event_id, string_agg(reversal_event_id, ', ' order by reversal_event_id) as by_ids,
            sum(reversed_share) as share
        from marts.fct_reversals group by original_event_id
    )
    select events.event_id, events.event_type, events.occurred_at,
        case
            when events.occurred_at >= plan.as_of then 'it says that it happened after the moment of the build'
            when reversed.share >= 1 then 'taken back by ' || reversed.by_ids
            when policy.reversal_of is not null and events.polarity = 'neutral'
                then coalesce('it takes back ' || undone.original_event_id, 'it takes something back that is not known')
            when policy.polarity = 'by_value' and events.polarity = 'neutral' then 'a rating without a value'
            when events.polarity = 'neutral' then 'neutral: the signal policy gives it no weight'
            when policy.strength_rule = 'reversed_share' then 'it returns nothing that is known to have been bought'
            else 'too weak to count'
        end as reason
    from marts.fct_events as events
    cross join ops.build_plan as plan
    left join policy.signal_policy as policy on events.event_type = policy.event_type
    left join reversed on events.event_id = reversed.event_id
    left join marts.fct_reversals as undone on events.event_id = undone.reversal_event_id
    where events.actor_id = ? and events.item_id = ?
    order by events.occurred_at, events.event_id
"""
_IMPRESSIONS = """
    select impressions.request_id || '|' || impressions.item_id as event_id,
        'shown at position ' || impressions.position || ' of ' || coalesce(impressions.surface, '?') as event_type,
        impressions.occurred_at,
        case
            when impressions.feedback_state = 'engaged' then 'engaged with: its events count'
            when impressions.feedback_state = 'unexamined' then 'unexamined: nothing shows that it was looked at'
            when impressions.occurred_at > impressions.as_of - to_hours(cast(skip.maturity_window_hours as integer))
                then 'immature: seen and passed over, but a yes may still come'
            else 'passed over when the item was known already'
        end as reason
    from marts.fct_impressions as impressions
    cross join policy.signal_policy as skip
    where impressions.actor_id = ? and impressions.item_id = ? and skip.event_type = 'skipped_impression'
    order by impressions.occurred_at, impressions.request_id
"""


def read_uncounted(
    con: duckdb.DuckDBPyConnection, user_id: str, item_id: str, *, counted: frozenset[str] = frozenset()
) -> list[dict[str, Any]]:
    """Return everything but the pieces in `counted`: id, what, when, and why it does not count; oldest first."""
    found = [
        {"id": ident, "what": what, "occurred_at": when, "reason": reason}
        for query in (_EVENTS, _IMPRESSIONS)
        for ident, what, when, reason in con.execute(query, [user_id, item_id]).fetchall()
        if ident not in counted
    ]
    unique = {entry["id"]: entry for entry in found}
    return sorted(unique.values(), key=lambda entry: (entry["occurred_at"], entry["id"]))
