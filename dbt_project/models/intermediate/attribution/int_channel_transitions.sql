-- Paths of the trailing window, added up to how often one channel follows another: all that a first-order chain needs.
{%- set since -%}
    {{ planned('as_of') }} - interval '{{ var("markov_window_days") }} days'
{%- endset %}
{#- Large logs: every so-manieth person, whole, so that paths stay whole and both kinds thin out alike. -#}
{%- set parts = known_now(
    ref('int_impressions'),
    "cast(greatest(1, ceil(count(*) filter (where impression_date >= cast(" ~ since ~ " as date)) / "
    ~ var('markov_max_showings') ~ ")) as bigint)"
) %}
with

bots as (

    select actor_id from {{ ref('int_bot_actors') }}

),

people as (

    select actor_id
    from {{ ref('int_impressions_resolved') }}
    where impression_date >= cast({{ since }} as date)

    union

    select actor_id
    from {{ ref('int_attribution_outcomes') }}
    where event_date >= cast({{ since }} as date)

),

sample as (

    select people.actor_id
    from people
    left join bots on people.actor_id = bots.actor_id
    where
        bots.actor_id is null
        and ({{ parts }} = 1 or {{ bucket_of('people.actor_id', parts, 'markov') }} = 0)

),

showings as (

    select
        impressions.actor_id,
        impressions.item_id,
        impressions.request_id,
        impressions.occurred_at,
        {{ attribution_channel('impressions') }} as channel
    from {{ ref('int_impressions_resolved') }} as impressions
    inner join sample on impressions.actor_id = sample.actor_id
    where
        impressions.impression_date >= cast({{ since }} as date)
        and impressions.occurred_at >= {{ since }}

),

numbered as (

    select
        actor_id,
        item_id,
        channel,
        row_number() over (
            partition by actor_id, item_id order by occurred_at desc, request_id
        ) as number_from_the_end,
        lead(channel) over (
            partition by actor_id, item_id order by occurred_at desc, request_id
        ) as earlier_channel
    from showings

),

shown_steps as (

    select
        actor_id,
        item_id,
        channel,
        number_from_the_end = 1 as is_last,
        case when number_from_the_end < {{ var('attribution_max_touches') }} then earlier_channel end
            as previous_channel
    from numbered
    where number_from_the_end <= {{ var('attribution_max_touches') }}

),

outcomes as (

    select outcomes.*
    from {{ ref('int_attribution_outcomes') }} as outcomes
    inner join sample on outcomes.actor_id = sample.actor_id
    where
        outcomes.event_date >= cast({{ since }} as date)
        and outcomes.outcome_at >= {{ since }}

),

outcome_steps as (

    select
        outcome_type,
        channel,
        touch_number = touches as is_last,
        lag(channel) over (
            partition by outcome_event_id, outcome_type order by touch_number
        ) as previous_channel
    from outcomes
    where touches > 0

),

converted_pairs as (

    select distinct
        outcome_type,
        actor_id,
        item_id
    from outcomes

),

outcome_types as (

    select distinct outcome_type from converted_pairs

),

shown_counts as (

    select
        channel,
        previous_channel,
        is_last,
        count(*) as paths
    from shown_steps
    group by
        channel,
        previous_channel,
        is_last

),

-- A path without the outcome ends in null: all shown pairs, less those that had it.
steps as (

    select
        outcome_type,
        channel,
        previous_channel,
        is_last,
        'conversion' as ending,
        1 as paths
    from outcome_steps

    union all

    select
        outcome_types.outcome_type,
        shown_counts.channel,
        shown_counts.previous_channel,
        shown_counts.is_last,
        'null' as ending,
        shown_counts.paths
    from outcome_types
    cross join shown_counts

    union all

    select
        converted_pairs.outcome_type,
        shown_steps.channel,
        shown_steps.previous_channel,
        shown_steps.is_last,
        'null' as ending,
        -1 as paths
    from converted_pairs
    inner join shown_steps
        on
            converted_pairs.actor_id = shown_steps.actor_id
            and converted_pairs.item_id = shown_steps.item_id

),

transitions as (

    select
        outcome_type,
        coalesce(previous_channel, '(start)') as from_channel,
        channel as to_channel,
        paths
    from steps

    union all

    select
        outcome_type,
        channel as from_channel,
        '(' || ending || ')' as to_channel,
        paths
    from steps
    where is_last

)

select
    outcome_type,
    from_channel,
    to_channel,
    cast(sum(paths) as bigint) as paths
from transitions
group by
    outcome_type,
    from_channel,
    to_channel
having sum(paths) > 0
