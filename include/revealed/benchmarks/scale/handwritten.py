"""The core of the chain as somebody who knows DuckDB would write it by hand, without dbt, increments or tests.

The same work from the same raw files: one copy a key, impressions out of slates, the direct join, else the last touch
(as-of join on the pairs that need it), events with what they are credited to, outcomes by impression. Left out, because
the chain's models for it are not part of the comparison either: sessions, visits, reversals, attribution, reports.
"""

from __future__ import annotations

from datetime import datetime

from revealed.engines.duckdb import literal
from revealed.settings import Settings

IMPRESSIONS = """
create table impressions as
with lines as not materialized (
    select * from raw.inferences where received_at < {as_of}
),
repeated as (
    select request_id from lines group by request_id having count(*) > 1
),
later_copies as (
    select source_file, source_line
    from lines semi join repeated using (request_id)
    qualify row_number() over (partition by request_id order by received_at, source_file, source_line) > 1
),
shown as (
    select
        * exclude (items, user_embedding, latency_ms, schema_version),
        unnest(case
            when len(items) = len(list_distinct(list_transform(items, lambda shown: shown.item_id))) then items
            else list_filter(items, lambda shown, place:
                list_position(list_transform(items, lambda other: other.item_id), shown.item_id) = place)
        end) as shown
    from lines anti join later_copies using (source_file, source_line)
)
select
    request_id, shown.item_id, shown.position, cast(occurred_at as date) as impression_date, occurred_at, received_at,
    coalesce(user_id, 'anon:' || anonymous_id) as actor_id, user_id, anonymous_id, session_id, surface, model_name,
    model_version, policy, snapshot_id, experiment_id, variant, query, context, shown.score, shown.propensity,
    source_file, source_line
from shown
"""

EVENTS = """
create table events as
with policy as materialized (
    select * from read_csv({policy})
),
lines as not materialized (
    select *, coalesce(user_id, 'anon:' || anonymous_id) as logged_actor_id
    from raw.events where received_at < {as_of}
),
repeated as (
    select event_id from lines group by event_id having count(*) > 1
),
later_copies as (
    select source_file, source_line
    from lines semi join repeated using (event_id)
    qualify row_number() over (partition by event_id order by received_at, source_file, source_line) > 1
),
first_copies as not materialized (
    select * from lines anti join later_copies using (source_file, source_line)
),
links as (
    select anonymous_id, user_id, min(received_at) as known_at
    from first_copies where anonymous_id is not null and user_id is not null
    group by anonymous_id, user_id
),
identities as (
    select anonymous_id, min(user_id) as user_id, min(known_at) as known_at
    from links
    group by anonymous_id
    having count(*) = 1 and min(user_id) in (select user_id from links group by user_id having count(*) <= {max_visitors})
),
creditable as (
    select
        event_id, item_id, request_id, occurred_at, attribution_window_hours * 3600 as window_s,
        coalesce(identities.user_id, logged_actor_id) as actor_id
    from first_copies
    inner join policy using (event_type)
    left join identities on case when first_copies.user_id is null then first_copies.anonymous_id end = identities.anonymous_id
    where policy.reversal_of is null and item_id is not null and attribution_window_hours > 0
),
direct as (
    select
        event_id, 'request_id' as match_type, shown.request_id, shown.position, shown.model_name, shown.model_version,
        shown.policy, (epoch_us(creditable.occurred_at) - epoch_us(shown.occurred_at)) / 1000000.0 as lag_s
    from creditable inner join impressions as shown using (request_id, item_id)
    where lag_s between -300 and window_s
),
undecided as (
    select * from creditable anti join direct using (event_id)
),
touches as (
    select
        coalesce(identities.user_id, shown.actor_id) as actor_id, item_id, occurred_at,
        arg_min({{'request_id': request_id, 'position': position, 'model_name': model_name, 'model_version': model_version,
            'policy': policy}}, request_id) as decision
    from impressions as shown
    left join identities on case when shown.user_id is null then shown.anonymous_id end = identities.anonymous_id
    where (coalesce(identities.user_id, shown.actor_id), item_id) in (select (actor_id, item_id) from undecided)
    group by all
),
last_touch as (
    select
        event_id, 'last_touch', decision.request_id, decision.position, decision.model_name, decision.model_version,
        decision.policy, (epoch_us(undecided.occurred_at) - epoch_us(touches.occurred_at)) / 1000000.0 as lag_s
    from undecided asof join touches
        on undecided.actor_id = touches.actor_id and undecided.item_id = touches.item_id
        and undecided.occurred_at >= touches.occurred_at
    where lag_s <= window_s
),
matches as (
    select * from direct union all select * from last_touch
)
select
    first_copies.* exclude (properties, user_agent, schema_version),
    cast(first_copies.occurred_at as date) as event_date,
    coalesce(identities.user_id, logged_actor_id) as actor_id,
    identities.known_at as identity_known_at,
    coalesce(regexp_matches(lower(user_agent), 'bot|crawl|spider|slurp|headless|python-requests|curl/'), false) as is_bot,
    policy.polarity, coalesce(match_type, 'none') as match_type, matches.request_id as matched_request_id,
    matches.position as matched_position, matches.model_name, matches.model_version, matches.policy, lag_s as match_lag_s
from first_copies
left join policy using (event_type)
left join identities on case when first_copies.user_id is null then first_copies.anonymous_id end = identities.anonymous_id
left join matches using (event_id)
"""

