-- Flagged, never deleted: whoever one of whose days says so. The agent's own word outranks what behaviour suggests.
with

days as (

    select * from {{ ref('int_actor_days') }}
    where bot_reason is not null

),

ranked as (

    select
        actor_id,
        bot_reason as reason,
        min(activity_date) over (partition by actor_id) as first_flagged_on,
        row_number() over (
            partition by actor_id
            order by
                case bot_reason
                    when 'user_agent' then 1
                    when 'rate' then 2
                    when 'no_dwell_volume' then 3
                    else 4
                end,
                activity_date
        ) as reason_number
    from days

),

flagged as (

    select
        actor_id,
        reason,
        first_flagged_on
    from ranked
    where reason_number = 1

)

select * from flagged
