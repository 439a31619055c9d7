-- Whose results this build writes again, and from which moment on: what an event means depends on the same person's lines
-- up to it, never on later ones. Empty on a build from scratch, which writes everything.
with

plan as (

    select window_start from {{ source('ops', 'build_plan') }}
    where window_start is not null

),

changed_requests as (

    select request_id from {{ source('ops', 'changed_requests') }}

),

identities as (

    select * from {{ ref('int_identities') }}

),

identities_changed as (

    select * from {{ ref('int_identities_changed') }}

),

previous as (

    {{ previous_rows('marts', 'fct_events', {
        'user_id': 'varchar', 'anonymous_id': 'varchar', 'logged_actor_id': 'varchar', 'request_id': 'varchar',
        'occurred_at': 'timestamp'
    }) }}

),

events as (

    select
        user_id,
        anonymous_id,
        logged_actor_id,
        occurred_at
    from {{ ref('int_events_deduplicated') }}
    where {{ planned('window_start') }} is not null

    union all

    select
        user_id,
        anonymous_id,
        logged_actor_id,
        occurred_at
    from previous
    where
        request_id in (select changed_requests.request_id from changed_requests)
        or anonymous_id in (select identities_changed.anonymous_id from identities_changed)

),

-- New events, events of requests that changed, and events of visitors who turn out to be somebody else.
touching_events as (

    select
        coalesce(identities.user_id, events.logged_actor_id) as actor_id,
        identities_changed.previous_actor_id,
        events.occurred_at
    from events
    left join identities
        on case when events.user_id is null then events.anonymous_id end = identities.anonymous_id
    left join identities_changed
        on case when events.user_id is null then events.anonymous_id end = identities_changed.anonymous_id

),

impressions as (

    select
        user_id,
        anonymous_id,
        actor_id as logged_actor_id,
        occurred_at
    from {{ ref('int_impressions') }}
    inner join plan on impression_date >= plan.window_start
    where request_id in (select changed_requests.request_id from changed_requests)

    union all

    select
        user_id,
        anonymous_id,
        coalesce(user_id, 'anon:' || anonymous_id) as logged_actor_id,
        occurred_at
    from {{ source('ops', 'retracted_requests') }}

    union all

    select
        user_id,
        anonymous_id,
        actor_id as logged_actor_id,
        occurred_at
    from {{ ref('int_impressions') }}
    where anonymous_id in (select identities_changed.anonymous_id from identities_changed)

),

touching_impressions as (

    select
        coalesce(identities.user_id, impressions.logged_actor_id) as actor_id,
        identities_changed.previous_actor_id,
        impressions.occurred_at
    from impressions
    left join identities
        on case when impressions.user_id is null then impressions.anonymous_id end = identities.anonymous_id
    left join identities_changed
        on case when impressions.user_id is null then impressions.anonymous_id end = identities_changed.anonymous_id

),

touching as (

    select
        actor_id,
        occurred_at
    from {{ source('ops', 'retracted_events') }}

    union all

    select
        actor_id,
        occurred_at
    from touching_events

    union all

    select
        previous_actor_id as actor_id,
        occurred_at
    from touching_events
    where previous_actor_id is not null

    union all

    select
        actor_id,
        occurred_at
    from touching_impressions

    union all

    select
        previous_actor_id as actor_id,
        occurred_at
    from touching_impressions
    where previous_actor_id is not null

),

touched as (

    select
        actor_id,
        min(occurred_at) as touched_from
    from touching
    group by actor_id

)

select * from touched
