with

policy as (

    select * from {{ ref('signal_policy') }}

),

events as (

    select * from {{ ref('int_events_rewritten') }}

),

identities as (

    select * from {{ ref('int_identities') }}

),

creditable as (

    select
        events.event_id,
        events.actor_id,
        events.item_id,
        events.request_id,
        events.occurred_at,
        policy.attribution_window_hours * 3600 as window_s
    from events
    inner join policy on events.event_type = policy.event_type
    where
        policy.reversal_of is null
        and events.item_id is not null
        and policy.attribution_window_hours > 0

),

-- A filter on the ids that are looked for, which the scan itself applies; with both keys only the join would.
named as (

    select
        request_id,
        item_id,
        position,
        model_name,
        model_version,
        policy,
        surface,
        occurred_at
    from {{ ref('int_impressions') }}
    where
        {{ within_attribution_reach('impression_date') }}
        and request_id in (
            select creditable.request_id
            from creditable
            where creditable.request_id is not null
        )

),

by_request as (

    select
        creditable.event_id,
        'request_id' as match_type,
        named.request_id,
        named.position,
        named.model_name,
        named.model_version,
        named.policy,
        named.surface,
        named.occurred_at as shown_at,
        {{ seconds_between('named.occurred_at', 'creditable.occurred_at') }} as lag_s
    from creditable
    inner join named
        on
            creditable.request_id = named.request_id
            and creditable.item_id = named.item_id
    where
        -- The client's clock may run a little behind the server's that logged the request.
        {{ seconds_between('named.occurred_at', 'creditable.occurred_at') }}
        between -{{ var('clock_tolerance_minutes') }} * 60 and creditable.window_s

),

unmatched as (

    select creditable.*
    from creditable
    left join by_request on creditable.event_id = by_request.event_id
    where by_request.event_id is null

),

-- Only impressions of pairs that are looked for: keeps the as-of join small whatever a bot's history.
pairs as (

    select distinct
        actor_id,
        item_id
    from unmatched

),

-- Under whichever name the log knew the person: so that only these impressions, not all, have to be told whose they are.
sought as (

    select
        actor_id as logged_actor_id,
        actor_id,
        item_id
    from pairs

    union all

    select
        'anon:' || identities.anonymous_id as logged_actor_id,
        pairs.actor_id,
        pairs.item_id
    from pairs
    inner join identities on pairs.actor_id = identities.user_id

),

-- Read once more: one table expression for both would be written out, with all its columns, before either is looked for.
shown as (

    select
        request_id,
        item_id,
        actor_id as logged_actor_id,
        position,
        model_name,
        model_version,
        policy,
        surface,
        occurred_at
    from {{ ref('int_impressions') }}
    where
        {{ within_attribution_reach('impression_date') }}
        and actor_id in (
            select sought.logged_actor_id
            from sought
            where sought.logged_actor_id is not null
        )

),

touches as (

    select
        sought.actor_id,
        shown.item_id,
        shown.request_id,
        shown.position,
        shown.model_name,
        shown.model_version,
        shown.policy,
        shown.surface,
        shown.occurred_at,
        -- Two showings in the same instant: the request id decides, so that the answer is always the same.
        row_number() over (
            partition by sought.actor_id, shown.item_id, shown.occurred_at
            order by shown.request_id
        ) as tie_number
    from shown
    inner join sought
        on
            shown.logged_actor_id = sought.logged_actor_id
            and shown.item_id = sought.item_id

),

single_touches as (

    select * from touches
    where tie_number = 1

),

last_touches as (

    select
        unmatched.event_id,
        'last_touch' as match_type,
        single_touches.request_id,
        single_touches.position,
        single_touches.model_name,
        single_touches.model_version,
        single_touches.policy,
        single_touches.surface,
        single_touches.occurred_at as shown_at,
        {{ seconds_between('single_touches.occurred_at', 'unmatched.occurred_at') }} as lag_s,
        unmatched.window_s
    from unmatched
    {{ asof_left_join() }} single_touches
        on
            unmatched.actor_id = single_touches.actor_id
            and unmatched.item_id = single_touches.item_id
            and unmatched.occurred_at >= single_touches.occurred_at

),

matched as (

    select * from by_request

    union all

    select * exclude (window_s)
    from last_touches
    where
        request_id is not null
        and lag_s <= window_s

)

select
    event_id,
    match_type,
    request_id,
    position,
    model_name,
    model_version,
    policy,
    surface,
    shown_at,
    lag_s
from matched
