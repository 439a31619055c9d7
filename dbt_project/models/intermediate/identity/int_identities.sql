with

links as (

    select * from {{ ref('int_identity_links') }}

),

-- A visitor seen with two people is a shared device: it belongs to neither.
visitors as (

    select
        anonymous_id,
        min(user_id) as user_id,
        min(known_at) as known_at
    from links
    group by anonymous_id
    having count(*) = 1

),

sizes as (

    select
        user_id,
        count(*) as visitors
    from links
    group by user_id

),

-- A person with very many visitors is a script or a shared account: joining them all would invent one huge reader.
stitched as (

    select
        visitors.anonymous_id,
        visitors.user_id,
        visitors.known_at
    from visitors
    inner join sizes on visitors.user_id = sizes.user_id
    where sizes.visitors <= {{ var('identity_max_visitors') }}

)

select * from stitched
