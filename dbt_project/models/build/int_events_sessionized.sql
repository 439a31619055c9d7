with

events as (

    select
        event_id,
        actor_id,
        session_id,
        occurred_at
    from {{ ref('int_events_rewritten') }}

),

open_sessions as (

    select * from {{ ref('int_sessions_open') }}

),

by_client as (

    select
        event_id,
        {{ text_key(['actor_id', "'client'", 'session_id']) }} as session_key
    from events
    where session_id is not null

),

timeline as (

    select
        actor_id,
        event_id,
        occurred_at,
        cast(null as varchar) as open_session_key
    from events
    where session_id is null

    union all

    select
        actor_id,
        cast(null as varchar) as event_id,
        last_event_at as occurred_at,
        session_key as open_session_key
    from open_sessions

),

gaps as (

    select
        *,
        lag(occurred_at) over (
            partition by actor_id order by occurred_at, event_id nulls first
        ) as previous_at
    from timeline

),

numbered as (

    select
        *,
        -- A gap of exactly the limit is still the same session.
        count(*) filter (
            where
            previous_at is null
            or {{ seconds_between('previous_at', 'occurred_at') }} > {{ var('session_gap_minutes') }} * 60
        ) over (
            partition by actor_id order by occurred_at, event_id nulls first
            rows between unbounded preceding and current row
        ) as session_number
    from gaps

),

by_gap as (

    select
        event_id,
        first_value(coalesce(open_session_key, {{ text_key(['actor_id', "'gap'", 'event_id']) }})) over (
            partition by actor_id, session_number order by occurred_at, event_id nulls first
        ) as session_key
    from numbered

),

sessionized as (

    select * from by_client

    union all

    select * from by_gap
    where event_id is not null

)

select * from sessionized
