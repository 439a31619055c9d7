with

delays as (

    select * from {{ ref('int_label_delays') }}

),

horizons as (

    {{ label_horizons() }}

),

cells as (

    select
        delays.outcome_type,
        least(delays.age_hours // horizons.period_hours, horizons.periods) as age,
        delays.delay_hours // horizons.period_hours as delay,
        delays.outcomes
    from delays
    inner join horizons on delays.outcome_type = horizons.outcome_type
    where delays.delay_hours // horizons.period_hours < horizons.periods

),

{{ reverse_time_hazard() }}

-- Types that never happened have no delays to tell of.
select curve.*
from curve
where curve.outcome_type in (select cells.outcome_type from cells)
