with

curve as (

    select * from {{ ref('int_label_curve') }}

),

horizons as (

    {{ label_horizons() }}

),

exposures as (

    select * from {{ ref('int_label_exposures') }}

),

by_age as (

    select
        horizons.outcome_type,
        least(exposures.age_hours // horizons.period_hours, horizons.periods) as age,
        sum(exposures.exposures) as exposures
    from exposures
    cross join horizons
    group by
        horizons.outcome_type,
        least(exposures.age_hours // horizons.period_hours, horizons.periods)

),

-- Old enough to have shown the delay: age of at least one period more.
younger as (

    select
        curve.*,
        sum(coalesce(by_age.exposures, 0)) over (
            partition by curve.outcome_type order by curve.period rows between unbounded preceding and current row
        ) as younger_exposures
    from curve
    left join by_age
        on
            curve.outcome_type = by_age.outcome_type
            and curve.period = by_age.age

),

all_exposures as (

    select sum(exposures) as exposures
    from exposures

)

select
    younger.outcome_type,
    cast(younger.period as integer) as delay_periods,
    cast(horizons.period_hours as integer) as period_hours,
    cast((younger.period + 1) * horizons.period_hours as double) as known_within_hours,
    cast(all_exposures.exposures - younger.younger_exposures as bigint) as exposures_at_risk,
    cast(younger.outcomes_at_delay as bigint) as outcomes_at_delay,
    cast(younger.outcomes_by_delay as bigint) as outcomes_by_delay,
    younger.hazard,
    younger.share_known,
    younger.share_known * sqrt(younger.relative_variance) as share_standard_error,
    horizons.maturity_window_hours,
    (younger.period + 1) * horizons.period_hours <= horizons.maturity_window_hours as is_within_window,
    horizons.policy_version,
    {{ planned('as_of') }} as as_of
from younger
cross join all_exposures
inner join horizons on younger.outcome_type = horizons.outcome_type
order by
    younger.outcome_type,
    younger.period
