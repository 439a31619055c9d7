with

items as (

    select * from {{ ref('int_item_exposure') }}

),

topics as (

    select
        surface,
        topic,
        count(distinct item_id) as items,
        count(distinct item_id) filter (where impressions > 0) as exposed_items,
        cast(sum(impressions) as bigint) as impressions,
        cast(sum(engagements) as bigint) as engagements
    from items
    group by
        surface,
        topic

),

shares as (

    select
        surface,
        topic,
        items,
        exposed_items,
        impressions,
        engagements,
        cast(items as double) / sum(items) over (partition by surface) as catalogue_share,
        cast(impressions as double) / nullif(sum(impressions) over (partition by surface), 0) as exposure_share,
        cast(engagements as double) / nullif(sum(engagements) over (partition by surface), 0) as engagement_share,
        cast(engagements as double) / nullif(impressions, 0) as engagement_rate,
        {{ planned('as_of') }} as as_of
    from topics

)

select * from shares
order by
    surface,
    topic
