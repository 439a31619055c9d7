-- Which sessions this build writes again. Reads the mart below it because only there history and window lie together.
with

window_events as (

    select session_key
    from {{ ref('fct_events') }}
    where
        {{ planned('window_start') }} is null
        or event_date >= {{ planned('window_start') }}

),

-- Sessions that reached into the window when it was last built: some of their events may be gone now.
retracted as (

    select session_key from {{ source('ops', 'retracted_sessions') }}

),

touched as (

    select session_key from window_events

    union

    select session_key from retracted

)

select * from touched
