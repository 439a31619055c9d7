-- Sums that never change once a day's lines are in: a build adds the days that new lines touched, and no others.
{{
    config(
        materialized='incremental',
        incremental_strategy='append',
        on_schema_change='fail',
        pre_hook="{% if is_incremental() %}delete from {{ this }} where impression_date >= {{ planned('window_start') }} - 1{% endif %}",
    )
}}

with

impressions as (

    select * from {{ ref('int_impressions') }}
    {% if is_incremental() %}
        -- A click belongs to a showing of the day before at most: see its attribution window.
        where impression_date >= {{ planned('window_start') }} - 1
    {% endif %}

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
        {% if is_incremental() %}
            and event_date >= {{ planned('window_start') }} - 1
        {% endif %}
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
        {{ number_key(['impressions.actor_id']) }} % {{ var('bias_groups') }} as actor_group,
        impressions.propensity,
        1.0 / impressions.propensity as weight,
        cast(impressions.received_at as date) as shown_on,
        cast(greatest(impressions.received_at, clicks.known_at) as date) as clicked_on,
        clicks.known_at is not null as is_clicked
    from impressions
    left join clicks
        on
            impressions.request_id = clicks.request_id
            and impressions.item_id = clicks.item_id
    left join bots on impressions.actor_id = bots.actor_id
    where bots.actor_id is null

),

-- A click is known later than its showing, so that each counts on its own day: a past moment sees what it saw then.
counted as (

    select
        *,
        shown_on as known_on,
        false as is_click
    from shown

    union all

    select
        *,
        clicked_on as known_on,
        true as is_click
    from shown
    where is_clicked

),

sums as (

    select
        impression_date,
        known_on,
        surface,
        model_name,
        policy,
        position,
        actor_group,
        count(*) filter (where not is_click) as impressions,
        count(*) filter (where is_click) as clicks,
        count(*) filter (where not is_click and propensity is not null) as logged_impressions,
        count(*) filter (where is_click and propensity is not null) as logged_clicks,
        {{ exact_sum('weight', 'not is_click') }} as weight,
        {{ exact_sum('weight * weight', 'not is_click') }} as squared_weight,
        coalesce(max(weight) filter (where not is_click), 0) as max_weight,
        {{ exact_sum('weight', 'is_click') }} as clicked_weight,
        {{ exact_sum('weight * weight', 'is_click') }} as clicked_squared_weight
    from counted
    group by
        impression_date,
        known_on,
        surface,
        model_name,
        policy,
        position,
        actor_group

)

select * from sums
