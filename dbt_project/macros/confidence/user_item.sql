{#-
    One row a person and item with any evidence, as known at a moment: the sums over `evidence_known`, and the signed
    confidence. positive_evidence = signal_weight x recency_factor x dwell_factor x examination_factor x damping_factor.
-#}
{% macro user_item_known(moment) %}
{{ evidence_known(moment) }},

by_events as (

    select
        user_id,
        item_id,
        {{ exact_sum('evidence * damping', "polarity = 'positive'") }} as positive_evidence,
        {{ exact_sum('evidence * damping', "polarity = 'negative'") }} as event_negative_evidence,
        {{ exact_sum("case polarity when 'positive' then evidence else -evidence end * damping", 'is_explicit') }}
            as explicit_evidence,
        {{ exact_sum('base_weight * strength * kept_share', "polarity = 'positive'") }} as signal_weight,
        {{ exact_sum('base_weight * strength * kept_share * recency_factor', "polarity = 'positive'") }} as recent_weight,
        {{ exact_sum('base_weight * strength * kept_share * recency_factor * dwell_factor', "polarity = 'positive'") }}
            as engaged_weight,
        {{ exact_sum('evidence', "polarity = 'positive'") }} as undamped_evidence,
        count(*) filter (where kept_share > 0) as events,
        cast(max(active_ms) as bigint) as dwell_ms,
        bool_or(is_consuming) as is_consumed,
        bool_or(
            event_type in ('hide', 'not_interested', 'thumbs_down') and kept_share > 0 and damping > 0
        ) as is_hidden,
        min(occurred_at) as first_event_at,
        max(occurred_at) as last_event_at
    from event_evidence
    group by
        user_id,
        item_id

),

by_skips as (

    select
        user_id,
        item_id,
        least({{ var('skip_evidence_max') }}, {{ exact_sum('evidence * damping') }}) as skip_evidence
    from skip_evidence
    group by
        user_id,
        item_id

),

-- Most of what is shown is never looked at, by most people: only pairs with evidence are counted up.
with_evidence as (

    select
        user_id,
        item_id
    from by_events

    union

    select
        user_id,
        item_id
    from by_skips

),

-- Read once more, by pair and time alone: with their states, all showings would be written out to be read twice.
persons_showings as (

    select
        {{ known_person('impressions') }} as user_id,
        impressions.item_id,
        impressions.occurred_at
    from {{ ref('int_impressions') }} as impressions
    left join identities on impressions.anonymous_id = identities.anonymous_id
    where
        impressions.received_at < {{ moment }}
        and impressions.occurred_at < {{ moment }}

),

by_showings as (

    select
        persons_showings.user_id,
        persons_showings.item_id,
        count(*) as impressions,
        min(persons_showings.occurred_at) as first_shown_at,
        max(persons_showings.occurred_at) as last_shown_at
    from persons_showings
    inner join with_evidence
        on
            persons_showings.user_id = with_evidence.user_id
            and persons_showings.item_id = with_evidence.item_id
    group by
        persons_showings.user_id,
        persons_showings.item_id

),

skipped as (

    select
        user_id,
        item_id,
        count(*) as skipped_impressions
    from skipped_showings
    group by
        user_id,
        item_id

),

shown as (

    select
        by_showings.*,
        coalesce(skipped.skipped_impressions, 0) as skipped_impressions,
        coalesce(by_skips.skip_evidence, 0) as skip_evidence
    from by_showings
    left join skipped
        on
            by_showings.user_id = skipped.user_id
            and by_showings.item_id = skipped.item_id
    left join by_skips
        on
            by_showings.user_id = by_skips.user_id
            and by_showings.item_id = by_skips.item_id

),

pairs as (

    select
        coalesce(by_events.user_id, shown.user_id) as user_id,
        coalesce(by_events.item_id, shown.item_id) as item_id,
        coalesce(by_events.positive_evidence, 0) as positive_evidence,
        coalesce(by_events.event_negative_evidence, 0) + coalesce(shown.skip_evidence, 0) as negative_evidence,
        coalesce(shown.skip_evidence, 0) as skip_evidence,
        coalesce(by_events.explicit_evidence, 0) as explicit_evidence,
        coalesce(by_events.events, 0) as events,
        coalesce(shown.impressions, 0) as impressions,
        coalesce(shown.skipped_impressions, 0) as skipped_impressions,
        by_events.dwell_ms,
        coalesce(by_events.signal_weight, 0) as signal_weight,
        by_events.recent_weight / nullif(by_events.signal_weight, 0) as recency_factor,
        by_events.engaged_weight / nullif(by_events.recent_weight, 0) as dwell_factor,
        by_events.undamped_evidence / nullif(by_events.engaged_weight, 0) as examination_factor,
        by_events.positive_evidence / nullif(by_events.undamped_evidence, 0) as damping_factor,
        coalesce(by_events.is_consumed, false) as is_consumed,
        coalesce(by_events.is_hidden, false) as is_hidden,
        coalesce(by_events.first_event_at, shown.first_shown_at) as first_event_at,
        coalesce(by_events.last_event_at, shown.last_shown_at) as last_event_at
    from by_events
    full outer join shown
        on
            by_events.user_id = shown.user_id
            and by_events.item_id = shown.item_id
    -- Shown but unexamined, or nothing left after reversals: no evidence either way.
    where
        by_events.positive_evidence > 0
        or by_events.event_negative_evidence > 0
        or shown.skip_evidence > 0
        or by_events.is_consumed
        or by_events.is_hidden

),

{% if var('popularity_debiasing') == 'inverse_propensity' -%}
popularity as (

    {{ popularity_factors('pairs') }}

),
{%- endif %}

weighed as (

    select
        pairs.*,
        {% if var('popularity_debiasing') == 'inverse_propensity' -%}
            coalesce(popularity.popularity_factor, 1.0)
        {%- else -%}
            cast(1.0 as double)
        {%- endif %} as popularity_factor,
        anchors.anchor,
        anchors.event_type as anchor_type,
        anchors.occurred_at as anchor_at,
        coalesce(anchors.implicit_damping, 1.0) as implicit_damping
    from pairs
    {% if var('popularity_debiasing') == 'inverse_propensity' -%}
        left join popularity on pairs.item_id = popularity.item_id
    {%- endif %}
    left join anchors
        on
            pairs.user_id = anchors.user_id
            and pairs.item_id = anchors.item_id

),

user_item as (

    select
        user_id,
        item_id,
        case when positive_evidence > negative_evidence then 1 else 0 end as preference,
        cast({{ signed_confidence('positive_evidence', 'negative_evidence', 'popularity_factor') }} as double) as confidence,
        positive_evidence,
        negative_evidence,
        events,
        impressions,
        skipped_impressions,
        dwell_ms,
        signal_weight,
        recency_factor,
        dwell_factor,
        examination_factor,
        damping_factor,
        skip_evidence,
        explicit_evidence,
        anchor,
        anchor_type,
        anchor_at,
        implicit_damping,
        popularity_factor,
        is_consumed,
        is_hidden,
        first_event_at,
        last_event_at,
        (select max(policy.policy_version) from policy) as policy_version,
        cast({{ moment }} as timestamp) as as_of
    from weighed

)
{% endmacro %}

{#-
    How much more a like of each item weighs when popularity is taken out: 1 / theta with theta = (likes / most
    likes)^eta (Saito et al. 2020), clipped, and scaled so that likes weigh 1 on average.
-#}
{% macro popularity_factors(pairs) -%}
    select
        item_id,
        likes,
        raw_factor * sum(likes) over ()
        / cast(sum(cast(likes * raw_factor as decimal(28, 9))) over () as double) as popularity_factor
    from (
        select
            item_id,
            count(*) as likes,
            least(
                {{ var('popularity_factor_max') }},
                pow(cast(max(count(*)) over () as double) / count(*), {{ var('popularity_eta') }})
            ) as raw_factor
        from {{ pairs }}
        where positive_evidence > negative_evidence
        group by item_id
    ) as liked
{%- endmacro %}
