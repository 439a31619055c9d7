{{ config(materialized='view') }}

with

impressions as (

    select * from {{ ref('int_impressions') }}

),

identities as (

    select * from {{ ref('int_identities') }}

),

resolved as (

    select
        impressions.* replace (coalesce(identities.user_id, impressions.actor_id) as actor_id),
        impressions.actor_id as logged_actor_id,
        identities.known_at as identity_known_at
    from impressions
    left join identities
        on
            impressions.anonymous_id = identities.anonymous_id
            and impressions.user_id is null

)

select * from resolved
