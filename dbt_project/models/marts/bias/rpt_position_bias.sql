with

curve as (

    select * from {{ ref('int_examination_curve') }}

),

as_known as (

    select
        curve.surface,
        curve.position,
        curve.examination,
        curve.ci_low,
        curve.ci_high,
        curve.method,
        curve.reason,
        curve.basis,
        curve.clicks,
        curve.impressions,
        curve.naive_ctr_ratio,
        curve.used_clicks,
        curve.ess,
        cast(curve.moment as date) - {{ var('bias_window_days') }} as window_start,
        cast(curve.moment as date) as window_end,
        curve.moment as as_of
    from curve
    where curve.moment = {{ planned('as_of') }}

)

select * from as_known
order by
    surface,
    position
