with

days as (

    select * from {{ ref('int_position_days') }}

),

moments as (

    {{ bias_moments() }}

),

maturity as (

    select max(maturity_window_hours) as click_hours
    from {{ ref('signal_policy') }}
    where event_type = 'click'

),

in_window as (

    select
        moments.moment,
        days.*
    from days
    cross join moments
    cross join maturity
    where {{ in_bias_window('days.impression_date', 'days.known_on') }}

),

sums as (

    select
        moment,
        surface,
        model_name,
        policy,
        position,
        actor_group,
        cast(sum(impressions) as bigint) as impressions,
        cast(sum(clicks) as bigint) as clicks,
        cast(sum(logged_impressions) as bigint) as logged_impressions,
        cast(sum(logged_clicks) as bigint) as logged_clicks,
        {{ exact_sum('weight') }} as weight,
        {{ exact_sum('squared_weight') }} as squared_weight,
        max(max_weight) as max_weight,
        {{ exact_sum('clicked_weight') }} as clicked_weight,
        {{ exact_sum('clicked_squared_weight') }} as clicked_squared_weight
    from in_window
    group by
        moment,
        surface,
        model_name,
        policy,
        position,
        actor_group

)

select * from sums
