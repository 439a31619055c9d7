-- No range join: the outcome's last showing is found as of its time, and its predecessors by their number. What a pair
-- costs is its showings plus twenty rows an outcome, whatever a bot's history.
with

outcomes as (

    select * from {{ ref('int_outcomes_rewritten') }}

),

matches as (

    select * from {{ ref('int_events_matched') }}
    where match_type = 'request_id'

),

impressions as (

    select * from {{ ref('int_impressions_resolved') }}
    where {{ within_attribution_reach('impression_date') }}

),

-- The decision that the outcome itself names: certain, and its last touch.
exact_touches as (

    select
        outcomes.outcome_event_id,
        'request_id' as match_type,
        matches.request_id,
        matches.position,
        matches.model_name,
        matches.model_version,
        matches.policy,
        matches.surface,
        matches.shown_at as touched_at
    from outcomes
    inner join matches on outcomes.outcome_event_id = matches.event_id

),

searched as (

    select
        outcomes.outcome_event_id,
        outcomes.actor_id,
        outcomes.item_id,
        outcomes.outcome_at,
        outcomes.window_s,
        exact_touches.request_id as exact_request_id,
        least(outcomes.outcome_at, coalesce(exact_touches.touched_at, outcomes.outcome_at)) as search_until
    from outcomes
    left join exact_touches on outcomes.outcome_event_id = exact_touches.outcome_event_id
    where outcomes.item_id is not null

),

pairs as (

    select distinct
        actor_id,
        item_id
    from searched

),

showings as (

    select
        impressions.actor_id,
        impressions.item_id,
        impressions.request_id,
        impressions.position,
        impressions.model_name,
        impressions.model_version,
        impressions.policy,
        impressions.surface,
        impressions.occurred_at,
        -- Two showings in the same instant: the request id decides, as it does for an event's last touch.
        row_number() over (
            partition by impressions.actor_id, impressions.item_id
            order by impressions.occurred_at, impressions.request_id desc
        ) as showing_number
    from impressions
    inner join pairs
        on
            impressions.actor_id = pairs.actor_id
            and impressions.item_id = pairs.item_id

),

instants as (

    select
        actor_id,
        item_id,
        occurred_at,
        max(showing_number) as showing_number
    from showings
    group by
        actor_id,
        item_id,
        occurred_at

),

last_showings as (

    select
        searched.*,
        instants.showing_number as last_showing_number
    from searched
    {{ asof_left_join() }} instants
        on
            searched.actor_id = instants.actor_id
            and searched.item_id = instants.item_id
            and searched.search_until >= instants.occurred_at

),

looked_up as (

    select
        outcome_event_id,
        actor_id,
        item_id,
        outcome_at,
        window_s,
        exact_request_id,
        {{ whole_numbers(
            "greatest(1, last_showing_number - " ~ var('attribution_max_touches') ~ " + 1)",
            "last_showing_number"
        ) }} as showing_number
    from last_showings
    where last_showing_number is not null

),

inferred_touches as (

    select
        looked_up.outcome_event_id,
        'user_item' as match_type,
        showings.request_id,
        showings.position,
        showings.model_name,
        showings.model_version,
        showings.policy,
        showings.surface,
        showings.occurred_at as touched_at
    from looked_up
    inner join showings
        on
            looked_up.actor_id = showings.actor_id
            and looked_up.item_id = showings.item_id
            and looked_up.showing_number = showings.showing_number
    where
        {{ seconds_between('showings.occurred_at', 'looked_up.outcome_at') }} <= looked_up.window_s
        and showings.request_id is distinct from looked_up.exact_request_id

),

touches as (

    select * from exact_touches

    union all

    select * from inferred_touches

)

select * from touches
