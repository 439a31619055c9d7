-- What the reversals of the touched owners may take back, whenever it happened.
with

reversals as (

    select * from {{ ref('int_reversals_reallocated') }}

),

statements as (

    select event_type
    from {{ ref('signal_policy') }}
    where reversal_of is null

),

events as (

    select * from {{ ref('fct_events') }}

),

originals as (

    select
        event_id,
        event_type,
        polarity,
        actor_id,
        item_id,
        order_id,
        occurred_at,
        quantity,
        value,
        currency,
        matched_request_id,
        model_name,
        model_version,
        policy
    from events
    where
        actor_id in (select reversals.owner_id from reversals)
        and event_type in (select statements.event_type from statements)
        and (
            event_id in (select reversals.reverses_event_id from reversals)
            or (actor_id, order_id) in (select (reversals.owner_id, reversals.order_id) from reversals)
            or (actor_id, item_id) in (select (reversals.owner_id, reversals.item_id) from reversals)
        )

)

select * from originals
