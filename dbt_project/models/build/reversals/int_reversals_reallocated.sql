{{ config(materialized='view') }}

with

touched as (

    select * from {{ ref('int_reversal_owners_touched') }}

),

reversals as (

    select * from {{ ref('int_reversal_owners') }}

),

reallocated as (

    select reversals.*
    from reversals
    inner join touched on reversals.owner_id = touched.owner_id

)

select * from reallocated
