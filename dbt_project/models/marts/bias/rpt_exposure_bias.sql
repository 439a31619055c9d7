with

items as (

    select * from {{ ref('int_item_exposure') }}

),

by_item as (

    select
        surface,
        item_id,
        cast(sum(impressions) as bigint) as impressions,
        cast(sum(engagements) as bigint) as engagements,
        coalesce(sum(impressions) filter (where popularity_decile = 1), 0) as head_impressions,
        coalesce(sum(engagements) filter (where popularity_decile = 1), 0) as head_engagements
    from items
    group by
        surface,
        item_id

),

ranked as (

    select
        *,
        row_number() over (partition by surface order by impressions, item_id) as exposure_rank,
        row_number() over (partition by surface order by engagements, item_id) as engagement_rank
    from by_item

),

totals as (

    select
        surface,
        count(*) as catalogue_items,
        count(*) filter (where impressions > 0) as exposed_items,
        count(*) filter (where engagements > 0) as engaged_items,
        cast(sum(impressions) as bigint) as impressions,
        cast(sum(engagements) as bigint) as engagements,
        cast(sum(impressions * exposure_rank) as double) as ranked_impressions,
        cast(sum(engagements * engagement_rank) as double) as ranked_engagements,
        cast(sum(head_impressions) as double) as head_impressions,
        cast(sum(head_engagements) as double) as head_engagements
    from ranked
    group by surface

),

measures as (

    select
        surface,
        catalogue_items,
        exposed_items,
        engaged_items,
        impressions,
        engagements,
        cast(exposed_items as double) / catalogue_items as exposure_coverage,
        cast(engaged_items as double) / catalogue_items as engagement_coverage,
        -- Gini = 2 * sum(rank * x) / (n * sum(x)) - (n + 1) / n, ranks from the least x up, items never shown included.
        2 * ranked_impressions / (catalogue_items * nullif(cast(impressions as double), 0))
        - (catalogue_items + 1.0) / catalogue_items as exposure_gini,
        2 * ranked_engagements / (catalogue_items * nullif(cast(engagements as double), 0))
        - (catalogue_items + 1.0) / catalogue_items as engagement_gini,
        head_impressions / nullif(impressions, 0) as head_exposure_share,
        head_engagements / nullif(engagements, 0) as head_engagement_share,
        {{ planned('as_of') }} as as_of
    from totals

)

select * from measures
order by surface
