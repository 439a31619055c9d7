{{
    config(
        materialized='incremental',
        incremental_strategy='append',
        on_schema_change='fail',
        pre_hook="{{ forget_window('event_date') }}",
    )
}}

with

policy as (

    select * from {{ ref('signal_policy') }}

),

events as (

    select * from {{ ref('int_events_deduplicated') }}

),

sessions as (

    select * from {{ ref('int_events_sessionized') }}

),

matches as (

    select * from {{ ref('int_events_matched') }}

),

joined as (

    select
        events.*,
        sessions.session_key,
        policy.policy_version,
        policy.reversal_of,
        case
            when policy.polarity != 'by_value' then policy.polarity
            when events.rating is null then 'neutral'
            when events.rating >= 3 then 'positive'
            else 'negative'
        end as polarity,
        coalesce(matches.match_type, 'none') as match_type,
        matches.request_id as matched_request_id,
        matches.position as matched_position,
        matches.model_name,
        matches.model_version,
        matches.policy,
        matches.lag_s as match_lag_s
    from events
    inner join sessions on events.event_id = sessions.event_id
    left join policy on events.event_type = policy.event_type
    left join matches on events.event_id = matches.event_id

),

reversals as (

    select * from joined
    where reversal_of is not null

),

-- What a reversal may take back: events of this window and, from earlier builds, those of the actors concerned.
originals as (

    select
        event_id,
        event_type,
        polarity,
        actor_id,
        item_id,
        order_id,
        occurred_at,
        value,
        quantity,
        match_type,
        matched_request_id,
        matched_position,
        model_name,
        model_version,
        policy,
        match_lag_s
    from joined
    where reversal_of is null
    {% if is_incremental() %}
        union all

        select
            event_id,
            event_type,
            polarity,
            actor_id,
            item_id,
            order_id,
            occurred_at,
            value,
            quantity,
            match_type,
            matched_request_id,
            matched_position,
            model_name,
            model_version,
            policy,
            match_lag_s
        from {{ this }}
        where
            event_date < {{ planned('window_start') }}
            and (
                actor_id in (select reversals.actor_id from reversals)
                or event_id in (select reversals.reverses_event_id from reversals)
            )
    {% endif %}
),

-- By the event's id where it names one, else by order, else the most recent event of that type on the same item.
pointed_at as (

    select
        reversals.event_id as reversal_id,
        originals.event_id as original_id,
        1 as evidence_rank,
        originals.occurred_at as original_at
    from reversals
    inner join originals on reversals.reverses_event_id = originals.event_id

    union all

    select
        reversals.event_id as reversal_id,
        originals.event_id as original_id,
        2 as evidence_rank,
        originals.occurred_at as original_at
    from reversals
    inner join originals
        on
            reversals.order_id = originals.order_id
            and reversals.reversal_of = originals.event_type
            and originals.item_id = coalesce(reversals.item_id, originals.item_id)
            and originals.occurred_at <= reversals.occurred_at

    union all

    select
        reversals.event_id as reversal_id,
        originals.event_id as original_id,
        3 as evidence_rank,
        originals.occurred_at as original_at
    from reversals
    inner join originals
        on
            reversals.actor_id = originals.actor_id
            and reversals.item_id = originals.item_id
            and originals.event_type = case
                when reversals.reversal_of = 'any' then originals.event_type
                else reversals.reversal_of
            end
            and originals.occurred_at <= reversals.occurred_at
    where
        reversals.reverses_event_id is null
        and reversals.order_id is null
        -- An undo that names nothing takes back what the person said, not a heartbeat or a scroll.
        and originals.polarity != 'neutral'

),

resolved as (

    select
        pointed_at.reversal_id,
        pointed_at.original_id,
        row_number() over (
            partition by pointed_at.reversal_id
            order by pointed_at.evidence_rank, pointed_at.original_at desc, pointed_at.original_id
        ) as choice
    from pointed_at

),

taken_back as (

    select
        reversals.event_id as reversal_id,
        originals.*,
        -- The share of the original that is taken back; a reversal that says no amount takes back all of it.
        least(1.0, coalesce(
            cast(reversals.quantity as double) / nullif(originals.quantity, 0),
            abs(reversals.value) / nullif(originals.value, 0),
            1.0
        )) as reversed_share,
        {{ seconds_between('originals.occurred_at', 'reversals.occurred_at') }} as reversal_lag_s
    from resolved
    inner join reversals on resolved.reversal_id = reversals.event_id
    inner join originals on resolved.original_id = originals.event_id
    where resolved.choice = 1

),

-- A reversal belongs to the decision that its original was credited to.
credited as (

    select
        joined.event_id,
        joined.event_type,
        joined.event_date,
        joined.occurred_at,
        joined.received_at,
        joined.actor_id,
        joined.user_id,
        joined.anonymous_id,
        joined.session_key,
        joined.session_id,
        joined.item_id,
        joined.request_id,
        joined.position,
        joined.surface,
        joined.dwell_ms,
        joined.scroll_depth,
        joined.value,
        joined.currency,
        joined.quantity,
        joined.order_id,
        joined.reverses_event_id,
        taken_back.event_id as reversed_event_id,
        taken_back.reversed_share,
        joined.rating,
        joined.query,
        joined.polarity,
        joined.is_bot,
        coalesce(taken_back.match_type, joined.match_type) as match_type,
        coalesce(taken_back.matched_request_id, joined.matched_request_id) as matched_request_id,
        case when taken_back.matched_request_id is not null then taken_back.item_id else joined.item_id end
            as matched_item_id,
        coalesce(taken_back.matched_position, joined.matched_position) as matched_position,
        coalesce(taken_back.model_name, joined.model_name) as model_name,
        coalesce(taken_back.model_version, joined.model_version) as model_version,
        coalesce(taken_back.policy, joined.policy) as policy,
        coalesce(taken_back.match_lag_s + taken_back.reversal_lag_s, joined.match_lag_s) as match_lag_s,
        joined.source_file,
        joined.source_line,
        joined.policy_version
    from joined
    left join taken_back on joined.event_id = taken_back.reversal_id

)

select * from credited
