-- Which sessions this build writes again, and the first day on which an event of theirs can lie.
with

rewritten as (

    select
        sessions.session_key,
        events.event_date
    from {{ ref('int_events_sessionized') }} as sessions
    inner join {{ ref('int_events_rewritten') }} as events on sessions.event_id = events.event_id

),

-- Some of their events may be gone now, or belong to another session.
retracted as (

    select
        session_key,
        event_date
    from {{ ref('int_events_retracted') }}
    where session_key is not null

),

touched as (

    select * from rewritten

    union all

    select * from retracted

),

previous as (

    {{ previous_rows('marts', 'fct_sessions', {'session_key': 'varchar', 'session_date': 'date'}) }}

),

-- A session that goes on began on an earlier day.
begun as (

    select
        touched.session_key,
        min(least(touched.event_date, coalesce(previous.session_date, touched.event_date))) as started_on
    from touched
    left join previous on touched.session_key = previous.session_key
    group by touched.session_key

)

select * from begun
