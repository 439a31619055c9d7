-- Kept apart from the other methods, so that nothing here is computed when Markov is not asked for.
{{ config(materialized='view') }}

with

ledger as (

    select * from {{ ref('int_attribution_ledger') }}

),

effects as (

    select * from {{ ref('int_channel_removal_effects') }}

),

with_effects as (

    select
        ledger.*,
        effects.removal_effect,
        count(effects.removal_effect) over (
            partition by ledger.outcome_event_id, ledger.outcome_type
        ) as estimated_touches,
        cast({{ exact_share_sum('effects.removal_effect') }} over (
            partition by ledger.outcome_event_id, ledger.outcome_type
        ) as double) as removal_effects
    from ledger
    left join effects
        on
            ledger.outcome_type = effects.outcome_type
            and ledger.channel = effects.channel

),

weighted as (

    select
        * exclude (removal_effect, estimated_touches, removal_effects),
        case
            when estimated_touches = touches and removal_effects > 0 then removal_effect / removal_effects
            -- A channel without an estimate (older than the trailing window) is unknown, not worthless: equal shares.
            else linear_weight
        end as markov_weight
    from with_effects

)

select * from weighted
