{#-
    Evidence as known at a moment, as common table expressions; one rule for the dataset (as of the build), for the
    training fold (as of the holdout's start) and for the trail that `revealed why` prints. It leaves

        event_evidence   one row a positive or negative event of a person and an item, also where nothing is left of it
        skip_evidence    one row a seen-and-skipped impression that counts
        skipped_showings one row an impression that a person saw and skipped

        evidence = base weight x strength x share not taken back x recency x dwell factor x examination factor
        counted_evidence = evidence x damping by what the person said outright

    The latest standing statement (rating, thumb, correction, preference, hide) sets an anchor a in [-1, 1]; implicit
    evidence of the other sign until half an hour after it is damped by 1 - |a| x the statement's recency, and earlier
    statements of the other sign, or of the same type, are void.
-#}
{% macro evidence_known(moment) %}
policy as (

    select * from {{ ref('signal_policy') }}

),

items as (

    select
        item_id,
        expected_dwell_s,
        {{ length_bucket('expected_dwell_s') }} as length_bucket
    from {{ ref('dim_items') }}

),

bots as (

    select actor_id
    from {{ ref('int_bot_actors') }}
    where first_flagged_on < cast({{ moment }} as date)

),

identities as (

    {{ identities_known(moment) }}

),

taken_back as (

    {{ reversed_shares_known(moment, 'original_event_id') }}

),

takes_back as (

    {{ reversed_shares_known(moment, 'reversal_event_id') }}

),

visits as (

    {{ visits_known(moment) }}

),

norms as (

    select * from {{ ref('int_dwell_norms') }}
    where moment = {{ moment }}

),

curve as (

    select
        surface,
        position,
        least(1.0, examination) as examination
    from (
        {{ examination_at(moment) }}
    ) as known_curve
    where examination is not null

),

known_events as (

    select
        events.event_id,
        events.event_type,
        events.polarity,
        events.occurred_at,
        coalesce(case when events.user_id is null then identities.user_id end, events.logged_actor_id) as user_id,
        events.item_id,
        events.matched_request_id,
        -- Empty where time has no say, so that no visit is found.
        case when policy.strength_rule = 'engaged_time' then events.session_key end as visit_session_key,
        coalesce(events.matched_position, events.position) as position,
        events.surface,
        policy.weight as base_weight,
        policy.strength_rule,
        policy.half_life_days,
        policy.anchor_strength,
        policy.is_consuming,
        policy.policy_version,
        {{ signal_strength('policy.strength_rule', 'events.rating', 'takes_back.reversed_share') }} as strength,
        1.0 - coalesce(taken_back.reversed_share, 0.0) as kept_share,
        {{ seconds_between('events.occurred_at', moment) }} / 86400.0 as age_days
    from {{ ref('fct_events') }} as events
    inner join policy on events.event_type = policy.event_type
    left join identities on events.anonymous_id = identities.anonymous_id
    left join taken_back on events.event_id = taken_back.original_event_id
    left join takes_back on events.event_id = takes_back.reversal_event_id
    where
        events.item_id is not null
        and events.polarity != 'neutral'
        and policy.polarity != 'neutral'
        and events.received_at < {{ moment }}
        and events.occurred_at < {{ moment }}

),

persons_events as (

    select
        known_events.*,
        {{ recency_factor('known_events.age_days', 'known_events.half_life_days') }} as recency_factor,
        known_events.anchor_strength is not null as is_explicit
    from known_events
    left join bots on known_events.user_id = bots.actor_id
    where bots.actor_id is null

),

-- The last word of each kind, and the last of all: later wins; in the same instant, the no.
statements as (

    select
        *,
        case polarity when 'positive' then 1.0 else -1.0 end * anchor_strength * strength * kept_share as anchor,
        row_number() over (
            partition by user_id, item_id, event_type order by occurred_at desc, polarity, event_id
        ) as place_in_type,
        row_number() over (
            partition by user_id, item_id order by occurred_at desc, polarity, event_id
        ) as place
    from persons_events
    where
        is_explicit
        and kept_share > 0

),

anchors as (

    select
        user_id,
        item_id,
        event_id,
        event_type,
        occurred_at,
        anchor,
        1.0 - abs(anchor) * recency_factor as implicit_damping
    from statements
    where place = 1

),

superseded as (

    select statements.event_id
    from statements
    inner join anchors
        on
            statements.user_id = anchors.user_id
            and statements.item_id = anchors.item_id
    where
        statements.place_in_type > 1
        or statements.anchor * anchors.anchor < 0

),

timed as (

    select
        persons_events.*,
        visits.active_ms,
        visits.dwell_source,
        visits.scroll_depth,
        items.expected_dwell_s,
        norms.mu as usual_log_s,
        {{ dwell_z('visits.active_ms', 'norms') }} as dwell_z,
        curve.examination,
        anchors.anchor,
        anchors.implicit_damping,
        anchors.occurred_at as anchor_at,
        superseded.event_id is not null as is_superseded
    from persons_events
    left join items on persons_events.item_id = items.item_id
    left join visits
        on
            persons_events.visit_session_key = visits.session_key
            and persons_events.item_id = visits.item_id
            and coalesce(persons_events.matched_request_id, '') = coalesce(visits.matched_request_id, '')
    left join norms
        on
            coalesce(items.length_bucket, 'unknown') = norms.length_bucket
            and coalesce(visits.device, 'unknown') = norms.device
    left join curve
        on
            persons_events.surface = curve.surface
            and persons_events.position = curve.position
    left join anchors
        on
            persons_events.user_id = anchors.user_id
            and persons_events.item_id = anchors.item_id
    left join superseded on persons_events.event_id = superseded.event_id

),

-- A quick look that led to a save or a purchase is no clickbait.
follow_ups as (

    select distinct
        user_id,
        item_id,
        coalesce(matched_request_id, '') as matched_request_id
    from persons_events
    where
        event_type in ('save', 'share', 'copy', 'add_to_cart', 'purchase', 'convert')
        and kept_share > 0

),

followed as (

    select
        timed.*,
        follow_ups.user_id is not null as is_followed_up
    from timed
    left join follow_ups
        on
            timed.user_id = follow_ups.user_id
            and timed.item_id = follow_ups.item_id
            and coalesce(timed.matched_request_id, '') = follow_ups.matched_request_id

),

judged as (

    select
        *,
        {{ is_clickbait(
            "event_type = 'click'", 'active_ms', 'expected_dwell_s', 'dwell_z', 'scroll_depth', 'is_followed_up'
        ) }} as is_clickbait
    from followed

),

factored as (

    select
        * replace (case when is_clickbait then 'negative' else polarity end as polarity),
        case
            when strength_rule != 'engaged_time' then 1.0
            when is_clickbait then {{ var('clickbait_factor') }}
            else {{ engaged_time_factor('active_ms', 'dwell_z', 'usual_log_s') }}
        end as dwell_factor,
        strength_rule = 'engaged_time' and active_ms is null as is_dwell_assumed,
        case
            {% if var('examination_correction') %}
                when polarity = 'positive' and not is_clickbait and not is_explicit
                    then {{ inverse_examination('examination') }}
            {% endif %}
            else 1.0
        end as examination_factor
    from judged

),

event_evidence as (

    select
        *,
        base_weight * strength * kept_share * recency_factor * dwell_factor * examination_factor as evidence,
        case
            when is_superseded then 0.0
            when
                not is_explicit
                and (polarity = 'positive') != (anchor > 0)
                and occurred_at <= anchor_at + interval {{ var('anchor_reach_minutes') }} minute
                then implicit_damping
            else 1.0
        end as damping
    from factored

),

consumed as (

    select
        user_id,
        item_id,
        min(occurred_at) as consumed_at
    from persons_events
    where is_consuming
    group by
        user_id,
        item_id

),

outcomes as (

    {{ outcomes_known(moment) }}

),

requests as (

    select
        request_id,
        max(position) as deepest_engaged_position
    from outcomes
    where first_engaged_at < {{ moment }}
    group by request_id

),

known_showings as (

    select
        impressions.request_id,
        {{ known_person('impressions') }} as user_id,
        impressions.item_id,
        impressions.occurred_at,
        impressions.position,
        impressions.surface,
        curve.examination as curve_examination,
        {{ impression_state('impressions', moment, 'curve.examination') }} as feedback_state,
        -- An event of its own proves that it was seen; one further down the list only makes it likely.
        coalesce(outcomes.first_seen_at < {{ moment }}, false) as is_seen_for_certain
    from {{ ref('int_impressions') }} as impressions
    left join identities on impressions.anonymous_id = identities.anonymous_id
    left join outcomes
        on
            impressions.request_id = outcomes.request_id
            and impressions.item_id = outcomes.item_id
    left join requests on impressions.request_id = requests.request_id
    left join curve
        on
            impressions.surface = curve.surface
            and impressions.position = curve.position
    where
        impressions.received_at < {{ moment }}
        and impressions.occurred_at < {{ moment }}

),

skipped_showings as (

    select known_showings.*
    from known_showings
    left join bots on known_showings.user_id = bots.actor_id
    where
        bots.actor_id is null
        and known_showings.feedback_state = 'skipped'

),

-- A no counts once it has stood for as long as a yes may take, and not of what the person knew already.
skips as (

    select
        skipped_showings.*,
        skip.weight as base_weight,
        skip.half_life_days,
        skip.policy_version,
        {{ seconds_between('skipped_showings.occurred_at', moment) }} / 86400.0 as age_days,
        case when skipped_showings.is_seen_for_certain then 1.0 else skipped_showings.curve_examination end as examination,
        case
            when
                anchors.anchor > 0
                and skipped_showings.occurred_at <= anchors.occurred_at + interval {{ var('anchor_reach_minutes') }} minute
                then anchors.implicit_damping
            else 1.0
        end as damping
    from skipped_showings
    inner join policy as skip on skip.event_type = 'skipped_impression'
    left join anchors
        on
            skipped_showings.user_id = anchors.user_id
            and skipped_showings.item_id = anchors.item_id
    left join consumed
        on
            skipped_showings.user_id = consumed.user_id
            and skipped_showings.item_id = consumed.item_id
    where
        skipped_showings.occurred_at <= {{ moment }} - to_hours({{ known_now(
            ref('signal_policy'),
            "cast(max(maturity_window_hours) filter (where event_type = 'skipped_impression') as integer)"
        ) }})
        and (consumed.consumed_at is null or consumed.consumed_at > skipped_showings.occurred_at)

),

skip_evidence as (

    select
        *,
        {{ recency_factor('age_days', 'half_life_days') }} as recency_factor,
        coalesce(examination, 1.0) as examination_factor,
        base_weight * {{ recency_factor('age_days', 'half_life_days') }} * coalesce(examination, 1.0) as evidence
    from skips

)
{% endmacro %}
