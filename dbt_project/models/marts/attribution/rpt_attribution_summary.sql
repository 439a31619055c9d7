-- A view: every line of it may be restated by a return of today.
{{ config(materialized='view') }}

with

credits as (

    select * from {{ ref('fct_attribution') }}
    where not is_bot

),

summary as (

    select
        event_date as report_date,
        outcome_type,
        method,
        model_name,
        model_version,
        policy,
        unit,
        {{ exact_sum('credit_share', 'request_id is not null') }} as outcomes,
        {{ exact_sum('credit', 'request_id is not null') }} as credit,
        {{ exact_sum('gross_value * credit_share') }} as gross,
        {{ exact_sum('reversed_value * credit_share') }} as reversed,
        {{ exact_sum('credit', 'request_id is null') }} as unattributed,
        {{ exact_sum('credit_share', 'request_id is null') }} as unattributed_outcomes,
        {{ exact_sum('credit', "match_type = 'request_id'") }} as exact_credit,
        bool_and(is_mature) as is_mature
    from credits
    group by
        event_date,
        outcome_type,
        method,
        model_name,
        model_version,
        policy,
        unit

)

select * from summary
