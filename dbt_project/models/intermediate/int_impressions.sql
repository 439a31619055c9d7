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

known as (

    select * from requests
    where
        {{ planned('window_start') }} is null
        or request_id in (select changed.request_id from changed)

),

-- Few requests come twice: only their copies are put in order, so that nothing sorts whole rows.
repeated as (

    select request_id
    from known
    group by request_id
    having count(*) > 1

),

copies as (

    select
        known.source_file,
        known.source_line,
        row_number() over (
            partition by known.request_id order by known.received_at, known.source_file, known.source_line
        ) as copy_number
    from known
    inner join repeated on known.request_id = repeated.request_id

),

later_copies as (

    select
        source_file,
        source_line
    from copies
    where copy_number > 1

),

first_copies as (

    select known.*
    from known
    left join later_copies
        on
            known.source_file = later_copies.source_file
            and known.source_line = later_copies.source_line
    where later_copies.source_line is null

),

shown as (

    select
        first_copies.*,
        slate.item.item_id as item_id,
        slate.item.position as position,
        slate.item.score as score,
        slate.item.propensity as propensity
    from first_copies,
        -- An item shown twice in one request is one impression, at its best position.
        unnest({{ first_showings('first_copies.items') }}) as slate (item)

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
    from shown

)

select * from impressions
