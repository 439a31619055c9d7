with

events as (

    select * from {{ ref('stg_events') }}

),

changed as (

    select event_id from {{ source('ops', 'changed_events') }}

),

known as (

    select * from events
    where
        {{ planned('window_start') }} is null
        or event_id in (select changed.event_id from changed)

),

lines as (

    select
        event_id,
        received_at,
        source_file,
        source_line
    from events
    where
        {{ planned('window_start') }} is null
        or event_id in (select changed.event_id from changed)

),

-- Few events come twice: only their copies are put in order, so that nothing sorts whole rows.
repeated as (

    select event_id
    from lines
    group by event_id
    having count(*) > 1

),

copies as (

    select
        lines.source_file,
        lines.source_line,
        -- First received wins: a pure function of raw, whatever the order in which files arrived.
        row_number() over (
            partition by lines.event_id order by lines.received_at, lines.source_file, lines.source_line
        ) as copy_number
    from lines
    inner join repeated on lines.event_id = repeated.event_id

),

later_copies as (

    select
        source_file,
        source_line
    from copies
    where copy_number > 1

),

first_copies as (

    select known.*
    from known
    left join later_copies
        on
            known.source_file = later_copies.source_file
            and known.source_line = later_copies.source_line
    where later_copies.source_line is null

)

select * from first_copies
