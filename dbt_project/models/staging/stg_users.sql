with

source as (

    select * from {{ source('raw', 'users') }}

),

known as (

    select * from source
    where
        received_at < {{ planned('as_of') }}
        and updated_at < {{ planned('as_of') }}

),

latest as (

    select
        *,
        row_number() over (
            partition by user_id order by updated_at desc, received_at desc, source_file, source_line
        ) as recency
    from known

),

renamed as (

    select
        user_id,
        attributes,
        first_seen_at,
        updated_at
    from latest
    where recency = 1

)

select * from renamed
