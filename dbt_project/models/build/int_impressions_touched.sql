-- Which impressions' outcomes this build writes again: a purchase of today belongs to an impression of last week.
with

sessions as (

    select * from {{ ref('int_sessions_touched') }}

),

rewritten as (

    select
        events.matched_request_id as request_id,
        events.matched_item_id as item_id
    from {{ ref('fct_events') }} as events
    inner join {{ ref('int_events_sessionized') }} as written on events.event_id = written.event_id
    where events.matched_request_id is not null

),

-- What those events were credited to when they were last written: these impressions may have lost an outcome.
retracted as (

    select
        matched_request_id as request_id,
        matched_item_id as item_id
    from {{ ref('int_events_retracted') }}
    where matched_request_id is not null

),

reversed as (

    select
        matched_request_id as request_id,
        matched_item_id as item_id
    from {{ ref('int_reversals_touched') }}
    where matched_request_id is not null

),

-- Time spent is read off whole sessions: the next event of today ends the visit of yesterday evening.
visited as (

    select
        visits.matched_request_id as request_id,
        visits.item_id
    from {{ ref('int_item_visits') }} as visits
    inner join sessions on visits.session_key = sessions.session_key
    where
        visits.matched_request_id is not null
        and visits.visit_date >= (select min(earliest.started_on) from sessions as earliest)

),

touched as (

    select * from rewritten

    union

    select * from visited

    union

    select * from retracted

    union

    select * from reversed

)

select * from touched
