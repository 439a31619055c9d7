-- A view: usual times move with every build, visits do not.
{{ config(materialized='view') }}

with

visits as (

    select * from {{ ref('int_item_visits') }}

),

items as (

    select * from {{ ref('dim_items') }}

),

norms as (

    select * from {{ ref('int_dwell_norms') }}
    where moment = {{ planned('as_of') }}

),

compared as (

    select
        visits.*,
        items.expected_dwell_s,
        norms.length_bucket,
        {{ dwell_z('visits.active_ms', 'norms') }} as dwell_z
    from visits
    left join items on visits.item_id = items.item_id
    left join norms
        on
            norms.length_bucket = {{ length_bucket('items.expected_dwell_s') }}
            and norms.device = coalesce(visits.device, 'unknown')

),

judged as (

    select
        *,
        {{ is_bounce('is_opened', 'active_ms') }} as is_bounce,
        {{ is_satisfied('active_ms', 'dwell_z') }} as is_satisfied
    from compared

)

select * from judged
