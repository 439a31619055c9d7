with

policy as (

    select * from {{ ref('signal_policy') }}

),

events as (

    select * from {{ ref('fct_events') }}

),

reversals as (

    select
        events.*,
        policy.reversal_of
    from events
    inner join policy on events.event_type = policy.event_type
    where policy.reversal_of is not null

),

originals as (

    select events.*
    from events
    inner join policy on events.event_type = policy.event_type
    where policy.reversal_of is null

),

-- By the event's id where it names one, else by order, else the most recent event of that type on the same item.
pointed_at as (

    select
        reversals.event_id as reversal_id,
        originals.event_id as original_id,
        1 as evidence_rank,
        'event_id' as evidence,
        originals.occurred_at as original_at
    from reversals
    inner join originals on reversals.reverses_event_id = originals.event_id

    union all

    select
        reversals.event_id as reversal_id,
        originals.event_id as original_id,
        2 as evidence_rank,
        'order_id' as evidence,
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
        'user_item' as evidence,
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
        reversal_id,
        original_id,
        evidence,
        row_number() over (
            partition by reversal_id
            order by evidence_rank, original_at desc, original_id
        ) as choice
    from pointed_at

),

taken_back as (

    select
        reversals.event_id as reversal_event_id,
        reversals.event_type as reversal_type,
        originals.event_id as original_event_id,
        originals.event_type as original_type,
        resolved.evidence,
        cast(reversals.quantity as double) as reversed_quantity,
        -- The share of the original that is taken back; a reversal that says no amount takes back all of it.
        least(1.0, coalesce(
            cast(reversals.quantity as double) / nullif(originals.quantity, 0),
            abs(reversals.value) / nullif(originals.value, 0),
            1.0
        )) as reversed_share,
        originals.value,
        reversals.occurred_at,
        reversals.received_at,
        originals.actor_id,
        originals.item_id,
        originals.occurred_at as original_occurred_at,
        originals.matched_request_id,
        originals.model_name,
        originals.model_version,
        originals.policy,
        reversals.policy_version
    from resolved
    inner join reversals on resolved.reversal_id = reversals.event_id
    inner join originals on resolved.original_id = originals.event_id
    where resolved.choice = 1

)

select
    reversal_event_id,
    reversal_type,
    original_event_id,
    original_type,
    evidence,
    reversed_quantity,
    reversed_share,
    coalesce(value, 0) * reversed_share as reversed_value,
    occurred_at,
    received_at,
    actor_id,
    item_id,
    original_occurred_at,
    matched_request_id,
    model_name,
    model_version,
    policy,
    policy_version
from taken_back
