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
    from {{ ref('fct_events') }}
    where
        actor_id in (select reversals.owner_id from reversals)
        and event_type in (select statements.event_type from statements)

),

owner_orders as (

    select distinct
        owner_id,
        order_id
    from reversals
    where order_id is not null

),

owner_items as (

    select distinct
        owner_id,
        item_id
    from reversals
    where item_id is not null

),

candidates as (

    select events.event_id
    from events
    inner join reversals
        on
            events.actor_id = reversals.owner_id
            and events.event_id = reversals.reverses_event_id

    union

    select events.event_id
    from events
    inner join owner_orders
        on
            events.actor_id = owner_orders.owner_id
            and events.order_id = owner_orders.order_id

    union

    select events.event_id
    from events
    inner join owner_items
        on
            events.actor_id = owner_items.owner_id
            and events.item_id = owner_items.item_id

),

originals as (

    select events.*
    from events
    inner join candidates on events.event_id = candidates.event_id

)

select * from originals
