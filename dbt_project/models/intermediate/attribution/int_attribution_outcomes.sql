-- What moves with the as-of moment, after the touches were found: satisfaction, so far.
{{ config(materialized='view') }}

with

touches as (

    select * from {{ ref('int_attribution_touches') }}

),

clicks as (

    select * from {{ ref('int_attribution_touches') }}
    where outcome_type = 'click'

),

satisfied as (

    select * from {{ ref('int_satisfied_clicks') }}

),

outcomes as (

    select
        touches.*,
        touches.outcome_type as event_type
    from touches

    union all

    select
        clicks.* replace ('satisfied_click' as outcome_type),
        clicks.outcome_type as event_type
    from clicks
    inner join satisfied on clicks.outcome_event_id = satisfied.outcome_event_id

)

select * from outcomes
