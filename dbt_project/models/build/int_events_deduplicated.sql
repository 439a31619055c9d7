with

events as (

    select * from {{ ref('stg_events') }}

),

changed as (

    select event_id from {{ source('ops', 'changed_events') }}

),

ranked as (

    select
        events.*,
        -- First received wins: a pure function of raw, whatever the order in which files arrived.
        row_number() over (
            partition by events.event_id order by events.received_at, events.source_file, events.source_line
        ) as copy_number
    from events
    where
        {{ planned('window_start') }} is null
        or events.event_id in (select changed.event_id from changed)

),

first_copies as (

    select * exclude (copy_number)
    from ranked
    where copy_number = 1

)

select * from first_copies
