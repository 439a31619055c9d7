-- Which impressions' outcomes this build writes again: a purchase of today belongs to an impression of last week.
with

window_events as (

    select
        matched_request_id as request_id,
        matched_item_id as item_id
    from {{ ref('fct_events') }}
    where
        matched_request_id is not null
        and (
            {{ planned('window_start') }} is null
            or event_date >= {{ planned('window_start') }}
        )

),

-- What the window's events were credited to when it was last built: those impressions may have lost an outcome.
retracted as (

    select
        request_id,
        item_id
    from {{ source('ops', 'retracted_matches') }}

),

touched as (

    select * from window_events

    union

    select * from retracted

)

select * from touched
