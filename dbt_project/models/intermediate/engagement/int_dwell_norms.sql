-- Log-normal norms of active time (Yi et al., RecSys 2014). A class (length and device) with few visits leans on those of
-- its length, and a length with few on all visits; n0 visits' worth of trust goes to the wider group:
--     mu      = (sum of log seconds + n0 * mu of the wider group) / (n + n0)
--     sigma^2 = (squares about the own mean + n0 * sigma^2 of the wider group) / (max(n - 1, 0) + n0)
{% set n0 = var('dwell_prior_visits') -%}
with

bots as (

    select * from {{ ref('int_bot_actors') }}

),

items as (

    select * from {{ ref('dim_items') }}

),

-- For the dataset and for the training fold of its time split, each by what was known at its moment.
{% for moment in ['as_of', 'holdout_start'] %}
    {{ moment }}_visits as (

        select
            {{ planned(moment) }} as moment,
            {{ length_bucket('items.expected_dwell_s') }} as length_bucket,
            coalesce(visits.device, 'unknown') as device,
            {{ log_seconds('visits.active_ms') }} as log_s
        from (
            {{ visits_known(planned(moment)) }}
        ) as visits
        left join items on visits.item_id = items.item_id
        left join bots
            on
                visits.actor_id = bots.actor_id
                and bots.first_flagged_on < cast({{ planned(moment) }} as date)
        where
            visits.visit_date >= cast({{ planned(moment) }} as date) - {{ var('dwell_window_days') }}
            and visits.is_opened
            and visits.active_ms > 0
            and bots.actor_id is null

    ),

{% endfor %}
moments as (

    select {{ planned('as_of') }} as moment

    union

    select {{ planned('holdout_start') }} as moment

),

visits as (

    select * from as_of_visits

    union all

    select * from holdout_start_visits
    where {{ planned('holdout_start') }} != {{ planned('as_of') }}

),

class_sums as (

    select
        moment,
        length_bucket,
        device,
        count(*) as visits,
        {{ exact_sum('log_s') }} as total,
        {{ exact_sum('log_s * log_s') }} as squares
    from visits
    group by
        moment,
        length_bucket,
        device

),

length_sums as (

    select
        moment,
        length_bucket,
        cast(sum(visits) as bigint) as visits,
        {{ exact_sum('total') }} as total,
        {{ exact_sum('squares') }} as squares
    from class_sums
    group by
        moment,
        length_bucket

),

all_sums as (

    select
        moment,
        cast(sum(visits) as bigint) as visits,
        {{ exact_sum('total') }} as total,
        {{ exact_sum('squares') }} as squares
    from length_sums
    group by moment

),

all_norms as (

    select
        all_sums.moment,
        all_sums.total / all_sums.visits as mu,
        {{ squares_about_mean('all_sums') }} / nullif(all_sums.visits - 1, 0) as variance
    from all_sums

),

buckets as (

    {% for bucket in length_buckets() %}
        select '{{ bucket }}' as length_bucket
        {% if not loop.last %} union all {% endif %}
    {% endfor %}

),

devices as (

    {% for device in dwell_devices() %}
        select '{{ device }}' as device
        {% if not loop.last %} union all {% endif %}
    {% endfor %}

),

-- Every length and every class has norms, so that the first visit of its kind finds some.
length_norms as (

    select
        moments.moment,
        buckets.length_bucket,
        (coalesce(length_sums.total, 0) + {{ n0 }} * all_norms.mu) / (coalesce(length_sums.visits, 0) + {{ n0 }}) as mu,
        ({{ squares_about_mean('length_sums') }} + {{ n0 }} * all_norms.variance)
        / (greatest(coalesce(length_sums.visits, 0) - 1, 0) + {{ n0 }}) as variance
    from moments
    cross join buckets
    left join all_norms on moments.moment = all_norms.moment
    left join length_sums
        on
            moments.moment = length_sums.moment
            and buckets.length_bucket = length_sums.length_bucket

),

norms as (

    select
        length_norms.moment,
        length_norms.length_bucket,
        devices.device,
        coalesce(class_sums.visits, 0) as visits,
        (coalesce(class_sums.total, 0) + {{ n0 }} * length_norms.mu) / (coalesce(class_sums.visits, 0) + {{ n0 }}) as mu,
        sqrt(
            ({{ squares_about_mean('class_sums') }} + {{ n0 }} * length_norms.variance)
            / (greatest(coalesce(class_sums.visits, 0) - 1, 0) + {{ n0 }})
        ) as sigma,
        class_sums.total / class_sums.visits as class_mean,
        sqrt({{ squares_about_mean('class_sums') }} / nullif(class_sums.visits - 1, 0)) as class_deviation
    from length_norms
    cross join devices
    left join class_sums
        on
            length_norms.moment = class_sums.moment
            and length_norms.length_bucket = class_sums.length_bucket
            and devices.device = class_sums.device

)

select * from norms
