{#-
    Evidence for and against each (user, item) pair as known at a moment: one row a pair, with every factor that made
    the number. Used for the dataset itself and for the training fold of its time split, so that both follow one rule.

        positive_evidence = sum over positive events of weight * recency * dwell factor * share not taken back
        recency           = 2 ^ (-age / half-life)
        dwell factor      = ln(1 + seconds) / ln(31), within [0.05, 2]; 1 where the time is not known
        confidence        = 1 + alpha * (P - N) if P >= N, else -(1 + beta * (N - P)), clipped (Hu, Koren and
                            Volinsky 2008, with dislikes as negative confidence)
-#}
{% macro user_item_evidence(moment) %}
policy as (

    select * from {{ ref('signal_policy') }}

),

bots as (

    select * from {{ ref('int_bot_actors') }}

),

known_events as (

    select events.*
    from {{ ref('fct_events') }} as events
    left join bots on events.actor_id = bots.actor_id
    where
        bots.actor_id is null
        and events.item_id is not null
        and events.received_at < {{ moment }}
        and events.occurred_at < {{ moment }}

),

taken_back as (

    select
        original_event_id,
        least(1.0, {{ exact_sum('reversed_share') }}) as reversed_share
    from {{ ref('fct_reversals') }}
    where
        received_at < {{ moment }}
        and occurred_at < {{ moment }}
    group by original_event_id

),

signals as (

    select
        known_events.actor_id as user_id,
        known_events.item_id,
        known_events.polarity,
        known_events.occurred_at,
        known_events.dwell_ms,
        policy.policy_version,
        policy.is_consuming,
        known_events.event_type in ('hide', 'not_interested', 'thumbs_down')
        and coalesce(taken_back.reversed_share, 0) < 1 as is_rejection,
        {{ signal_weight('known_events') }} as weight,
        pow(
            2.0,
            -{{ seconds_between('known_events.occurred_at', moment) }} / 86400.0 / policy.half_life_days
        ) as recency,
        {{ dwell_factor('known_events') }} as dwell_factor
    from known_events
    inner join policy on known_events.event_type = policy.event_type
    left join taken_back on known_events.event_id = taken_back.original_event_id
    where policy.polarity != 'neutral'

),

by_events as (

    select
        user_id,
        item_id,
        {{ exact_sum('weight * recency * dwell_factor', "polarity = 'positive'") }} as positive_evidence,
        {{ exact_sum('weight * recency', "polarity = 'negative'") }} as event_negative_evidence,
        {{ exact_sum('weight', "polarity = 'positive'") }} as signal_weight,
        {{ exact_sum('weight * recency', "polarity = 'positive'") }} as recent_weight,
        count(*) as events,
        cast(max(dwell_ms) as bigint) as dwell_ms,
        bool_or(is_consuming) as is_consumed,
        bool_or(is_rejection) as is_hidden,
        min(occurred_at) as first_event_at,
        max(occurred_at) as last_event_at
    from signals
    group by
        user_id,
        item_id

),

outcomes as (

    select * from {{ ref('fct_impression_outcomes') }}

),

requests as (

    {{ deepest_engaged(moment) }}

),

showings as (

    select
        impressions.actor_id as user_id,
        impressions.item_id,
        impressions.occurred_at,
        {{ impression_state('impressions', moment) }} as feedback_state
    from {{ ref('int_impressions_resolved') }} as impressions
    left join outcomes
        on
            impressions.request_id = outcomes.request_id
            and impressions.item_id = outcomes.item_id
    left join requests on impressions.request_id = requests.request_id
    left join bots on impressions.actor_id = bots.actor_id
    where
        bots.actor_id is null
        and impressions.received_at < {{ moment }}
        and impressions.occurred_at < {{ moment }}

),

by_showings as (

    select
        showings.user_id,
        showings.item_id,
        count(*) as impressions,
        count(*) filter (where showings.feedback_state = 'skipped') as skipped_impressions,
        least(
            {{ var('skip_evidence_max') }},
            {{ exact_sum(
                "skip.weight * pow(2.0, -" ~ seconds_between('showings.occurred_at', moment)
                ~ " / 86400.0 / skip.half_life_days)",
                "showings.feedback_state = 'skipped'"
            ) }}
        ) as skip_evidence,
        min(showings.occurred_at) as first_shown_at,
        max(showings.occurred_at) as last_shown_at
    from showings
    inner join policy as skip on skip.event_type = 'skipped_impression'
    group by
        showings.user_id,
        showings.item_id

),

pairs as (

    select
        coalesce(by_events.user_id, by_showings.user_id) as user_id,
        coalesce(by_events.item_id, by_showings.item_id) as item_id,
        coalesce(by_events.positive_evidence, 0) as positive_evidence,
        coalesce(by_events.event_negative_evidence, 0) + coalesce(by_showings.skip_evidence, 0) as negative_evidence,
        coalesce(by_events.events, 0) as events,
        coalesce(by_showings.impressions, 0) as impressions,
        coalesce(by_showings.skipped_impressions, 0) as skipped_impressions,
        by_events.dwell_ms,
        coalesce(by_events.signal_weight, 0) as signal_weight,
        by_events.recent_weight / nullif(by_events.signal_weight, 0) as recency_factor,
        by_events.positive_evidence / nullif(by_events.recent_weight, 0) as dwell_factor,
        coalesce(by_events.is_consumed, false) as is_consumed,
        coalesce(by_events.is_hidden, false) as is_hidden,
        coalesce(by_events.first_event_at, by_showings.first_shown_at) as first_event_at,
        coalesce(by_events.last_event_at, by_showings.last_shown_at) as last_event_at
    from by_events
    full outer join by_showings
        on
            by_events.user_id = by_showings.user_id
            and by_events.item_id = by_showings.item_id

),

evidence as (

    select
        user_id,
        item_id,
        case when positive_evidence >= negative_evidence then 1 else 0 end as preference,
        case
            when positive_evidence >= negative_evidence
                then least(
                    {{ var('confidence_max') }},
                    1 + {{ var('confidence_alpha') }} * (positive_evidence - negative_evidence)
                )
            else greatest(
                -{{ var('confidence_max') }},
                -(1 + {{ var('confidence_beta') }} * (negative_evidence - positive_evidence))
            )
        end as confidence,
        positive_evidence,
        negative_evidence,
        events,
        impressions,
        skipped_impressions,
        dwell_ms,
        signal_weight,
        recency_factor,
        dwell_factor,
        is_consumed,
        is_hidden,
        first_event_at,
        last_event_at,
        (select max(policy.policy_version) from policy) as policy_version,
        cast({{ moment }} as timestamp) as as_of
    from pairs
    -- Shown but unexamined, or nothing left after reversals: no evidence either way.
    where
        positive_evidence > 0
        or negative_evidence > 0
        or is_consumed

)
{% endmacro %}
