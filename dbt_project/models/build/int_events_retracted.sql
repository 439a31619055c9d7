-- What the last build said of the events that this one writes again. Kept as it is when the build is tried again: by then
-- fct_events may be this build's own.
with

touched as (

    select * from {{ ref('int_actors_touched') }}

),

previous as (

    {{ previous_events() }}

),

retracted as (

    select
        previous.*,
        (select build_plan.build_id from {{ source('ops', 'build_plan') }} as build_plan) as build_id
    from previous
    inner join touched
        on
            previous.actor_id = touched.actor_id
            and previous.occurred_at >= touched.touched_from

)

select * from {{ this if ran_in_this_build() else 'retracted' }}
