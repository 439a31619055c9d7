{%- set keys = ['outcome_type', 'surface', 'model_name', 'model_version', 'policy', 'impression_date'] -%}
with

horizons as (

    {{ label_horizons() }}

),

curve as (

    select * from {{ ref('int_label_curve') }}

),

-- Whether the curve can be trusted: what it was learnt from.
learnt as (

    select
        outcome_type,
        max(outcomes_by_delay) as outcomes_learnt_from
    from curve
    group by outcome_type

),

exposures as (

    select * from {{ ref('int_label_exposures') }}

),

history as (

    select max(age_hours) as history_hours
    from exposures

),

counts as (

    select
        horizons.outcome_type,
        exposures.surface,
        exposures.model_name,
        exposures.model_version,
        exposures.policy,
        exposures.impression_date,
        exposures.age_hours,
        least(exposures.age_hours // horizons.period_hours, horizons.periods) as age,
        exposures.exposures,
        0 as outcomes,
        0 as aged_outcomes
    from exposures
    cross join horizons
    inner join learnt on horizons.outcome_type = learnt.outcome_type

    union all

    select
        delays.outcome_type,
        delays.surface,
        delays.model_name,
        delays.model_version,
        delays.policy,
        delays.impression_date,
        delays.age_hours,
        least(delays.age_hours // horizons.period_hours, horizons.periods) as age,
        0 as exposures,
        delays.outcomes,
        case
            when
                delays.delay_hours // horizons.period_hours
                < least(delays.age_hours // horizons.period_hours, horizons.periods)
                then delays.outcomes
            else 0
        end as aged_outcomes
    from {{ ref('int_label_delays') }} as delays
    inner join horizons on delays.outcome_type = horizons.outcome_type

),

-- Every day by itself, and all of them together (no date).
days_and_total as (

    select * from counts

    union all

    select * replace (cast(null as date) as impression_date)
    from counts

),

cohorts as (

    select
        {{ keys | join(',\n        ') }},
        age,
        sum(exposures) as exposures,
        sum(aged_outcomes) as aged_outcomes
    from days_and_total
    group by
        {{ keys | join(',\n        ') }},
        age

),

{{ corrected_rates(keys) }},

known as (

    select
        {{ keys | map('replace', 'outcome_type', 'days_and_total.outcome_type') | join(',\n        ') }},
        max(horizons.maturity_window_hours) as maturity_window_hours,
        max(horizons.policy_version) as policy_version,
        sum(days_and_total.exposures) as exposures,
        sum(days_and_total.outcomes) as outcomes,
        sum(case when days_and_total.age_hours >= horizons.maturity_window_hours then days_and_total.exposures else 0 end)
            as mature_exposures,
        sum(case when days_and_total.age_hours >= horizons.maturity_window_hours then days_and_total.outcomes else 0 end)
            as mature_outcomes
    from days_and_total
    inner join horizons on days_and_total.outcome_type = horizons.outcome_type
    group by
        {{ keys | map('replace', 'outcome_type', 'days_and_total.outcome_type') | join(',\n        ') }}

),

judged as (

    select
        known.*,
        estimates.aged_outcomes,
        estimates.effective_exposures,
        estimates.rate,
        estimates.standard_error,
        estimates.effective_exposures / known.exposures as share_known,
        case
            when history.history_hours < known.maturity_window_hours then 'the log is shorter than the maturity window'
            when learnt.outcomes_learnt_from < {{ var('maturity_fewest_outcomes') }}
                then 'too few outcomes to tell how late they come'
            when estimates.effective_exposures <= 0 then 'no impression is old enough to say anything'
            when estimates.relative_variance > 0.25 then 'too little is known of what share has come by now'
        end as curve_fault,
        cast(known.mature_outcomes as double) / nullif(known.mature_exposures, 0) as mature_rate
    from known
    inner join estimates
        on
            {% for key in keys %}known.{{ key }} is not distinct from estimates.{{ key }}{{ "\n            and " if not loop.last }}{% endfor %}
    inner join learnt on known.outcome_type = learnt.outcome_type
    cross join history

),

-- Without a curve the policy's word stands: what is past its window needs no correction, the rest gets none.
decided as (

    select
        *,
        case
            when curve_fault is null and share_known >= {{ var('maturity_complete_share') }} then 'mature'
            when curve_fault is null then 'corrected'
            when mature_exposures = exposures then 'mature'
            else 'refused'
        end as method
    from judged

)

select
    outcome_type,
    surface,
    model_name,
    model_version,
    policy,
    impression_date,
    cast(exposures as bigint) as exposures,
    cast(mature_exposures as bigint) as mature_exposures,
    1.0 - cast(mature_exposures as double) / exposures as immature_share,
    cast(outcomes as bigint) as outcomes,
    cast(outcomes as double) / exposures as naive_rate,
    mature_rate,
    cast(aged_outcomes as bigint) as aged_outcomes,
    effective_exposures,
    share_known,
    case
        when curve_fault is null then rate
        when method = 'mature' then mature_rate
    end as corrected_rate,
    case
        when curve_fault is null then standard_error
        when method = 'mature' and outcomes > 0 then sqrt(mature_rate * (1 - mature_rate) / exposures)
    end as standard_error,
    method,
    case when method = 'refused' then curve_fault end as reason,
    maturity_window_hours,
    policy_version,
    {{ planned('as_of') }} as as_of
from decided
order by
    outcome_type,
    surface,
    model_name,
    model_version,
    policy,
    impression_date
