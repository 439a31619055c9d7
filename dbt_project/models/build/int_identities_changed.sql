-- Visitors that are somebody else now than in the last build. Empty on a build from scratch.
with

identities as (

    select * from {{ ref('int_identities') }}

),

previous as (

    select * from {{ source('ops', 'previous_identities') }}

),

changed as (

    select
        coalesce(identities.anonymous_id, previous.anonymous_id) as anonymous_id,
        coalesce(identities.user_id, 'anon:' || previous.anonymous_id) as actor_id,
        coalesce(previous.user_id, 'anon:' || identities.anonymous_id) as previous_actor_id
    from identities
    full outer join previous on identities.anonymous_id = previous.anonymous_id
    where
        identities.user_id is distinct from previous.user_id
        and {{ planned('window_start') }} is not null

)

select * from changed
