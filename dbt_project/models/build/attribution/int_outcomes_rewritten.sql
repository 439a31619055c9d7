-- The outcomes that this build writes into the attribution ledger.
{{ config(materialized='view') }}

with

policy as (

    select * from {{ ref('signal_policy') }}

),

events as (

    select * from {{ ref('int_events_rewritten') }}

),

outcomes as (

    select
        events.event_id as outcome_event_id,
        events.event_type as outcome_type,
        events.event_date,
        events.occurred_at as outcome_at,
        events.actor_id,
        events.item_id,
        -- A purchase or a sign-up is worth its money where that is known; everything else counts as one.
        case
            when events.event_type in ('purchase', 'convert') then coalesce(events.value, 1.0)
            else 1.0
        end as gross_value,
        case
            when events.event_type in ('purchase', 'convert') and events.value is not null
                then coalesce(events.currency, 'money')
            else 'count'
        end as unit,
        policy.attribution_window_hours * 3600 as window_s,
        policy.policy_version
    from events
    inner join policy on events.event_type = policy.event_type
    where
        {{ is_outcome('policy') }}

)

select * from outcomes
