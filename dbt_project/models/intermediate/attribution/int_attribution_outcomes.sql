-- What moves with the as-of moment, after the touches were found: satisfaction, so far.
{{ config(materialized='view') }}

with

touches as (

    select * from {{ ref('int_attribution_touches') }}

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
        touches.* replace ('satisfied_click' as outcome_type),
        touches.outcome_type as event_type
    from touches
    inner join satisfied on touches.outcome_event_id = satisfied.outcome_event_id

)

select * from outcomes
