-- Reversals whose owner this build decides again. Kept as it is when the build is tried again: by then the owners of the
-- last build are overwritten.
with

policy as (

    select * from {{ ref('signal_policy') }}
    where reversal_of is not null

),

rewritten as (

    select * from {{ ref('int_events_rewritten') }}

),

retracted as (

    select * from {{ ref('int_events_retracted') }}

),

previous as (

    {{ previous_rows('intermediate', 'int_reversal_owners', reversal_columns(owner=true)) }}

),

changed as (

    select
        event_id,
        order_id
    from rewritten

    union all

    select
        event_id,
        order_id
    from retracted

),

changed_orders as (

    select distinct order_id
    from changed
    where order_id is not null

),

fresh as (

    select
        rewritten.event_id,
        rewritten.event_type,
        policy.reversal_of,
        rewritten.actor_id,
        rewritten.item_id,
        rewritten.order_id,
        rewritten.reverses_event_id,
        rewritten.occurred_at,
        rewritten.received_at,
        rewritten.quantity,
        rewritten.value,
        rewritten.currency
    from rewritten
    inner join policy on rewritten.event_type = policy.event_type

),

-- Not written again themselves, but what they name changed: it may be somebody else's now, or known at last.
pointing as (

    select
        {{ reversal_columns() | join(',\n        ') }}
    from previous
    where
        event_id not in (select changed.event_id from changed)
        and (
            reverses_event_id in (select changed.event_id from changed)
            or order_id in (select changed_orders.order_id from changed_orders)
        )

),

-- Written by the last build and no longer there, or no reversal any more.
gone as (

    select
        {{ reversal_columns() | join(',\n        ') }}
    from previous
    where
        event_id in (select changed.event_id from changed)
        and event_id not in (select fresh.event_id from fresh)

),

reversals as (

    select
        *,
        false as is_gone
    from fresh

    union all

    select
        *,
        false as is_gone
    from pointing

    union all

    select
        *,
        true as is_gone
    from gone

),

affected as (

    select
        reversals.*,
        previous.owner_id as previous_owner_id,
        {{ planned('build_id') }} as build_id
    from reversals
    left join previous on reversals.event_id = previous.event_id

)

select * from {{ this if ran_in_this_build() else 'affected' }}
