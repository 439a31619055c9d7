{{
    config(
        materialized='incremental',
        incremental_strategy='append',
        on_schema_change='fail',
        pre_hook="{% if is_incremental() %}delete from {{ this }} where event_id in (select affected.event_id from {{ ref('int_reversals_affected') }} as affected){% endif %}",
    )
}}

with

reversals as (

    select * from {{ ref('int_reversals_affected') }}
    where not is_gone

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
        order_id,
        occurred_at
    from {{ ref('fct_events') }}
    where event_type in (select statements.event_type from statements)

),

named as (

    select
        reversals.event_id,
        events.actor_id
    from reversals
    inner join events on reversals.reverses_event_id = events.event_id

),

orders as (

    select distinct
        order_id,
        reversal_of
    from reversals
    where order_id is not null

),

-- By order and person, not by reversal and purchase: a sender's "no order" id would make that quadratic.
buyers as (

    select
        orders.order_id,
        orders.reversal_of,
        events.actor_id,
        row_number() over (
            partition by orders.order_id, orders.reversal_of order by events.occurred_at, events.event_id
        ) as purchase_number
    from orders
    inner join events
        on
            orders.order_id = events.order_id
            and (
                orders.reversal_of = events.event_type
                or (orders.reversal_of = 'any' and events.polarity != 'neutral')
            )

),

own_orders as (

    select distinct
        order_id,
        reversal_of,
        actor_id
    from buyers

),

owned as (

    select
        reversals.event_id,
        reversals.event_type,
        reversals.reversal_of,
        reversals.actor_id,
        -- An order that several people share is first of all that of whoever reverses it.
        coalesce(named.actor_id, own_orders.actor_id, buyers.actor_id, reversals.actor_id) as owner_id,
        reversals.item_id,
        reversals.order_id,
        reversals.reverses_event_id,
        reversals.occurred_at,
        reversals.received_at,
        reversals.quantity,
        reversals.value,
        reversals.currency
    from reversals
    left join named on reversals.event_id = named.event_id
    left join own_orders
        on
            reversals.order_id = own_orders.order_id
            and reversals.reversal_of = own_orders.reversal_of
            and reversals.actor_id = own_orders.actor_id
    left join buyers
        on
            reversals.order_id = buyers.order_id
            and reversals.reversal_of = buyers.reversal_of
            and buyers.purchase_number = 1

)

select * from owned
