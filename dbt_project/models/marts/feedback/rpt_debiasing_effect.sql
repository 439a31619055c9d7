with

pairs as (

    select * from {{ ref('feedback_user_item') }}

),

likes as (

    select * from pairs
    where preference = 1

),

popularity as (

    {{ popularity_factors('likes') }}

),

-- Ten classes with a tenth of the liked items each, the least liked first.
ranked as (

    select
        item_id,
        likes,
        popularity_factor,
        cast(ntile(10) over (order by likes, item_id) as integer) as popularity_decile
    from popularity

),

weighed as (

    select
        ranked.popularity_decile,
        likes.item_id,
        ranked.likes as item_likes,
        ranked.popularity_factor,
        {{ signed_confidence('likes.positive_evidence', 'likes.negative_evidence', '1.0') }} as plain_confidence,
        {{ signed_confidence('likes.positive_evidence', 'likes.negative_evidence', 'ranked.popularity_factor') }}
            as debiased_confidence
    from likes
    inner join ranked on likes.item_id = ranked.item_id

),

deciles as (

    select
        popularity_decile,
        count(distinct item_id) as items,
        count(*) as likes,
        min(item_likes) as fewest_likes,
        max(item_likes) as most_likes,
        {{ exact_sum('popularity_factor') }} / count(*) as popularity_factor,
        {{ exact_sum('plain_confidence') }} as plain_mass,
        {{ exact_sum('debiased_confidence') }} as debiased_mass
    from weighed
    group by popularity_decile

),

totals as (

    select
        {{ exact_sum('plain_mass') }} as plain_mass,
        {{ exact_sum('debiased_mass') }} as debiased_mass
    from deciles

)

select
    deciles.popularity_decile,
    deciles.items,
    deciles.likes,
    deciles.fewest_likes,
    deciles.most_likes,
    deciles.popularity_factor,
    deciles.plain_mass / totals.plain_mass as plain_share,
    deciles.debiased_mass / totals.debiased_mass as debiased_share,
    deciles.debiased_mass / totals.debiased_mass - deciles.plain_mass / totals.plain_mass as share_moved,
    cast('{{ var("popularity_debiasing") }}' as varchar) as method_in_force,
    cast({{ planned('as_of') }} as timestamp) as as_of
from deciles
cross join totals
