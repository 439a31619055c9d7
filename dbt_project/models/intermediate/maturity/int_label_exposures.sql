with

plan as (

    select as_of from {{ source('ops', 'build_plan') }}

),

impressions as (

    select * from {{ ref('int_impressions_resolved') }}
    where impression_date >= {{ label_window_start() }}

),

bots as (

    select * from {{ ref('int_bot_actors') }}

),

aged as (

    select
        impressions.impression_date,
        impressions.surface,
        impressions.model_name,
        impressions.model_version,
        impressions.policy,
        cast(greatest(
            0, floor({{ seconds_between('impressions.occurred_at', 'plan.as_of') }} / 3600)
        ) as bigint) as age_hours
    from impressions
    cross join plan
    left join bots on impressions.actor_id = bots.actor_id
    where bots.actor_id is null

),

counted as (

    select
        impression_date,
        surface,
        model_name,
        model_version,
        policy,
        age_hours,
        count(*) as exposures
    from aged
    group by
        impression_date,
        surface,
        model_name,
        model_version,
        policy,
        age_hours

)

select * from counted
