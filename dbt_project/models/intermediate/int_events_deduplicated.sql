with

events as (

    select * from {{ ref('stg_events') }}

),

-- Event ids whose counted copy lies before the window: settled by an earlier build, whose days no new line touches.
settled as (

    select event_id from {{ source('ops', 'settled_events') }}

),

ranked as (

    select
        *,
        -- First received wins: a pure function of raw, whatever the order in which files arrived.
        row_number() over (
            partition by event_id order by received_at, source_file, source_line
        ) as copy_number
    from events

),

first_copies as (

    select ranked.* exclude (copy_number)
    from ranked
    left join settled on ranked.event_id = settled.event_id
    where
        ranked.copy_number = 1
        and settled.event_id is null

)

select * from first_copies
