{{
    config(
        materialized='incremental',
        incremental_strategy='delete+insert',
        unique_key='anonymous_id',
        on_schema_change='fail',
        pre_hook="{% if is_incremental() %}delete from {{ this }} where anonymous_id in (select retracted.anonymous_id from {{ source('ops', 'retracted_visitors') }} as retracted){% endif %}",
    )
}}

with

-- An event that names the visitor and the person ties the two: a login, or any event sent after it.
fresh as (

    select
        anonymous_id,
        user_id,
        received_at as known_at
    from {{ ref('int_events_deduplicated') }}
    where
        anonymous_id is not null
        and user_id is not null

),

before as (

    {{ previous_rows('intermediate', 'int_identity_links', {
        'anonymous_id': 'varchar', 'user_id': 'varchar', 'known_at': 'timestamp'
    }) }}

),

previous as (

    {{ previous_rows('marts', 'fct_events', {
        'event_id': 'varchar', 'anonymous_id': 'varchar', 'user_id': 'varchar', 'received_at': 'timestamp'
    }) }}

),

retracted as (

    select anonymous_id from {{ source('ops', 'retracted_visitors') }}

),

changed as (

    select event_id from {{ source('ops', 'changed_events') }}

),

-- A visitor that lost a tie (its event is gone) keeps those that other events still prove.
proven as (

    select
        anonymous_id,
        user_id,
        received_at as known_at
    from previous
    where
        user_id is not null
        and anonymous_id in (select retracted.anonymous_id from retracted)
        and event_id not in (select changed.event_id from changed)

),

known as (

    select * from fresh

    union all

    select * from proven

    union all

    select * from before
    where anonymous_id in (select fresh.anonymous_id from fresh)

),

links as (

    select
        anonymous_id,
        user_id,
        min(known_at) as known_at
    from known
    group by
        anonymous_id,
        user_id

)

select * from links
