-- An item that only the client says was shown: no decision is on record, so that nobody can be credited.
with

outcomes as (

    select * from {{ ref('int_outcomes_rewritten') }}

),

touches as (

    select * from {{ ref('int_outcome_touches') }}

),

unattributed as (

    select outcomes.*
    from outcomes
    left join touches on outcomes.outcome_event_id = touches.outcome_event_id
    where
        touches.outcome_event_id is null
        and outcomes.item_id is not null

),

pairs as (

    select distinct
        actor_id,
        item_id
    from unattributed

),

reported as (

    select distinct
        events.actor_id,
        events.item_id,
        events.occurred_at
    from {{ ref('fct_events') }} as events
    inner join pairs
        on
            events.actor_id = pairs.actor_id
            and events.item_id = pairs.item_id
    where
        events.event_type = 'impression'
        and {{ within_attribution_reach('events.event_date') }}

),

last_reported as (

    select
        unattributed.outcome_event_id,
        unattributed.window_s,
        {{ seconds_between('reported.occurred_at', 'unattributed.outcome_at') }} as age_s
    from unattributed
    {{ asof_left_join() }} reported
        on
            unattributed.actor_id = reported.actor_id
            and unattributed.item_id = reported.item_id
            and unattributed.outcome_at >= reported.occurred_at

)

select outcome_event_id
from last_reported
where age_s <= window_s
