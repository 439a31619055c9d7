-- Everything that a credit depends on but the method: what was taken back, who is a bot, what is old enough to be final.
{{ config(materialized='view') }}

with

plan as (

    select as_of from {{ source('ops', 'build_plan') }}

),

policy as (

    select * from {{ ref('signal_policy') }}

),

outcomes as (

    select * from {{ ref('int_attribution_outcomes') }}

),

taken_back as (

    select
        original_event_id,
        least(1.0, {{ exact_sum('reversed_share') }}) as reversed_share
    from {{ ref('fct_reversals') }}
    group by original_event_id

),

impressions as (

    select
        request_id,
        item_id,
        is_reported_seen
    from {{ ref('fct_impression_outcomes') }}

),

bots as (

    select actor_id from {{ ref('int_bot_actors') }}

),

ledger as (

    select
        outcomes.* exclude (event_type),
        outcomes.gross_value * coalesce(taken_back.reversed_share, 0.0) as reversed_value,
        outcomes.gross_value * (1.0 - coalesce(taken_back.reversed_share, 0.0)) as net_value,
        case
            when outcomes.request_id is null and outcomes.is_reported_shown then 'client'
            when outcomes.request_id is null then 'none'
            -- The client's own report of a logged showing is the same exposure, not one more.
            when impressions.is_reported_seen then 'both'
            else 'logged'
        end as exposure_source,
        bots.actor_id is not null as is_bot,
        {{ seconds_between('outcomes.outcome_at', 'plan.as_of') }} >= policy.maturity_window_hours * 3600 as is_mature
    from outcomes
    cross join plan
    inner join policy on outcomes.event_type = policy.event_type
    left join taken_back on outcomes.outcome_event_id = taken_back.original_event_id
    left join impressions
        on
            outcomes.request_id = impressions.request_id
            and outcomes.item_id = impressions.item_id
    left join bots on outcomes.actor_id = bots.actor_id

)

select * from ledger
