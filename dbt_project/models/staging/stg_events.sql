with

source as (

    select * from {{ source('raw', 'events') }}

),

known as (

    select * from source
    where received_at < {{ planned('as_of') }}

),

renamed as (

    select
        ---------- ids
        event_id,
        coalesce(user_id, 'anon:' || anonymous_id) as logged_actor_id,
        user_id,
        anonymous_id,
        session_id,
        item_id,
        request_id,
        order_id,
        reverses_event_id,

        ---------- what
        event_type,
        position,
        surface,
        dwell_ms,
        scroll_depth,
        value,
        currency,
        quantity,
        rating,
        query,
        -- The user agent's own word; behaviour is judged later. Flagged, never dropped.
        coalesce(regexp_matches(lower(user_agent), 'bot|crawl|spider|slurp|headless|python-requests|curl/'), false)
            as is_bot,
        {{ device_of('user_agent') }} as device,
        -- A summary of what happened before the log began: its moments are nominal.
        coalesce(
            properties like '%"history"%' and json_extract_string(properties, '$.source') = 'history', false
        ) as is_historical,

        ---------- when
        cast(occurred_at as date) as event_date,
        occurred_at,
        received_at,

        ---------- lineage
        source_file,
        source_line
    from known

)

select * from renamed
