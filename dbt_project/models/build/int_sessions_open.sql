-- Sessions that may go on: the last one of each touched person, if it was open at that moment.
with

touched as (

    select * from {{ ref('int_actors_touched') }}

),

previous as (

    {{ previous_rows('marts', 'fct_events', {
        'event_id': 'varchar', 'actor_id': 'varchar', 'session_id': 'varchar', 'session_key': 'varchar',
        'occurred_at': 'timestamp'
    }) }}

),

open_sessions as (

    select
        previous.actor_id,
        arg_max(previous.session_key, (previous.occurred_at, previous.event_id)) as session_key,
        max(previous.occurred_at) as last_event_at
    from previous
    inner join touched
        on
            previous.actor_id = touched.actor_id
            and previous.occurred_at < touched.touched_from
            and previous.occurred_at >= touched.touched_from - interval 1 hour
    where previous.session_id is null
    group by previous.actor_id

)

select * from open_sessions
