{#-
    What was known at a moment, as common table expressions for the calling query. Nothing received later has a say: who
    a visitor is, who is a bot, what was taken back, how long somebody stayed, what is usual, where people look.
-#}

{#- Who each visitor was taken for: `int_identities`' rule on the links known by then. -#}
{% macro identities_known(moment) -%}
    select
        anonymous_id,
        min(user_id) as user_id
    from {{ ref('int_identity_links') }}
    where
        known_at < {{ moment }}
        and user_id in (
            select links.user_id
            from {{ ref('int_identity_links') }} as links
            where links.known_at < {{ moment }}
            group by links.user_id
            having count(*) <= {{ var('identity_max_visitors') }}
        )
        and anonymous_id in (
            select links.anonymous_id
            from {{ ref('int_identity_links') }} as links
            where links.known_at < {{ moment }}
            group by links.anonymous_id
            having count(*) = 1
        )
    group by anonymous_id
{%- endmacro %}

{#- Reversals by then; `by` names the column that tells whose shares are summed. -#}
{% macro reversed_shares_known(moment, by) -%}
    select
        {{ by }},
        least(1.0, {{ exact_sum('reversed_share') }}) as reversed_share
    from {{ ref('fct_reversals') }}
    where
        received_at < {{ moment }}
        and occurred_at < {{ moment }}
    group by {{ by }}
{%- endmacro %}

{#-
    The visits as known at the moment, as_of or holdout_start: those of which all lines had come, and for the holdout's
    start what was known then of the others.
-#}
{% macro visits_known(moment) -%}
    select * from {{ ref('int_item_visits') }}
    where
        opened_at < {{ moment }}
        and last_received_at < {{ moment }}
    {% if moment == planned('holdout_start') %}
        union all by name

        select * from {{ ref('int_visits_at_holdout') }}
    {% endif %}
{%- endmacro %}

{#- What came of each impression by then; an engagement that was only taken back later still stood. -#}
{% macro outcomes_known(moment) -%}
    select
        outcomes.request_id,
        outcomes.item_id,
        outcomes.position,
        outcomes.first_seen_at,
        least(outcomes.first_engaged_at, undone.first_engaged_at) as first_engaged_at
    from {{ ref('fct_impression_outcomes') }} as outcomes
    left join (
        select
            events.matched_request_id as request_id,
            events.matched_item_id as item_id,
            min(events.received_at) as first_engaged_at
        from {{ ref('fct_reversals') }} as reversals
        inner join {{ ref('fct_events') }} as events on reversals.original_event_id = events.event_id
        inner join {{ ref('signal_policy') }} as policy on events.event_type = policy.event_type
        left join (
            {{ reversed_shares_known(moment, 'original_event_id') }}
        ) as known on reversals.original_event_id = known.original_event_id
        where
            reversals.received_at >= {{ moment }}
            and policy.is_engagement
            and coalesce(known.reversed_share, 0) < 1
        group by
            events.matched_request_id,
            events.matched_item_id
    ) as undone
        on
            outcomes.request_id = undone.request_id
            and outcomes.item_id = undone.item_id
    where outcomes.first_seen_at < {{ moment }}
{%- endmacro %}

{#- Who an impression was shown to, as known by the `identities` that are joined to it. -#}
{% macro known_person(impressions) -%}
    coalesce(case when {{ impressions }}.user_id is null then identities.user_id end, {{ impressions }}.actor_id)
{%- endmacro %}
