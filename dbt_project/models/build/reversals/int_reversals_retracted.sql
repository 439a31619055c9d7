-- What the last build said of the owners whose reversals this one allocates again. Kept as it is when the build is tried
-- again: by then fct_reversals may be this build's own.
with

touched as (

    select * from {{ ref('int_reversal_owners_touched') }}

),

previous as (

    {{ previous_rows('marts', 'fct_reversals', {
        'reversal_event_id': 'varchar', 'original_event_id': 'varchar', 'reversed_share': 'double',
        'reversed_value': 'double', 'occurred_at': 'timestamp', 'received_at': 'timestamp', 'actor_id': 'varchar',
        'item_id': 'varchar', 'matched_request_id': 'varchar'
    }) }}

),

retracted as (

    select
        previous.*,
        {{ planned('build_id') }} as build_id
    from previous
    inner join touched on previous.actor_id = touched.owner_id

)

select * from {{ this if ran_in_this_build() else 'retracted' }}
