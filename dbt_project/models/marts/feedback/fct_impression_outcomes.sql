{{
    config(
        materialized='incremental',
        incremental_strategy='append',
        on_schema_change='fail',
        pre_hook="{% if is_incremental() %}delete from {{ this }} as outcomes using {{ ref('int_impressions_touched') }} as touched where outcomes.request_id = touched.request_id and outcomes.item_id = touched.item_id{% endif %}",
    )
}}

with

touched as (

    select * from {{ ref('int_impressions_touched') }}

),

policy as (

    select * from {{ ref('signal_policy') }}

),

credited as (

    select events.*
    from {{ ref('fct_events') }} as events
    inner join touched
        on
            events.matched_request_id = touched.request_id
            and events.matched_item_id = touched.item_id

),

taken_back as (

    select
        original_event_id,
        {{ exact_sum('reversed_share') }} as reversed_share,
        {{ exact_sum('reversed_value') }} as reversed_value
    from {{ ref('fct_reversals') }}
    group by original_event_id

),

kept as (

    select
        credited.*,
        1.0 - coalesce(taken_back.reversed_share, 0.0) as kept_share,
        coalesce(taken_back.reversed_value, 0.0) as reversed_value,
        coalesce(policy.is_engagement, false) as is_engagement
    from credited
    left join taken_back on credited.event_id = taken_back.original_event_id
    left join policy on credited.event_type = policy.event_type

),

visits as (

    select
        visits.matched_request_id as request_id,
        visits.item_id,
        cast(sum(visits.active_ms) as bigint) as dwell_ms,
        -- Of several visits the one that tells most of the time, of equal ones the better measured: one number to sort by,
        -- because a row is kept outside of the memory that can spill.
        max(
            4 * visits.active_ms
            + case visits.dwell_source when 'next_event' then 1 when 'reported' then 2 when 'heartbeats' then 3 end
        ) % 4 as dwell_source_rank,
        cast(sum(visits.heartbeats) as bigint) as heartbeats,
        max(visits.scroll_depth) as scroll_depth,
        {{ earliest_of('visits.device', 'visits.opened_at') }} as device,
        bool_or(visits.is_opened) as is_opened
    from {{ ref('int_item_visits') }} as visits
    inner join touched
        on
            visits.matched_request_id = touched.request_id
            and visits.item_id = touched.item_id
    group by
        visits.matched_request_id,
        visits.item_id

),

credits as (

    select
        matched_request_id as request_id,
        matched_item_id as item_id,
        min(matched_position) as position,
        cast(min(shown_at) as date) as impression_date,
        count(*) filter (where event_type = 'click') as clicks,
        coalesce(bool_or(kept_share > 0) filter (where event_type = 'save'), false) as is_saved,
        coalesce(bool_or(kept_share > 0) filter (where event_type in ('share', 'copy')), false) as is_shared,
        coalesce(bool_or(kept_share > 0) filter (where event_type = 'add_to_cart'), false) as is_added_to_cart,
        coalesce(bool_or(kept_share > 0) filter (where event_type in ('purchase', 'convert')), false)
            as is_purchased,
        coalesce(bool_or(kept_share > 0) filter (where event_type = 'skip'), false) as is_skipped,
        coalesce(bool_or(kept_share > 0) filter (where event_type in ('hide', 'not_interested')), false)
            as is_hidden,
        {{ exact_sum('value', "event_type in ('purchase', 'convert')") }} as gross_value,
        {{ exact_sum('reversed_value', "event_type in ('purchase', 'convert')") }} as returned_value,
        coalesce(bool_or(event_type = 'impression'), false) as is_reported_seen,
        min(received_at) filter (where is_engagement and kept_share > 0) as first_engaged_at,
        min(received_at) as first_seen_at
    from kept
    group by
        matched_request_id,
        matched_item_id

),

outcomes as (

    select
        credits.request_id,
        credits.item_id,
        credits.position,
        credits.impression_date,
        credits.clicks,
        visits.dwell_ms,
        case visits.dwell_source_rank
            when 1 then 'next_event'
            when 2 then 'reported'
            when 3 then 'heartbeats'
        end as dwell_source,
        coalesce(visits.heartbeats, 0) as heartbeats,
        visits.scroll_depth,
        visits.device,
        coalesce(visits.is_opened, false) as is_opened,
        credits.is_saved,
        credits.is_shared,
        credits.is_added_to_cart,
        credits.is_purchased,
        credits.is_skipped,
        credits.is_hidden,
        credits.gross_value,
        credits.returned_value,
        credits.is_reported_seen,
        credits.first_engaged_at,
        credits.first_seen_at
    from credits
    left join visits
        on
            credits.request_id = visits.request_id
            and credits.item_id = visits.item_id

)

select * from outcomes