OUTCOMES = """
create table outcomes as
select
    matched_request_id as request_id, item_id, min(matched_position) as position,
    count(*) filter (where event_type = 'click') as clicks,
    cast(sum(dwell_ms) as bigint) as dwell_ms,
    max(scroll_depth) as scroll_depth,
    coalesce(bool_or(event_type = 'save'), false) as is_saved,
    coalesce(bool_or(event_type in ('share', 'copy')), false) as is_shared,
    coalesce(bool_or(event_type = 'add_to_cart'), false) as is_added_to_cart,
    coalesce(bool_or(event_type in ('purchase', 'convert')), false) as is_purchased,
    coalesce(bool_or(event_type = 'skip'), false) as is_skipped,
    coalesce(bool_or(event_type in ('hide', 'not_interested')), false) as is_hidden,
    cast(sum(cast(value as decimal(28, 9))) filter (where event_type in ('purchase', 'convert')) as double) as gross_value,
    min(received_at) filter (where is_engagement) as first_engaged_at,
    min(received_at) as first_seen_at
from events left join read_csv({policy}) as policy using (event_type)
where matched_request_id is not null
group by all
"""

# Rows, matches, and an order-free digest of which event is credited to which impression.
MATCHES = (
    "count(*), count(matched_request_id),"
    " coalesce(bit_xor(hash(event_id, match_type, matched_request_id, matched_position, actor_id)), 0)"
)

# The chain's models that do this work; everything else in it is listed apart.
SAME_WORK = (
    "int_events_deduplicated",
    "int_identity_links",
    "int_identities",
    "int_impressions",
    "int_impressions_resolved",
    "int_events_rewritten",
    "int_events_matched",
    "fct_events",
    "int_impressions_touched",
    "fct_impression_outcomes",
)


def handwritten_statements(settings: Settings, as_of: datetime, max_visitors: int = 50) -> list[str]:
    """Return the three statements; the views `raw.events` and `raw.inferences` must be there."""
    words = {
        "as_of": f"timestamp {literal(as_of.strftime('%Y-%m-%d %H:%M:%S'))}",
        "policy": literal(settings.dbt_project / "seeds" / "signal_policy.csv"),
        "max_visitors": max_visitors,
    }
    return [statement.format(**words) for statement in (IMPRESSIONS, EVENTS, OUTCOMES)]
