-- A satisfied showing counts once, by the first click on it; a visit that no showing explains, by the click that opened it.
{{ config(materialized='view') }}

with

touches as (

    select * from {{ ref('int_attribution_touches') }}

),

outcomes as (

    select * from {{ ref('fct_impression_outcomes') }}

),

items as (

    select * from {{ ref('dim_items') }}

),

norms as (

    select * from {{ ref('int_dwell_norms') }}
    where moment = {{ planned('as_of') }}

),

visits as (

    select * from {{ ref('int_visits_judged') }}

),

-- As fct_impressions judges them, without reading the showings that nothing came of.
satisfied_showings as (

    select
        outcomes.request_id,
        outcomes.item_id
    from outcomes
    left join items on outcomes.item_id = items.item_id
    left join norms
        on
            norms.length_bucket = {{ length_bucket('items.expected_dwell_s') }}
            and norms.device = coalesce(outcomes.device, 'unknown')
    where
        outcomes.clicks > 0
        and {{ is_satisfied('outcomes.dwell_ms', dwell_z('outcomes.dwell_ms', 'norms')) }}

),

ranked as (

    select
        touches.outcome_event_id,
        row_number() over (
            partition by touches.request_id, touches.item_id
            order by touches.outcome_at, touches.outcome_event_id
        ) as click_number
    from touches
    inner join satisfied_showings
        on
            touches.request_id = satisfied_showings.request_id
            and touches.item_id = satisfied_showings.item_id
    where
        touches.outcome_type = 'click'
        and touches.touch_number = touches.touches

),

satisfied as (

    select outcome_event_id
    from ranked
    where click_number = 1

    union all

    select opening_event_id as outcome_event_id
    from visits
    where
        matched_request_id is null
        and opening_event_type = 'click'
        and is_satisfied

)

select * from satisfied
