-- Placeholder until the reversals land.
select
    event_id as reversal_event_id,
    reversed_event_id as original_event_id,
    reversed_share
from {{ ref('fct_events') }}
where reversed_event_id is not null
