with

source as (

    select * from {{ source('raw', 'items') }}

),

-- A record without a date has always held.
dated as (

    select
        * replace (
            coalesce(updated_at, timestamp '1970-01-01') as updated_at,
            coalesce(received_at, updated_at, timestamp '1970-01-01') as received_at
        )
    from source

),

known as (

    select * from dated
    where
        received_at < {{ planned('as_of') }}
        and updated_at < {{ planned('as_of') }}

),

latest as (

    select
        *,
        row_number() over (
            partition by item_id order by updated_at desc, received_at desc, source_file, source_line
        ) as recency
    from known

),

renamed as (

    select
        item_id,
        title,
        text,
        topic,
        format,
        framing,
        author,
        published_at,
        price,
        expected_dwell_s,
        embedding,
        coalesce(is_available, true) as is_available,
        updated_at
    from latest
    where recency = 1

)

select * from renamed
