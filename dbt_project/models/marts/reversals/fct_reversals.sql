-- depends_on: {{ ref('int_reversals_retracted') }}, {{ ref('int_reversal_owners_touched') }}
{{
    config(
        materialized='incremental',
        incremental_strategy='append',
        on_schema_change='fail',
        pre_hook="{% if is_incremental() %}delete from {{ this }} where actor_id in (select touched.owner_id from {{ ref('int_reversal_owners_touched') }} as touched){% endif %}",
    )
}}

with

policy as (

    select * from {{ ref('signal_policy') }}

),

allocations as (

    select * from {{ ref('int_reversal_allocations') }}

),

reversals as (

    select * from {{ ref('int_reversals_reallocated') }}

),

originals as (

    select * from {{ ref('int_reversal_originals') }}

),

taken_back as (

    select
        allocations.reversal_event_id,
        reversals.event_type as reversal_type,
        allocations.original_event_id,
        originals.event_type as original_type,
        allocations.evidence,
        allocations.reversed_quantity,
        allocations.reversed_share,
        allocations.reversed_value,
        allocations.share_of_reversal,
        reversals.occurred_at,
        reversals.received_at,
        reversals.owner_id as actor_id,
        coalesce(originals.item_id, reversals.item_id) as item_id,
        originals.occurred_at as original_occurred_at,
        originals.matched_request_id,
        originals.model_name,
        originals.model_version,
        originals.policy,
        policy.policy_version
    from allocations
    inner join reversals on allocations.reversal_event_id = reversals.event_id
    left join originals on allocations.original_event_id = originals.event_id
    left join policy on reversals.event_type = policy.event_type

)

select * from taken_back
