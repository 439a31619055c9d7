-- A view: maturity and the as-of moment move with every build, the rows beneath do not.
{{ config(materialized='view') }}

with

plan as (

    select as_of from {{ source('ops', 'build_plan') }}

),

policy as (

    select * from {{ ref('signal_policy') }}

),

maturity as (

    select
        max(maturity_window_hours) filter (where event_type = 'click') as click_hours,
        max(maturity_window_hours) filter (where event_type = 'purchase') as purchase_hours,
        max(maturity_window_hours) filter (where is_engagement) as all_hours
    from policy

),

impressions as (

    select * from {{ ref('int_impressions_resolved') }}

),

outcomes as (

    select * from {{ ref('fct_impression_outcomes') }}

),

requests as (

    {{ deepest_engaged(planned('as_of')) }}

),

items as (

    select * from {{ ref('dim_items') }}

),

bots as (

    select * from {{ ref('int_bot_actors') }}

),

joined as (

    select
        impressions.*,
        coalesce(outcomes.clicks, 0) as clicks,
        outcomes.dwell_ms,
        outcomes.scroll_depth,
        coalesce(outcomes.is_saved, false) as is_saved,
        coalesce(outcomes.is_shared, false) as is_shared,
        coalesce(outcomes.is_added_to_cart, false) as is_added_to_cart,
        coalesce(outcomes.is_purchased, false) as is_purchased,
        coalesce(outcomes.is_skipped, false) as is_skipped,
        coalesce(outcomes.is_hidden, false) as is_hidden,
        coalesce(outcomes.gross_value, 0) as gross_value,
        coalesce(outcomes.returned_value, 0) as returned_value,
        {{ impression_state('impressions', 'plan.as_of') }} as feedback_state,
        outcomes.dwell_ms / 1000.0 as dwell_s,
        coalesce(items.expected_dwell_s, 30) as expected_dwell_s,
        bots.actor_id is not null as is_bot,
        plan.as_of,
        {{ seconds_between('impressions.occurred_at', 'plan.as_of') }} / 3600 as age_hours
    from impressions
    cross join plan
    left join outcomes
        on
            impressions.request_id = outcomes.request_id
            and impressions.item_id = outcomes.item_id
    left join requests on impressions.request_id = requests.request_id
    left join items on impressions.item_id = items.item_id
    left join bots on impressions.actor_id = bots.actor_id

),

judged as (

    select
        joined.request_id,
        joined.item_id,
        joined.position,
        joined.impression_date,
        joined.occurred_at,
        joined.actor_id,
        joined.user_id,
        joined.anonymous_id,
        joined.session_id,
        joined.surface,
        joined.model_name,
        joined.model_version,
        joined.policy,
        joined.snapshot_id,
        joined.experiment_id,
        joined.variant,
        joined.score,
        joined.propensity,
        joined.clicks > 0 as is_clicked,
        -- Half a minute, or the time that the item takes where that is less.
        coalesce(joined.dwell_s >= least(30, joined.expected_dwell_s), false) as is_satisfied,
        joined.clicks > 0
        and coalesce(joined.dwell_s < least(10, joined.expected_dwell_s / 2), false)
        and coalesce(joined.scroll_depth, 0) < 0.5
        and not (joined.is_saved or joined.is_shared or joined.is_added_to_cart or joined.is_purchased)
            as is_clickbait,
        joined.is_skipped,
        joined.is_hidden,
        joined.is_saved,
        joined.is_shared,
        joined.is_added_to_cart,
        joined.is_purchased,
        joined.clicks,
        joined.dwell_ms,
        joined.scroll_depth,
        joined.gross_value,
        joined.returned_value,
        joined.gross_value - joined.returned_value as net_value,
        joined.feedback_state,
        joined.is_bot,
        joined.as_of,
        joined.age_hours >= maturity.all_hours as is_mature,
        joined.age_hours >= maturity.click_hours as is_click_mature,
        joined.age_hours >= maturity.purchase_hours as is_purchase_mature
    from joined
    cross join maturity

)

select * from judged
