with

{{ first_received(ref('stg_events'), source('ops', 'changed_events'), 'event_id') }}

select * from first_copies
