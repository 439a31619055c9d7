-- Which days of which people this build writes again: days of events written or gone, and days of visits whose session is
-- written again (what happens after midnight tells how long the last visit before it took).
with

rewritten as (

    select
        actor_id,
        event_date
    from {{ ref('int_events_rewritten') }}

),

retracted as (

    select
        actor_id,
        event_date
    from {{ ref('int_events_retracted') }}

),

visited as (

    select
        visits.actor_id,
        visits.visit_date as event_date
    from {{ ref('int_item_visits') }} as visits
    inner join {{ ref('int_sessions_touched') }} as touched on visits.session_key = touched.session_key
    where visits.visit_date >= (select min(sessions.started_on) from {{ ref('int_sessions_touched') }} as sessions)

),

touched as (

    select * from rewritten

    union

    select * from retracted

    union

    select * from visited

)

select
    actor_id,
    event_date as activity_date
from touched
