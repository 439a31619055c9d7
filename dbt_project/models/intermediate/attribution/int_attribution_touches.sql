-- depends_on: {{ ref('int_events_retracted') }}, {{ ref('int_events_rewritten') }}
-- depends_on: {{ ref('int_events_retracted') }}
-- depends_on: {{ ref('int_events_rewritten') }}
{{
    config(
        materialized='incremental',
        incremental_strategy='append',
        on_schema_change='fail',
        pre_hook="{% if is_incremental() %}delete from {{ this }} where outcome_event_id in (select retracted.event_id from {{ ref('int_events_retracted') }} as retracted) or outcome_event_id in (select written.event_id from {{ ref('int_events_rewritten') }} as written){% endif %}",
    )
}}

with

outcomes as (

    select * from {{ ref('int_outcomes_rewritten') }}

),

touches as (

    select * from {{ ref('int_outcome_touches') }}

),

reported as (

    select * from {{ ref('int_outcomes_reported_shown') }}

),

found as (

    select
        touches.*,
        {{ attribution_channel('touches') }} as channel,
        -- The decision that the outcome names is the last one, whatever the clocks say.
        row_number() over (
            partition by touches.outcome_event_id
            order by touches.match_type desc, touches.touched_at, touches.request_id desc
        ) as found_number,
        count(*) over (partition by touches.outcome_event_id) as found_touches,
        max(touches.touched_at) over (partition by touches.outcome_event_id) as last_touched_at
    from touches

),

numbered as (

    select
        * exclude (found_number, found_touches),
        found_number - greatest(0, found_touches - {{ var('attribution_max_touches') }}) as touch_number,
        least(found_touches, {{ var('attribution_max_touches') }}) as touches
    from found
    where found_touches - found_number < {{ var('attribution_max_touches') }}

),

by_channel as (

    select
        *,
        row_number() over (partition by outcome_event_id, channel order by touch_number) as number_in_channel,
        count(*) over (partition by outcome_event_id, channel) as channel_touches,
        -- Counted from the last touch: the same shares, and never so small that they vanish.
        pow(
            2.0,
            -{{ seconds_between('touched_at', 'last_touched_at') }} / 86400.0
            / {{ var('attribution_half_life_days') }}
        ) as decay
    from numbered

),

by_outcome as (

    select
        *,
        count(*) filter (where number_in_channel = 1) over (partition by outcome_event_id) as channels,
        cast({{ exact_share_sum('decay') }} over (partition by outcome_event_id) as double) as decays
    from by_channel

),

weighted as (

    select
        outcome_event_id,
        cast(touch_number as integer) as touch_number,
        cast(touches as integer) as touches,
        match_type,
        request_id,
        position,
        model_name,
        model_version,
        policy,
        surface,
        channel,
        touched_at,
        case when touch_number = touches then 1.0 else 0.0 end as last_weight,
        case when touch_number = 1 then 1.0 else 0.0 end as first_weight,
        1.0 / touches as linear_weight,
        decay / decays as time_decay_weight,
        case
            when touches <= 2 then 1.0 / touches
            when touch_number in (1, touches) then 0.4
            else 0.2 / (touches - 2)
        end as position_based_weight,
        -- With v(S) = outcomes of paths within S, the Shapley value shares a path equally among its distinct channels.
        1.0 / (channels * channel_touches) as shapley_weight
    from by_outcome

),

ledger as (

    select
        outcomes.outcome_event_id,
        outcomes.outcome_type,
        outcomes.event_date,
        outcomes.outcome_at,
        outcomes.actor_id,
        outcomes.item_id,
        outcomes.gross_value,
        outcomes.unit,
        outcomes.policy_version,
        coalesce(weighted.touch_number, 0) as touch_number,
        coalesce(weighted.touches, 0) as touches,
        coalesce(weighted.match_type, 'unattributed') as match_type,
        weighted.request_id,
        weighted.position,
        weighted.model_name,
        weighted.model_version,
        weighted.policy,
        weighted.surface,
        weighted.channel,
        weighted.touched_at,
        reported.outcome_event_id is not null as is_reported_shown,
        -- What nothing precedes is credited to nobody, whole.
        {{ weights_or_one('weighted') }}
    from outcomes
    left join weighted on outcomes.outcome_event_id = weighted.outcome_event_id
    left join reported on outcomes.outcome_event_id = reported.outcome_event_id

)

select * from ledger
