{#-
    The visits of some sessions, as common table expressions that end with `visits`: see `int_item_visits` for the rule.
    `sessions` names a relation of the calling query (session_key, started_on); with `known_before` only events received
    before that moment are seen, which gives the visits as they were known then.
-#}
{% macro visits_of(sessions, known_before=none) %}
-- What people do themselves. That something came into view or was passed over, or a login, does not say where they look.
acts as (

    select
        events.session_key,
        events.event_id,
        events.event_type,
        events.occurred_at,
        events.received_at,
        events.actor_id,
        events.item_id,
        events.matched_request_id,
        events.device,
        events.surface,
        events.dwell_ms,
        events.scroll_depth,
        events.is_historical,
        events.item_id is not null and events.event_type in ('click', 'view', 'heartbeat', 'scroll') as is_attending,
        -- In the same instant: opened, then alive.
        case events.event_type when 'click' then 1 when 'view' then 2 when 'heartbeat' then 4 else 3 end as act_rank
    from {{ ref('fct_events') }} as events
    inner join {{ sessions }} on events.session_key = {{ sessions }}.session_key
    where
        events.event_date >= (select min(started.started_on) from {{ sessions }} as started)
        {% if known_before %}
            and events.received_at < {{ known_before }}
            and events.occurred_at < {{ known_before }}
        {% endif %}
        and events.event_type not in ('impression', 'skip', 'identify')

),

-- Moments of a back-filled summary are nominal: no time is read off them.
in_order as (

    select
        *,
        count(*) filter (where is_attending) over (
            partition by session_key, is_historical order by occurred_at, act_rank, event_id
            rows between unbounded preceding and current row
        ) as attending_number,
        lead(received_at) over (
            partition by session_key, is_historical order by occurred_at, act_rank, event_id
        ) as next_act_received_at,
        case
            when not is_historical
                then cast(1000 * {{ seconds_between(
                    'occurred_at',
                    'lead(occurred_at) over (partition by session_key, is_historical order by occurred_at, act_rank, event_id)'
                ) }} as bigint)
        end as until_next_act_ms
    from acts

),

-- What a save or a share is about is the item that the person has open, where it is the same.
attended as (

    select
        *,
        first_value(item_id) over (
            partition by session_key, is_historical, attending_number order by occurred_at, act_rank, event_id
        ) as open_item_id,
        first_value(matched_request_id) over (
            partition by session_key, is_historical, attending_number order by occurred_at, act_rank, event_id
        ) as open_request_id
    from in_order

),

visit_acts as (

    select
        * replace (
            case when is_attending then matched_request_id else open_request_id end as matched_request_id,
            case when until_next_act_ms <= {{ var('next_event_cap_s') }} * 1000 then until_next_act_ms end
                as until_next_act_ms
        ),
        row_number() over (
            partition by
                session_key, item_id, case when is_attending then matched_request_id else open_request_id end
            order by is_attending desc, occurred_at, act_rank, event_id
        ) as visit_act_number
    from attended
    where
        is_attending
        or (attending_number > 0 and item_id = open_item_id)

),

-- Signs of life of one visit, in order. Two heartbeats in the same instant are one that was sent twice.
signs as (

    select
        *,
        event_type = 'heartbeat'
        and not coalesce(
            lag(event_type) over signs_of_life = 'heartbeat' and lag(occurred_at) over signs_of_life = occurred_at, false
        ) as is_beat,
        case
            when not is_historical
                then cast(
                    1000 * {{ seconds_between('lag(occurred_at) over signs_of_life', 'occurred_at') }} as bigint
                )
        end as since_last_sign_ms
    from visit_acts
    window signs_of_life as (
        partition by
            session_key, item_id, matched_request_id, event_type in ('click', 'view', 'heartbeat')
        order by occurred_at, act_rank, event_id
    )

),

-- A heartbeat stands for the active time that it reports, else for the time since the last sign of life.
beaten as (

    select
        *,
        case when is_beat then coalesce(dwell_ms, since_last_sign_ms) end as beat_ms
    from signs

),

measured as (

    select
        session_key,
        item_id,
        matched_request_id,
        min(actor_id) as actor_id,
        max(case when visit_act_number = 1 then event_id end) as opening_event_id,
        max(case when visit_act_number = 1 then event_type end) as opening_event_type,
        max(case when visit_act_number = 1 then occurred_at end) as opened_at,
        coalesce(max(case when visit_act_number = 1 then device end), min(device)) as device,
        coalesce(max(case when visit_act_number = 1 then surface end), min(surface)) as surface,
        max(occurred_at) as last_event_at,
        max(received_at) as last_received_at,
        max(next_act_received_at) as next_act_received_at,
        max(dwell_ms) filter (where event_type in ('click', 'view')) as reported_ms,
        sum(case when beat_ms > {{ var('idle_cap_s') }} * 1000 then {{ var('idle_cap_s') }} * 1000 else beat_ms end)
            as heartbeat_ms,
        count(*) filter (where is_beat) as heartbeats,
        -- Known only if every stay is: part of the time would pass for all of it.
        case when count(*) = count(until_next_act_ms) then nullif(sum(until_next_act_ms), 0) end as next_event_ms,
        max(scroll_depth) as scroll_depth,
        bool_or(event_type in ('click', 'view')) as is_opened,
        bool_and(is_historical) as is_historical
    from beaten
    group by
        session_key,
        item_id,
        matched_request_id

),

sourced as (

    select
        *,
        case
            -- A click that says 0 while the heart still beats was told before the time had passed.
            when reported_ms > 0 or (reported_ms = 0 and heartbeat_ms is null) then 'reported'
            when heartbeat_ms is not null then 'heartbeats'
            when next_event_ms is not null then 'next_event'
        end as dwell_source
    from measured

),

visits as (

    select
        session_key,
        item_id,
        matched_request_id,
        actor_id,
        cast(opened_at as date) as visit_date,
        opening_event_id,
        opening_event_type,
        device,
        surface,
        opened_at,
        last_event_at,
        case when dwell_source = 'next_event' then greatest(last_received_at, next_act_received_at) else last_received_at end
            as last_received_at,
        cast(
            case dwell_source
                when 'reported' then reported_ms
                when 'heartbeats' then heartbeat_ms
                when 'next_event' then next_event_ms
            end as bigint
        ) as active_ms,
        dwell_source,
        heartbeats,
        scroll_depth,
        is_opened,
        is_historical
    from sourced

)
{% endmacro %}
