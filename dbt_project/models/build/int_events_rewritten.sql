-- The events that this build writes into fct_events: those whose lines changed, and those of the same person after them.
{{ config(materialized='view') }}

with

identities as (

    select * from {{ ref('int_identities') }}

),

changed as (

    select event_id from {{ source('ops', 'changed_events') }}

),

events as (

    select
        {{ logged_event_columns() | join(',\n        ') }}
    from {{ ref('int_events_deduplicated') }}

    union all

    select
        {{ logged_event_columns() | join(',\n        ') }}
    from {{ ref('int_events_retracted') }}
    where event_id not in (select changed.event_id from changed)

),

resolved as (

    select
        events.*,
        coalesce(identities.user_id, events.logged_actor_id) as actor_id,
        identities.known_at as identity_known_at
    from events
    left join identities
        on case when events.user_id is null then events.anonymous_id end = identities.anonymous_id

)

select * from resolved
