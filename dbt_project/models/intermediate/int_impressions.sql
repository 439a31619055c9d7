{{
    config(
        materialized='incremental',
        incremental_strategy='append',
        on_schema_change='fail',
        pre_hook="{% if is_incremental() %}delete from {{ this }} where {{ planned('window_start') }} is null or request_id in (select changed.request_id from {{ source('ops', 'changed_requests') }} as changed){% endif %}",
    )
}}

with

requests as (

    select * from {{ ref('stg_inferences') }}

),

changed as (

    select request_id from {{ source('ops', 'changed_requests') }}

),

ranked as (

    select
        *,
        row_number() over (
            partition by request_id order by received_at, source_file, source_line
        ) as copy_number
    from requests
    where
        {{ planned('window_start') }} is null
        or request_id in (select changed.request_id from changed)

),

first_copies as (

    select * from ranked
    where copy_number = 1

),

shown as (

    select
        first_copies.*,
        slate.item.item_id as item_id,
        slate.item.position as position,
        slate.item.score as score,
        slate.item.propensity as propensity
    from first_copies,
        unnest(first_copies.items) as slate (item)

),

-- An item shown twice in one request is one impression, at its best position.
best_positions as (

    select
        *,
        row_number() over (partition by request_id, item_id order by position) as showing
    from shown

),

impressions as (

    select
        request_id,
        item_id,
        position,
        impression_date,
        occurred_at,
        received_at,
        actor_id,
        user_id,
        anonymous_id,
        session_id,
        surface,
        model_name,
        model_version,
        policy,
        snapshot_id,
        experiment_id,
        variant,
        query,
        context,
        score,
        propensity,
        source_file,
        source_line
    from best_positions
    where showing = 1

)

select * from impressions
