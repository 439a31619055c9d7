with

impressions as (

    select * from {{ ref('fct_impressions') }}
    where not is_bot

),

daily as (

    select
        impression_date as report_date,
        surface,
        model_name,
        model_version,
        policy,
        count(distinct request_id) as requests,
        count(*) as impressions,
        count(*) filter (where is_clicked) as clicks,
        count(*) filter (where is_satisfied) as satisfied,
        count(*) filter (where is_purchased) as purchases,
        {{ exact_sum('net_value') }} as net_value,
        count(*) filter (where is_mature) as mature_impressions
    from impressions
    group by
        impression_date,
        surface,
        model_name,
        model_version,
        policy

),

rates as (

    select
        report_date,
        surface,
        model_name,
        model_version,
        policy,
        requests,
        impressions,
        clicks,
        cast(clicks as double) / impressions as click_rate,
        satisfied,
        cast(satisfied as double) / impressions as satisfied_rate,
        purchases,
        net_value,
        mature_impressions
    from daily

)

select * from rates
order by
    report_date,
    surface,
    model_name,
    model_version,
    policy
