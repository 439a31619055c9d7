-- What the model is asked to foresee: pairs that turned out liked within the holdout, new to the user.
with

train as (

    select * from {{ ref('feedback_fold_train') }}

),

policy as (

    select * from {{ ref('signal_policy') }}

),

bots as (

    select * from {{ ref('int_bot_actors') }}

),

held_out as (

    select events.*
    from {{ ref('fct_events') }} as events
    left join bots on events.actor_id = bots.actor_id
    where
        bots.actor_id is null
        and events.item_id is not null
        and events.occurred_at >= {{ planned('holdout_start') }}
        and events.occurred_at < {{ planned('as_of') }}

),

taken_back as (

    select
        original_event_id,
        least(1.0, {{ exact_sum('reversed_share') }}) as reversed_share
    from {{ ref('fct_reversals') }}
    where
        received_at < {{ planned('as_of') }}
        and occurred_at < {{ planned('as_of') }}
    group by original_event_id

),

pairs as (

    select
        held_out.actor_id as user_id,
        held_out.item_id,
        {{ exact_sum(
            signal_weight('held_out') ~ " * " ~ dwell_factor('held_out'),
            "held_out.polarity = 'positive'"
        ) }} as positive_evidence,
        bool_or(held_out.polarity = 'negative') as is_rejected,
        min(held_out.occurred_at) as first_event_at
    from held_out
    inner join policy on held_out.event_type = policy.event_type
    left join taken_back on held_out.event_id = taken_back.original_event_id
    group by
        held_out.actor_id,
        held_out.item_id

),

relevant as (

    select
        pairs.user_id,
        pairs.item_id,
        pairs.positive_evidence,
        pairs.first_event_at
    from pairs
    left join train
        on
            pairs.user_id = train.user_id
            and pairs.item_id = train.item_id
    where
        -- A bounce is not relevance: as much evidence as one view of half a minute.
        pairs.positive_evidence >= 0.5
        and not pairs.is_rejected
        and not coalesce(train.is_consumed or train.is_hidden, false)

)

select * from relevant
order by
    user_id,
    item_id
