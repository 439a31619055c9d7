with

moments as (

    {{ bias_moments() }}

),

maturity as (

    select max(maturity_window_hours) as click_hours
    from {{ ref('signal_policy') }}
    where event_type = 'click'

),

impressions as (

    select * from {{ ref('int_impressions_resolved') }}
    where
        impression_date >= (
            select cast(min(moments.moment) as date) - {{ var('bias_window_days') }}
            from moments
        )

),

clicks as (

    select
        matched_request_id as request_id,
        matched_item_id as item_id,
        min(received_at) as known_at
    from {{ ref('fct_events') }}
    where
        event_type = 'click'
        and matched_request_id is not null
        -- A client's clock may be a day off, not more: earlier clicks are of showings before the window.
        and event_date >= (
            select cast(min(moments.moment) as date) - {{ var('bias_window_days') }} - 1
            from moments
        )
    group by
        matched_request_id,
        matched_item_id

),

bots as (

    select * from {{ ref('int_bot_actors') }}

),

shown as (

    select
        impressions.impression_date,
        impressions.surface,
        impressions.model_name,
        impressions.policy,
        impressions.position,
        {{ number_key(['impressions.logged_actor_id']) }} % {{ var('bias_groups') }} as actor_group,
        impressions.propensity,
        1.0 / impressions.propensity as weight,
        cast(impressions.received_at as date) as shown_on,
        -- No click, no day: the greatest of a time and nothing is the time.
        case
            when clicks.known_at is not null
                then cast(greatest(impressions.received_at, clicks.known_at) as date)
        end as clicked_on,
        bots.first_flagged_on
    from impressions
    left join clicks
        on
            impressions.request_id = clicks.request_id
            and impressions.item_id = clicks.item_id
    left join bots on impressions.actor_id = bots.actor_id

),

-- By the days on which showing and click became known: one pass over the impressions serves every moment.
days as (

    select
        impression_date,
        shown_on,
        clicked_on,
        first_flagged_on,
        surface,
        model_name,
        policy,
        position,
        actor_group,
        count(*) as impressions,
        count(propensity) as logged_impressions,
        {{ exact_sum('weight') }} as weight,
        {{ exact_sum('weight * weight') }} as squared_weight,
        coalesce(max(weight), 0) as max_weight
    from shown
    group by
        impression_date,
        shown_on,
        clicked_on,
        first_flagged_on,
        surface,
        model_name,
        policy,
        position,
        actor_group

),

in_window as (

    select
        days.*,
        moments.moment,
        coalesce(days.clicked_on < cast(moments.moment as date), false) as is_clicked
    from days
    cross join moments
    cross join maturity
    where
        {{ in_bias_window('days.impression_date', 'days.shown_on') }}
        and coalesce(days.first_flagged_on >= cast(moments.moment as date), true)

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
        cast(coalesce(sum(impressions) filter (where is_clicked), 0) as bigint) as clicks,
        cast(sum(logged_impressions) as bigint) as logged_impressions,
        cast(coalesce(sum(logged_impressions) filter (where is_clicked), 0) as bigint) as logged_clicks,
        {{ exact_sum('weight') }} as weight,
        {{ exact_sum('squared_weight') }} as squared_weight,
        max(max_weight) as max_weight,
        {{ exact_sum('weight', 'is_clicked') }} as clicked_weight,
        {{ exact_sum('squared_weight', 'is_clicked') }} as clicked_squared_weight
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
