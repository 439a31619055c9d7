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

lines as (

    select
        request_id,
        received_at,
        source_file,
        source_line
    from requests
    where
        {{ planned('window_start') }} is null
        or request_id in (select changed.request_id from changed)

),

-- Few requests come twice: only their copies are put in order, so that nothing sorts whole rows.
repeated as (

    select request_id
    from lines
    group by request_id
    having count(*) > 1

),

copies as (

    select
        lines.source_file,
        lines.source_line,
        -- First received wins: a pure function of raw, whatever the order in which files arrived.
        row_number() over (
            partition by lines.request_id order by lines.received_at, lines.source_file, lines.source_line
        ) as copy_number
    from lines
    inner join repeated on lines.request_id = repeated.request_id

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
