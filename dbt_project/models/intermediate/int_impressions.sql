{{
    config(
        materialized='incremental',
        incremental_strategy='append',
        on_schema_change='fail',
        pre_hook="{% if is_incremental() %}delete from {{ this }} where {{ planned('window_start') }} is null or request_id in (select changed.request_id from {{ source('ops', 'changed_requests') }} as changed){% endif %}",
    )
}}

with

{{ first_received(ref('stg_inferences'), source('ops', 'changed_requests'), 'request_id') }},

-- An item shown twice in one request is one impression, at its best position.
shown as (

    select
        * exclude (items),
        {{ each_of(first_showings('items')) }} as shown_item
    from first_copies

),

impressions as (

    select
        shown.request_id,
        shown.shown_item.item_id,
        shown.shown_item.position,
        shown.impression_date,
        shown.occurred_at,
        shown.received_at,
        shown.actor_id,
        shown.user_id,
        shown.anonymous_id,
        shown.session_id,
        shown.surface,
        shown.model_name,
        shown.model_version,
        shown.policy,
        shown.snapshot_id,
        shown.experiment_id,
        shown.variant,
        shown.query,
        shown.context,
        shown.shown_item.score,
        shown.shown_item.propensity,
        shown.source_file,
        shown.source_line
    from shown

)

select * from impressions
