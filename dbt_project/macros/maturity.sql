{#- What a label is about: one row an outcome type, with its window from the policy and the periods its delays are counted in. -#}
{#- Hours where the window is three days or less, else days; nothing is learnt of delays beyond `periods` of them. -#}
{% macro label_horizons() -%}
    select
        event_type as outcome_type,
        policy_version,
        maturity_window_hours,
        case when maturity_window_hours <= 72 then 1 else 24 end as period_hours,
        case
            when maturity_window_hours <= 72 then {{ var('maturity_hourly_days') }} * 24
            else {{ var('maturity_window_days') }}
        end as periods
    from {{ ref('signal_policy') }}
    where
        polarity != 'neutral'
        and attribution_window_hours > 0
        and maturity_window_hours > 0
{%- endmacro %}

{#- The first day whose impressions the delays are learnt from. -#}
{% macro label_window_start() -%}
    (
        select cast(build_plan.as_of as date) - {{ var('maturity_window_days') }}
        from {{ source('ops', 'build_plan') }} as build_plan
    )
{%- endmacro %}

{#-
    A running sum in fixed point, whose bits do not depend on threads; `frame` says which rows. `places` is 18 where
    the numbers are far below one.
-#}
{% macro exact_running_sum(expression, partition_by, order_by, frame, places=9) -%}
    cast(coalesce(sum(cast({{ expression }} as decimal({{ 28 if places == 9 else 38 }}, {{ places }}))) over (
        partition by {{ partition_by }} order by {{ order_by }} rows between {{ frame }}
    ), 0) as double)
{%- endmacro %}

{#-
    How much of a label is known by when: the reverse-time hazard (Lynden-Bell 1971), which is the chain ladder of
    insurance (Mack 1993) on received time. Exposures too young to have shown a delay say nothing about it, so that the
    young ones do not make outcomes look fast.

        hazard(s) = outcomes with delay s / outcomes with delay <= s, both among exposures aged >= s + 1
        F(j)      = product over s > j of (1 - hazard(s)): the share of outcomes known within j + 1 periods
        V(j)      = sum over s > j of outcomes(s) / (at risk(s) * (at risk(s) - outcomes(s))): Var F / F^2 (Greenwood)

    Needs the relations `horizons` (outcome_type, periods) and `cells` (outcome_type, age, delay, outcomes): whole periods,
    age cut at `periods`, delay below it. Gives the relation `curve`.
-#}
{% macro reverse_time_hazard() %}
by_delay as (

    select
        outcome_type,
        delay as period,
        {{ exact_sum('outcomes') }} as outcomes,
        {{ exact_sum('outcomes', 'age > delay') }} as aged_outcomes
    from cells
    group by
        outcome_type,
        delay

),

by_age as (

    select
        outcome_type,
        age as period,
        {{ exact_sum('outcomes') }} as outcomes
    from cells
    group by
        outcome_type,
        age

),

every_period as (

    select
        outcome_type,
        {{ whole_numbers(0, 'periods - 1') }} as period
    from horizons

),

-- What is known with delay <= s, less what is younger than s + 1: an outcome is never older than its exposure.
at_risk as (

    select
        every_period.outcome_type,
        every_period.period,
        coalesce(by_delay.aged_outcomes, 0) as outcomes_at_delay,
        {{ exact_running_sum(
            'coalesce(by_delay.outcomes, 0) - coalesce(by_age.outcomes, 0)',
            'every_period.outcome_type', 'every_period.period', 'unbounded preceding and current row'
        ) }} as outcomes_by_delay
    from every_period
    left join by_delay
        on
            every_period.outcome_type = by_delay.outcome_type
            and every_period.period = by_delay.period
    left join by_age
        on
            every_period.outcome_type = by_age.outcome_type
            and every_period.period = by_age.period

),

hazards as (

    select
        *,
        case when outcomes_by_delay > 0 then outcomes_at_delay / outcomes_by_delay else 0 end as hazard,
        case when outcomes_by_delay > outcomes_at_delay then ln(1 - outcomes_at_delay / outcomes_by_delay) end
            as log_factor,
        case
            when outcomes_by_delay > outcomes_at_delay
                then outcomes_at_delay / outcomes_by_delay / (outcomes_by_delay - outcomes_at_delay)
        end as variance
    from at_risk

),

accumulated as (

    select
        *,
        -- Everything known came this late: nothing is known to come earlier, and the logarithm of nothing is not a number.
        max(case when outcomes_at_delay > 0 and log_factor is null then 1 else 0 end) over (
            partition by outcome_type order by period rows between 1 following and unbounded following
        ) as is_nothing,
        {{ exact_running_sum(
            'log_factor', 'outcome_type', 'period', '1 following and unbounded following'
        ) }} as log_share,
        {{ exact_running_sum(
            'variance', 'outcome_type', 'period', '1 following and unbounded following', places=18
        ) }} as relative_variance
    from hazards

),

curve as (

    select
        outcome_type,
        period,
        outcomes_at_delay,
        outcomes_by_delay,
        hazard,
        case when is_nothing = 1 then 0.0 else exp(log_share) end as share_known,
        case when is_nothing = 1 then 0.0 else relative_variance end as relative_variance
    from accumulated

)
{% endmacro %}

{#-
    Rates of labels that are partly too young, by the columns `keys` (the first is outcome_type).

        S        = sum of F over the exposures: how many fully aged exposures they amount to
        rate     = outcomes with delay < age / S
        variance = (rate * S - rate^2 * sum F^2) / S^2  +  rate^2 * Var(S) / S^2

    with Var(S) from the curve: two ages share the uncertainty of every delay above both. Needs the relations `cohorts`
    (keys, age, exposures, aged_outcomes) and `curve`. Gives the relation `estimates`.
-#}
{% macro corrected_rates(keys) %}
shares as (

    select
        cohorts.*,
        coalesce(curve.share_known, 0) as share_known,
        cohorts.exposures * coalesce(curve.share_known, 0) as effective,
        coalesce(curve.relative_variance, 0) as relative_variance
    from cohorts
    left join curve
        on
            cohorts.outcome_type = curve.outcome_type
            and cohorts.age - 1 = curve.period

),

sums as (

    select
        *,
        {{ exact_running_sum(
            'effective', keys | join(', '), 'age', 'unbounded preceding and 1 preceding'
        ) }} as younger_effective,
        {{ exact_running_sum(
            'effective', keys | join(', '), 'age', 'unbounded preceding and unbounded following'
        ) }} as all_effective
    from shares

),

groups as (

    select
        {{ keys | join(',\n        ') }},
        {{ exact_sum('aged_outcomes') }} as aged_outcomes,
        max(all_effective) as effective_exposures,
        {{ exact_sum('effective * share_known') }} as squared_shares,
        cast(coalesce(sum(cast(
            relative_variance * (effective / nullif(all_effective, 0))
            * ((effective + 2 * younger_effective) / nullif(all_effective, 0)) as decimal(38, 18)
        )), 0) as double) as relative_variance
    from sums
    group by
        {{ keys | join(',\n        ') }}

),

estimates as (

    select
        *,
        aged_outcomes / nullif(effective_exposures, 0) as rate,
        case
            when aged_outcomes > 0 then sqrt(
                greatest(0, aged_outcomes - pow(aged_outcomes / effective_exposures, 2) * squared_shares)
                / pow(effective_exposures, 2)
                + pow(aged_outcomes / effective_exposures, 2) * relative_variance
            )
        end as standard_error
    from groups

)
{% endmacro %}
