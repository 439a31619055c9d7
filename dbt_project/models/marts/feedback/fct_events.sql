-- depends_on: {{ ref('int_events_retracted') }}
{{
    config(
        materialized='incremental',
        incremental_strategy='append',
        on_schema_change='fail',
        pre_hook="{% if is_incremental() %}delete from {{ this }} where event_id in (select retracted.event_id from {{ ref('int_events_retracted') }} as retracted) or event_id in (select written.event_id from {{ ref('int_events_sessionized') }} as written){% endif %}",
    )
}}

with

policy as (

    select * from {{ ref('signal_policy') }}

),

events as (

    select * from {{ ref('int_events_rewritten') }}

),

sessions as (

    select * from {{ ref('int_events_sessionized') }}

),

matches as (

    select * from {{ ref('int_events_matched') }}

),

joined as (

    select
        events.event_id,
        events.event_type,
        events.event_date,
        events.occurred_at,
        events.received_at,
        events.actor_id,
        events.logged_actor_id,
        events.identity_known_at,
        events.user_id,
        events.anonymous_id,
        sessions.session_key,
        events.session_id,
        events.item_id,
        events.request_id,
        events.position,
        events.surface,
        events.device,
        events.dwell_ms,
        events.scroll_depth,
        events.value,
        events.currency,
        events.quantity,
        events.order_id,
        events.reverses_event_id,
        events.rating,
        events.query,
        case
            when policy.polarity != 'by_value' then policy.polarity
            when events.rating is null then 'neutral'
            when events.rating >= 3 then 'positive'
            else 'negative'
        end as polarity,
        events.is_bot,
        events.is_historical,
        coalesce(matches.match_type, 'none') as match_type,
        matches.request_id as matched_request_id,
        case when matches.request_id is not null then events.item_id end as matched_item_id,
        matches.position as matched_position,
        matches.shown_at,
        matches.model_name,
        matches.model_version,
        matches.policy,
        matches.lag_s as match_lag_s,
        events.source_file,
        events.source_line,
        policy.policy_version
    from events
    inner join sessions on events.event_id = sessions.event_id
    left join policy on events.event_type = policy.event_type
    left join matches on events.event_id = matches.event_id

)

select * from joined
