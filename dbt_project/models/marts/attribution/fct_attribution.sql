-- A view: what was taken back and the removal effects move with every build, the touches beneath do not.
{{ config(materialized='view') }}

with

methods as (

    {% for method in weighted_methods() -%}
        select '{{ method }}' as method
        {{ "union all" if not loop.last }}
    {% endfor %}

),

ledger as (

    select * from {{ ref('int_attribution_ledger') }}

),

by_removal as (

    select * from {{ ref('int_attribution_markov') }}

),

credited as (

    select
        ledger.*,
        methods.method,
        case methods.method
            {% for method in weighted_methods() -%}
                when '{{ method }}' then ledger.{{ method }}_weight
            {% endfor %}
        end as credit_share
    from ledger
    cross join methods

    union all

    select
        by_removal.* exclude (markov_weight),
        'markov' as method,
        by_removal.markov_weight as credit_share
    from by_removal

)

select
    outcome_event_id,
    outcome_type,
    method,
    request_id,
    item_id,
    position,
    model_version,
    match_type,
    net_value * credit_share as credit,
    net_value,
    outcome_at,
    event_date,
    actor_id,
    model_name,
    policy,
    surface,
    touch_number,
    touches,
    touched_at,
    credit_share,
    unit,
    gross_value,
    reversed_value,
    exposure_source,
    is_bot,
    is_mature,
    policy_version
from credited
