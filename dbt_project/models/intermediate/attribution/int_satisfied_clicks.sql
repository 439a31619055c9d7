-- A satisfied showing counts once, by the first click on it: as many of these as satisfied, clicked impressions.
{{ config(materialized='view') }}

with

satisfied as (

    select
        request_id,
        item_id
    from {{ ref('fct_impressions') }}
    where
        is_satisfied
        and is_clicked

),

clicks as (

    select
        outcome_event_id,
        outcome_at,
        request_id,
        item_id
    from {{ ref('int_attribution_touches') }}
    where
        outcome_type = 'click'
        and touch_number = touches

),

ranked as (

    select
        clicks.outcome_event_id,
        row_number() over (
            partition by clicks.request_id, clicks.item_id
            order by clicks.outcome_at, clicks.outcome_event_id
        ) as click_number
    from clicks
    inner join satisfied
        on
            clicks.request_id = satisfied.request_id
            and clicks.item_id = satisfied.item_id

)

select outcome_event_id
from ranked
where click_number = 1
