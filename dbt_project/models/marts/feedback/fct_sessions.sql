{{
    config(
        materialized='incremental',
        incremental_strategy='append',
        on_schema_change='fail',
        pre_hook="{% if is_incremental() %}delete from {{ this }} where session_key in (select touched.session_key from {{ ref('int_sessions_touched') }} as touched){% endif %}",
    )
}}

with

touched as (

    select * from {{ ref('int_sessions_touched') }}

),

events as (

    select * from {{ ref('fct_events') }}
    where event_date >= (select min(touched.started_on) from touched)

),

of_sessions as (

    select events.*
    from events
    inner join touched on events.session_key = touched.session_key

),

sessions as (

    select
        session_key,
        min(actor_id) as actor_id,
        min(session_id) as session_id,
        cast(min(occurred_at) as date) as session_date,
        min(occurred_at) as started_at,
        max(occurred_at) as ended_at,
        {{ seconds_between('min(occurred_at)', 'max(occurred_at)') }} as length_s,
        count(*) as events,
        -- Items that somebody opened or watched, not those merely reported as shown.
        count(distinct case when event_type in ('view', 'click', 'heartbeat', 'scroll') then item_id end) as items,
        bool_or(is_bot) as is_bot
    from of_sessions
    group by session_key

),

-- The surface of the first event that names one.
entries as (

    select
        session_key,
        surface as entry_surface,
        row_number() over (partition by session_key order by occurred_at, event_id) as entry_number
    from of_sessions
    where surface is not null

),

visits as (

    select
        visits.session_key,
        count(distinct visits.item_id) filter (where visits.is_opened) = 1
        and coalesce(
            bool_and({{ is_bounce('visits.is_opened', 'visits.active_ms') }}) filter (where visits.is_opened), false
        ) as is_bounced
    from {{ ref('int_item_visits') }} as visits
    inner join touched on visits.session_key = touched.session_key
    group by visits.session_key

),

finished as (

    select
        sessions.session_key,
        sessions.actor_id,
        sessions.session_id,
        sessions.session_date,
        sessions.started_at,
        sessions.ended_at,
        sessions.length_s,
        sessions.events,
        sessions.items,
        sessions.items = 1 as is_single_article,
        coalesce(visits.is_bounced, false) as is_bounced,
        entries.entry_surface,
        sessions.is_bot
    from sessions
    left join visits on sessions.session_key = visits.session_key
    left join entries
        on
            sessions.session_key = entries.session_key
            and entries.entry_number = 1

)

select * from finished
