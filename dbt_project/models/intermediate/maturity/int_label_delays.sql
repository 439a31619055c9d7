with

plan as (

    select as_of from {{ source('ops', 'build_plan') }}

),

horizons as (

    {{ label_horizons() }}

),

impressions as (

    select * from {{ ref('int_impressions_resolved') }}
    where impression_date >= {{ label_window_start() }}

),

bots as (

    select * from {{ ref('int_bot_actors') }}

),

taken_back as (

    select
        original_event_id,
        {{ exact_sum('reversed_share') }} as reversed_share
    from {{ ref('fct_reversals') }}
    group by original_event_id

),

-- A label is known from the first event of its type that still stands.
labels as (

    select
        events.matched_request_id as request_id,
        events.matched_item_id as item_id,
        events.event_type as outcome_type,
        min(events.received_at) as known_at
    from {{ ref('fct_events') }} as events
    inner join horizons on events.event_type = horizons.outcome_type
    left join taken_back on events.event_id = taken_back.original_event_id
    where
        events.matched_request_id is not null
        and not events.is_historical
        -- A client's clock may be a day off, not more: earlier events are of showings before the window.
        and events.event_date >= {{ label_window_start() }} - 1
        and coalesce(taken_back.reversed_share, 0) < 1
    group by
        events.matched_request_id,
        events.matched_item_id,
        events.event_type

),

delayed as (

    select
        labels.outcome_type,
        impressions.impression_date,
        impressions.surface,
        impressions.model_name,
        impressions.model_version,
        impressions.policy,
        cast(greatest(
            0, floor({{ seconds_between('impressions.occurred_at', 'plan.as_of') }} / 3600)
        ) as bigint) as age_hours,
        cast(greatest(
            0, floor({{ seconds_between('impressions.occurred_at', 'labels.known_at') }} / 3600)
        ) as bigint) as delay_hours
    from labels
    inner join impressions
        on
            labels.request_id = impressions.request_id
            and labels.item_id = impressions.item_id
    cross join plan
    left join bots on impressions.actor_id = bots.actor_id
    where bots.actor_id is null

),

counted as (

    select
        outcome_type,
        impression_date,
        surface,
        model_name,
        model_version,
        policy,
        age_hours,
        delay_hours,
        count(*) as outcomes
    from delayed
    group by
        outcome_type,
        impression_date,
        surface,
        model_name,
        model_version,
        policy,
        age_hours,
        delay_hours

)

select * from counted
