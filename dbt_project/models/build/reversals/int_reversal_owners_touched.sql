-- Whose reversals this build allocates again: all of an owner's or none, since what one takes is not left for the others.
with

owners as (

    select
        event_id,
        owner_id
    from {{ ref('int_reversal_owners') }}

),

affected as (

    select
        event_id,
        previous_owner_id
    from {{ ref('int_reversals_affected') }}

),

actors_touched as (

    select actor_id from {{ ref('int_actors_touched') }}

),

touched as (

    select owners.owner_id
    from owners
    inner join actors_touched on owners.owner_id = actors_touched.actor_id

    union

    select owners.owner_id
    from owners
    inner join affected on owners.event_id = affected.event_id

    union

    -- Where a reversal sat before its original was known.
    select previous_owner_id as owner_id
    from affected
    where previous_owner_id is not null

)

select * from touched
