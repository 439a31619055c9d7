{{
    config(
        materialized='incremental',
        incremental_strategy='append',
        on_schema_change='fail',
        pre_hook="{% if is_incremental() %}delete from {{ this }} where visit_date >= (select min(touched.started_on) from {{ ref('int_sessions_touched') }} as touched) and session_key in (select touched.session_key from {{ ref('int_sessions_touched') }} as touched){% endif %}",
    )
}}

with

touched as (

    select * from {{ ref('int_sessions_touched') }}

),

{{ visits_of('touched') }}

select * from visits
