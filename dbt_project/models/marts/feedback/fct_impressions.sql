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
        max(maturity_window_hours) filter (where event_type in ('purchase', 'convert')) as purchase_hours,
        max(maturity_window_hours) filter (where event_type = 'add_to_cart') as cart_hours,
        max(maturity_window_hours) filter (where event_type = 'save') as save_hours,
        max(maturity_window_hours) filter (where event_type in ('share', 'copy')) as share_hours,
        max(maturity_window_hours) filter (where event_type in ('hide', 'not_interested')) as hide_hours,
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

norms as (

    select * from {{ ref('int_dwell_norms') }}
    where moment = {{ planned('as_of') }}

),

curve as (

    {{ examination_at(planned('as_of')) }}

),

bots as (

    select * from {{ ref('int_bot_actors') }}

),

joined as (

    select
        impressions.*,
        coalesce(outcomes.clicks, 0) as clicks,
        outcomes.dwell_ms,
        outcomes.dwell_source,
        {{ dwell_z('outcomes.dwell_ms', 'norms') }} as dwell_z,
        outcomes.scroll_depth,
        outcomes.device,
        coalesce(outcomes.is_opened, false) as is_opened,
        curve.examination as examination_propensity,
        case when outcomes.is_reported_seen then 'both' else 'logged' end as exposure_source,
        coalesce(outcomes.is_saved, false) as is_saved,
        coalesce(outcomes.is_shared, false) as is_shared,
        coalesce(outcomes.is_added_to_cart, false) as is_added_to_cart,
        coalesce(outcomes.is_purchased, false) as is_purchased,
        coalesce(outcomes.is_skipped, false) as is_skipped,
        coalesce(outcomes.is_hidden, false) as is_hidden,
        coalesce(outcomes.gross_value, 0) as gross_value,
        coalesce(outcomes.returned_value, 0) as returned_value,
        {{ impression_state('impressions', 'plan.as_of', 'curve.examination') }} as feedback_state,
        items.expected_dwell_s,
        bots.actor_id is not null as is_bot,
        plan.as_of,
        {{ seconds_between('impressions.occurred_at', 'plan.as_of') }} / 3600 as age_hours
    from impressions
    cross join plan
    -- The day is the same by design: joined on so that a reader of few days reads the outcomes of these days only.
    left join outcomes
        on
            impressions.request_id = outcomes.request_id
            and impressions.item_id = outcomes.item_id
            and impressions.impression_date = outcomes.impression_date
    left join requests
        on
            impressions.request_id = requests.request_id
            and impressions.impression_date = requests.impression_date
    left join items on impressions.item_id = items.item_id
    left join norms
        on
            norms.length_bucket = {{ length_bucket('items.expected_dwell_s') }}
            and norms.device = coalesce(outcomes.device, 'unknown')
    left join curve
        on
            impressions.surface = curve.surface
            and impressions.position = curve.position
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
        joined.examination_propensity,
        joined.exposure_source,
        joined.device,
        joined.clicks > 0 as is_clicked,
        {{ is_satisfied('joined.dwell_ms', 'joined.dwell_z') }} as is_satisfied,
        {{ is_bounce('joined.is_opened', 'joined.dwell_ms') }} as is_bounce,
        {{ is_clickbait(
            'joined.clicks > 0',
            'joined.dwell_ms',
            'joined.expected_dwell_s',
            'joined.dwell_z',
            'joined.scroll_depth',
            'joined.is_saved or joined.is_shared or joined.is_added_to_cart or joined.is_purchased'
        ) }} as is_clickbait,
        joined.is_skipped,
        joined.is_hidden,
        joined.is_saved,
        joined.is_shared,
        joined.is_added_to_cart,
        joined.is_purchased,
        joined.clicks,
        joined.dwell_ms,
        joined.dwell_source,
        joined.dwell_z,
        joined.scroll_depth,
        joined.gross_value,
        joined.returned_value,
        joined.gross_value - joined.returned_value as net_value,
        joined.feedback_state,
        joined.is_bot,
        joined.as_of,
        joined.age_hours >= maturity.all_hours as is_mature,
        joined.age_hours >= maturity.click_hours as is_click_mature,
        joined.age_hours >= maturity.purchase_hours as is_purchase_mature,
        joined.age_hours >= maturity.cart_hours as is_cart_mature,
        joined.age_hours >= maturity.save_hours as is_save_mature,
        joined.age_hours >= maturity.share_hours as is_share_mature,
        joined.age_hours >= maturity.hide_hours as is_hide_mature
    from joined
    cross join maturity

)

select * from judged
