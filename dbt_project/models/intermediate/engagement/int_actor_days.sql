{{
    config(
        materialized='incremental',
        incremental_strategy='append',
        on_schema_change='fail',
        pre_hook="{% if is_incremental() %}delete from {{ this }} as days using {{ ref('int_actor_days_touched') }} as touched where days.activity_date >= (select min(bounds.activity_date) from {{ ref('int_actor_days_touched') }} as bounds) and days.actor_id = touched.actor_id and days.activity_date = touched.activity_date{% endif %}",
    )
}}

with

touched as (

    select * from {{ ref('int_actor_days_touched') }}

),

-- A back-filled summary has nominal moments: it would look like a machine's work.
events as (

    select events.*
    from {{ ref('fct_events') }} as events
    inner join touched
        on
            events.actor_id = touched.actor_id
            and events.event_date = touched.activity_date
    where
        events.event_date >= (select min(days.activity_date) from touched as days)
        and not events.is_historical

),

visits as (

    select visits.*
    from {{ ref('int_item_visits') }} as visits
    inner join touched
        on
            visits.actor_id = touched.actor_id
            and visits.visit_date = touched.activity_date
    where
        visits.visit_date >= (select min(days.activity_date) from touched as days)
        and visits.is_opened
        and not visits.is_historical

),

-- Every click, and what began to play without one; a view after the click is the same opening.
opens as (

    select distinct
        events.actor_id,
        events.event_date,
        events.item_id,
        events.occurred_at
    from events
    left join visits on events.event_id = visits.opening_event_id
    where
        events.item_id is not null
        and (
            events.event_type = 'click'
            or (events.event_type = 'view' and visits.opening_event_id is not null)
        )

),

paced as (

    select
        *,
        count(*) over (
            partition by actor_id, event_date order by occurred_at
            range between interval 1 minute preceding and current row
        ) as within_a_minute
    from opens

),

opening as (

    select
        actor_id,
        event_date,
        count(*) as opens,
        count(distinct item_id) as items,
        count(distinct date_trunc('hour', occurred_at)) as hours,
        max(within_a_minute) as most_opens_in_a_minute
    from paced
    group by
        actor_id,
        event_date

),

reacted as (

    select distinct
        actor_id,
        event_date,
        item_id
    from events
    where
        item_id is not null
        and event_type not in ('impression', 'identify', 'view', 'click', 'heartbeat', 'scroll', 'skip')

),

reading as (

    select
        visits.actor_id,
        visits.visit_date,
        count(*) as visits,
        count(visits.active_ms) as timed_visits,
        median(visits.active_ms) as median_active_ms,
        count(*) filter (
            where visits.heartbeats = 0 and visits.scroll_depth is null and reacted.item_id is null
        ) as passive_visits
    from visits
    left join reacted
        on
            visits.actor_id = reacted.actor_id
            and visits.visit_date = reacted.event_date
            and visits.item_id = reacted.item_id
    group by
        visits.actor_id,
        visits.visit_date

),

acting as (

    select
        actor_id,
        event_date,
        count(*) as events,
        count(distinct matched_request_id) as requests,
        bool_or(is_bot) as is_agent_bot
    from events
    group by
        actor_id,
        event_date

),

days as (

    select
        acting.actor_id,
        acting.event_date as activity_date,
        acting.events,
        acting.requests,
        coalesce(opening.opens, 0) as opens,
        coalesce(opening.items, 0) as items,
        coalesce(opening.hours, 0) as hours,
        coalesce(opening.most_opens_in_a_minute, 0) as most_opens_in_a_minute,
        coalesce(reading.visits, 0) as visits,
        coalesce(reading.timed_visits, 0) as timed_visits,
        reading.median_active_ms,
        cast(reading.passive_visits as double) / reading.visits as passive_share,
        acting.is_agent_bot
    from acting
    left join opening
        on
            acting.actor_id = opening.actor_id
            and acting.event_date = opening.event_date
    left join reading
        on
            acting.actor_id = reading.actor_id
            and acting.event_date = reading.visit_date

),

judged as (

    select
        *,
        case
            when is_agent_bot then 'user_agent'
            when most_opens_in_a_minute > {{ var('bot_opens_per_minute') }} then 'rate'
            when
                opens >= {{ var('bot_unread_opens_per_day') }}
                and timed_visits * 2 >= visits
                and median_active_ms < {{ var('bot_unread_s') }} * 1000
                and passive_share >= 0.9
                then 'no_dwell_volume'
            when hours >= {{ var('bot_hours_per_day') }} then 'around_the_clock'
        end as bot_reason
    from days

)

select * from judged
