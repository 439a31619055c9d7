-- What the training fold may know of a visit that went on past the holdout's start, or of which a line came after it.
with

current_visits as (

    select * from {{ ref('int_item_visits') }}
    where opened_at < {{ planned('holdout_start') }}

),

straddling as (

    select
        session_key,
        min(visit_date) - 1 as started_on
    from current_visits
    where last_received_at >= {{ planned('holdout_start') }}
    group by session_key

),

unchanged as (

    select
        session_key,
        item_id,
        coalesce(matched_request_id, '') as request_key
    from current_visits
    where last_received_at < {{ planned('holdout_start') }}

),

{{ visits_of('straddling', planned('holdout_start')) }},

differing as (

    select visits.*
    from visits
    left join unchanged
        on
            visits.session_key = unchanged.session_key
            and visits.item_id = unchanged.item_id
            and coalesce(visits.matched_request_id, '') = unchanged.request_key
    where unchanged.session_key is null

)

select * from differing
