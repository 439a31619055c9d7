with

events as (

    select * from {{ ref('fct_events') }}

),

flagged as (

    select distinct actor_id
    from events
    where is_bot

)

select * from flagged
