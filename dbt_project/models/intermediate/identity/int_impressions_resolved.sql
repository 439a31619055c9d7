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
        on case when impressions.user_id is null then impressions.anonymous_id end = identities.anonymous_id

)

select * from resolved
