with

items as (

    select * from {{ ref('int_item_exposure') }}

),

deciles as (

    select
        surface,
        popularity_decile,
        count(distinct item_id) as items,
        cast(sum(impressions) as bigint) as impressions,
        cast(sum(engagements) as bigint) as engagements
    from items
    group by
        surface,
        popularity_decile

),

shares as (

    select
        surface,
        cast(popularity_decile as integer) as popularity_decile,
        items,
        impressions,
        engagements,
        cast(impressions as double) / nullif(sum(impressions) over (partition by surface), 0) as exposure_share,
        cast(engagements as double) / nullif(sum(engagements) over (partition by surface), 0) as engagement_share,
        cast(engagements as double) / nullif(impressions, 0) as engagement_rate,
        {{ planned('as_of') }} as as_of
    from deciles

)

select * from shares
order by
    surface,
    popularity_decile
