{{ config(materialized='view') }}

with

events as (

    select * from {{ ref('fct_events') }}

),

taken_back as (

    select
        original_event_id,
        {{ exact_sum('reversed_share') }} as reversed_share
    from {{ ref('fct_reversals') }}
    group by original_event_id

),

said as (

    select
        events.matched_request_id as request_id,
        events.matched_item_id as item_id,
        case
            when events.event_type in ('thumbs_up', 'preference') then 'liked'
            else 'disliked'
        end as opinion,
        events.occurred_at as said_at,
        row_number() over (
            partition by events.matched_request_id, events.matched_item_id
            order by events.occurred_at desc, events.event_id desc
        ) as recency
    from events
    left join taken_back on events.event_id = taken_back.original_event_id
    where
        events.event_type in ('thumbs_up', 'preference', 'thumbs_down', 'hide', 'not_interested')
        and events.matched_request_id is not null
        and coalesce(taken_back.reversed_share, 0) < 1

),

last_words as (

    select
        request_id,
        item_id,
        opinion,
        said_at
    from said
    where recency = 1

)

select * from last_words
