-- A view, as the ledger beneath it.
{{ config(materialized='view') }}

with

reversals as (

    select * from {{ ref('fct_reversals') }}

),

credits as (

    select * from {{ ref('fct_attribution') }}

),

restated as (

    select
        reversals.reversal_event_id,
        reversals.reversal_type,
        reversals.original_event_id as outcome_event_id,
        credits.outcome_type,
        credits.method,
        credits.request_id,
        credits.item_id,
        credits.position,
        credits.model_name,
        credits.model_version,
        credits.policy,
        credits.surface,
        credits.match_type,
        credits.touch_number,
        credits.credit_share,
        reversals.evidence,
        reversals.reversed_share,
        credits.gross_value * credits.credit_share as gross_credit,
        credits.gross_value * reversals.reversed_share * credits.credit_share as credit_taken_back,
        credits.unit,
        credits.outcome_at,
        reversals.occurred_at,
        reversals.received_at,
        credits.is_bot,
        credits.policy_version
    from reversals
    inner join credits on reversals.original_event_id = credits.outcome_event_id

)

select * from restated
