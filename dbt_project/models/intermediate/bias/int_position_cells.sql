-- A view: asked for one surface at a time, and only where logged propensities do not give the curve.
{{ config(materialized='view') }}

with

moments as (

    {{ bias_moments() }}

),

maturity as (

    select max(maturity_window_hours) as click_hours
    from {{ ref('signal_policy') }}
    where event_type = 'click'

),

window_size as (

    select count(*) as impressions
    from {{ ref('int_impressions') }}
    where
        impression_date >= (
            select cast(min(moments.moment) as date) - {{ var('bias_window_days') }}
            from moments
        )

),

-- All of everybody, or all of as many people as keep the cells within bounds: a few million impressions tell the curve
-- to a percent, and more would only cost.
impressions as (

    select
        *,
        cast(received_at as date) as shown_on,
        coalesce({{ json_text('context', 'cluster') }}, {{ json_text('context', 'segment') }}) as context_cluster,
        {{ number_key(['model_name', 'model_version']) }} as model
    from {{ ref('int_impressions_resolved') }}
    where
        impression_date >= (
            select cast(min(moments.moment) as date) - {{ var('bias_window_days') }}
            from moments
        )
        and {{ number_key(['logged_actor_id']) }} % 1000
        < (select 1000.0 * {{ var('bias_cell_impressions_max') }} / nullif(impressions, 0) from window_size)

),

clicks as (

    select
        matched_request_id as request_id,
        matched_item_id as item_id,
        cast(min(received_at) as date) as clicked_on
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

in_window as (

    select
        moments.moment,
        impressions.surface,
        impressions.position,
        impressions.item_id,
        impressions.query,
        impressions.context_cluster,
        impressions.score,
        impressions.model,
        -- Who a visitor is counts from when it was known, so that a past moment makes the cells that it made then.
        case
            when impressions.identity_known_at >= moments.moment then impressions.logged_actor_id
            else impressions.actor_id
        end as person,
        coalesce(clicks.clicked_on < cast(moments.moment as date), false) as is_clicked
    from impressions
    cross join moments
    cross join maturity
    left join clicks
        on
            impressions.request_id = clicks.request_id
            and impressions.item_id = clicks.item_id
    left join bots on impressions.actor_id = bots.actor_id
    where
        coalesce(bots.first_flagged_on >= cast(moments.moment as date), true)
        and {{ in_bias_window('impressions.impression_date', 'impressions.shown_on') }}

),

-- Numbers instead of names from here on: what follows sorts and groups every impression.
keyed as (

    select
        moment,
        surface,
        position,
        is_clicked,
        case
            when context_cluster is not null then 'named'
            when score is not null then 'score'
            when query is not null then 'query'
            else 'none'
        end as context,
        case
            when context_cluster is not null then {{ number_key(['context_cluster', 'query', 'item_id']) }}
            when score is not null then {{ number_key(['person', 'query', 'model']) }}
            when query is not null then {{ number_key(['query', 'item_id']) }}
            else 0
        end as context_key,
        case when context_cluster is null then score end as score,
        case when context_cluster is null and score is not null then model else 0 end as model
    from in_window

),

-- Levels are quantiles of a model version's scores: whatever their scale, and whatever a later version does to it.
levelled as (

    select
        *,
        case
            when score is not null
                then floor({{ var('bias_score_levels') }} * percent_rank() over (
                    partition by moment, surface, context, model order by score
                ))
            else -1
        end as score_level
    from keyed

),

counts as (

    select
        moment,
        surface,
        context,
        context_key,
        score_level,
        position,
        count(*) as impressions,
        count(*) filter (where is_clicked) as clicks,
        min(score) as score_low,
        max(score) as score_high
    from levelled
    group by
        moment,
        surface,
        context,
        context_key,
        score_level,
        position

),

-- Cells of one position, or without a click, say nothing about the curve; they are most of them.
telling as (

    select
        moment,
        surface,
        context,
        context_key,
        score_level
    from counts
    group by
        moment,
        surface,
        context,
        context_key,
        score_level
    having
        context = 'none'
        or (count(*) > 1 and sum(clicks) > 0)

)

select
    counts.moment,
    counts.surface,
    counts.context,
    {{ number_key(['counts.context', 'counts.context_key', 'counts.score_level']) }} as cell,
    counts.position,
    counts.impressions,
    counts.clicks,
    nullif(counts.score_level, -1) as score_level,
    counts.score_low,
    counts.score_high
from counts
inner join telling
    on
        counts.moment = telling.moment
        and counts.surface = telling.surface
        and counts.context = telling.context
        and counts.context_key = telling.context_key
        and counts.score_level = telling.score_level
