-- A view: what was taken back and the removal effects move with every build, the touches beneath do not.
{{ config(materialized='view') }}

with

effects as (

    select * from {{ ref('int_channel_removal_effects') }}

),

methods as (

    {% for method in weighted_methods() -%}
        select '{{ method }}' as method
        {{ "union all" if not loop.last }}
    {% endfor %}

),

by_weight as (

    select
        ledger.*,
        methods.method,
        case methods.method
            {% for method in weighted_methods() -%}
                when '{{ method }}' then ledger.{{ method }}_weight
            {% endfor %}
        end as credit_share
    from {{ ref('int_attribution_ledger') }} as ledger
    cross join methods

),

with_effects as (

    select
        ledger.*,
        effects.removal_effect,
        -- A touch without an estimate (older than the trailing window) is unknown, not worthless.
        count(effects.removal_effect) over (
            partition by ledger.outcome_event_id, ledger.outcome_type
        ) as estimated_touches,
        cast({{ exact_share_sum('effects.removal_effect') }} over (
            partition by ledger.outcome_event_id, ledger.outcome_type
        ) as double) as removal_effects
    from {{ ref('int_attribution_ledger') }} as ledger
    left join effects
        on
            ledger.outcome_type = effects.outcome_type
            and ledger.channel = effects.channel

),

by_removal as (

    select
        * exclude (removal_effect, estimated_touches, removal_effects),
        'markov' as method,
        case
            when estimated_touches = touches and removal_effects > 0 then removal_effect / removal_effects
            else linear_weight
        end as credit_share
    from with_effects

),

credited as (

    select * from by_weight

    union all

    select * from by_removal

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
