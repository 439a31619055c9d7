with

reversals as (

    select * from {{ ref('fct_reversals') }}

)

select distinct
    original_event_id,
    matched_request_id,
    item_id as matched_item_id
from reversals
