with

items as (

    select * from {{ ref('stg_items') }}

)

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
    is_available,
    updated_at
from items
