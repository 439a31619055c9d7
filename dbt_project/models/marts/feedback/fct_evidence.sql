-- A view: what `feedback_user_item` adds up, before it is added up.
{{ config(materialized='view') }}

with

{{ evidence_known(planned('as_of')) }},

pieces as (

    select
        event_id as evidence_id,
        user_id,
        item_id,
        'event' as kind,
        event_type,
        polarity,
        occurred_at,
        base_weight,
        strength,
        kept_share,
        age_days,
        half_life_days,
        recency_factor,
        active_ms,
        dwell_source,
        dwell_z,
        dwell_factor,
        is_dwell_assumed,
        is_clickbait,
        position,
        surface,
        examination,
        examination_factor,
        evidence,
        is_explicit,
        is_superseded,
        damping,
        evidence * damping as counted_evidence,
        matched_request_id as request_id,
        policy_version
    from event_evidence
    where evidence > 0

    union all

    select
        request_id || '|' || item_id as evidence_id,
        user_id,
        item_id,
        'skipped_impression' as kind,
        'skipped_impression' as event_type,
        'negative' as polarity,
        occurred_at,
        base_weight,
        1.0 as strength,
        1.0 as kept_share,
        age_days,
        half_life_days,
        recency_factor,
        cast(null as bigint) as active_ms,
        cast(null as varchar) as dwell_source,
        cast(null as double) as dwell_z,
        1.0 as dwell_factor,
        false as is_dwell_assumed,
        false as is_clickbait,
        position,
        surface,
        examination,
        examination_factor,
        evidence,
        false as is_explicit,
        false as is_superseded,
        damping,
        evidence * damping as counted_evidence,
        request_id,
        policy_version
    from skip_evidence

)

select
    evidence_id,
    user_id,
    item_id,
    kind,
    event_type,
    polarity,
    occurred_at,
    base_weight,
    cast(strength as double) as strength,
    cast(kept_share as double) as kept_share,
    cast(age_days as double) as age_days,
    half_life_days,
    cast(recency_factor as double) as recency_factor,
    active_ms,
    dwell_source,
    cast(dwell_z as double) as dwell_z,
    cast(dwell_factor as double) as dwell_factor,
    is_dwell_assumed,
    is_clickbait,
    position,
    surface,
    examination,
    cast(examination_factor as double) as examination_factor,
    cast(evidence as double) as evidence,
    is_explicit,
    is_superseded,
    cast(damping as double) as damping,
    cast(counted_evidence as double) as counted_evidence,
    request_id,
    policy_version,
    cast({{ planned('as_of') }} as timestamp) as as_of
from pieces
