with

impressions as (

    select
        surface,
        item_id,
        feedback_state,
        {{ number_key(['actor_id']) }} % 2 as half
    from {{ ref('fct_impressions') }}
    where
        not is_bot
        and is_click_mature
        and impression_date >= cast(as_of as date) - {{ var('bias_window_days') }}

),

items as (

    select * from {{ ref('dim_items') }}

),

by_surface as (

    select
        surface,
        item_id,
        half,
        count(*) as impressions,
        count(*) filter (where feedback_state = 'engaged') as engagements
    from impressions
    group by
        surface,
        item_id,
        half

),

counts as (

    select * from by_surface

    union all

    select
        '(all)' as surface,
        item_id,
        half,
        cast(sum(impressions) as bigint) as impressions,
        cast(sum(engagements) as bigint) as engagements
    from by_surface
    group by
        item_id,
        half

),

surfaces as (

    select distinct surface
    from counts

),

halves as (

    select 0 as half

    union all

    select 1 as half

),

-- What could have been shown, whether or not it was: a catalogue that is never shown is the strongest bias of all.
catalogue as (

    select
        item_id,
        topic
    from items
    where is_available

    union

    select
        by_surface.item_id,
        items.topic
    from by_surface
    left join items on by_surface.item_id = items.item_id

),

complete as (

    select
        surfaces.surface,
        catalogue.item_id,
        halves.half,
        coalesce(catalogue.topic, '(unknown)') as topic,
        coalesce(counts.impressions, 0) as impressions,
        coalesce(counts.engagements, 0) as engagements
    from surfaces
    cross join catalogue
    cross join halves
    left join counts
        on
            surfaces.surface = counts.surface
            and catalogue.item_id = counts.item_id
            and halves.half = counts.half

),

-- Popularity is judged by the other half of the people: ranked by the engagements that it is then compared with, any
-- item would be popular by luck, and the head would always seem to earn more than it is shown.
ranked as (

    select
        surface,
        item_id,
        1 - half as half,
        ntile(10) over (partition by surface, half order by engagements desc, impressions desc, item_id)
            as popularity_decile
    from complete

)

select
    complete.surface,
    complete.item_id,
    complete.half,
    complete.topic,
    complete.impressions,
    complete.engagements,
    ranked.popularity_decile
from complete
inner join ranked
    on
        complete.surface = ranked.surface
        and complete.item_id = ranked.item_id
        and complete.half = ranked.half
