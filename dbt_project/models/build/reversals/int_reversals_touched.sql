-- Which originals are taken back differently than in the last build: as they were, and as they are.
with

owners as (

    select * from {{ ref('int_reversal_owners_touched') }}

),

current_rows as (

    select
        reversals.reversal_event_id,
        reversals.original_event_id,
        reversals.reversed_share,
        reversals.reversed_value,
        reversals.occurred_at,
        reversals.received_at,
        reversals.item_id,
        reversals.matched_request_id
    from {{ ref('fct_reversals') }} as reversals
    inner join owners on reversals.actor_id = owners.owner_id
    where reversals.original_event_id is not null

),

previous_rows as (

    select
        reversal_event_id,
        original_event_id,
        reversed_share,
        reversed_value,
        occurred_at,
        received_at,
        item_id,
        matched_request_id
    from {{ ref('int_reversals_retracted') }}
    where original_event_id is not null

),

not_said_before as (

    select * from current_rows

    except

    select * from previous_rows

),

not_said_any_more as (

    select * from previous_rows

    except

    select * from current_rows

),

differing as (

    select * from not_said_before

    union all

    select * from not_said_any_more

),

touched as (

    select distinct
        original_event_id,
        matched_request_id,
        case when matched_request_id is not null then item_id end as matched_item_id
    from differing

)

select * from touched
