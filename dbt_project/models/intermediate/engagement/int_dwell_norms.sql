-- Log-normal norms of active time (Yi et al., RecSys 2014), drawn towards those of all visits where a class has few:
--     mu      = (n * mean + n0 * mean of all) / (n + n0)
--     sigma^2 = (squares about the mean + n0 * variance of all) / (max(n - 1, 0) + n0)
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
    from {{ ref('int_item_visits') }} as visits
    left join items on visits.item_id = items.item_id
    left join bots on visits.actor_id = bots.actor_id
    where
        visits.visit_date >= cast({{ planned(moment) }} as date) - {{ var('dwell_window_days') }}
        and visits.opened_at < {{ planned(moment) }}
        and visits.last_received_at < {{ planned(moment) }}
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

global_means as (

    select
        moment,
        count(*) as visits,
        {{ exact_sum('log_s') }} / count(*) as mean
    from visits
    group by moment

),

global_norms as (

    select
        means.moment,
        means.mean,
        {{ exact_sum('(visits.log_s - means.mean) * (visits.log_s - means.mean)') }} / nullif(means.visits - 1, 0)
            as variance
    from visits
    inner join global_means as means on visits.moment = means.moment
    group by
        means.moment,
        means.mean,
        means.visits

),

class_means as (

    select
        moment,
        length_bucket,
        device,
        count(*) as visits,
        {{ exact_sum('log_s') }} / count(*) as mean
    from visits
    group by
        moment,
        length_bucket,
        device

),

class_norms as (

    select
        means.moment,
        means.length_bucket,
        means.device,
        means.visits,
        means.mean,
        {{ exact_sum('(visits.log_s - means.mean) * (visits.log_s - means.mean)') }} as squares
    from visits
    inner join class_means as means
        on
            visits.moment = means.moment
            and visits.length_bucket = means.length_bucket
            and visits.device = means.device
    group by
        means.moment,
        means.length_bucket,
        means.device,
        means.visits,
        means.mean

),

-- Every class, so that a first visit of its kind finds the norms of all visits.
classes as (

    select
        moments.moment,
        buckets.length_bucket,
        devices.device
    from moments
    cross join (
        {%- for bucket in length_buckets() %}
            select '{{ bucket }}' as length_bucket
            {{ "union all" if not loop.last }}
        {%- endfor %}
    ) as buckets
    cross join (
        {%- for device in dwell_devices() %}
            select '{{ device }}' as device
            {{ "union all" if not loop.last }}
        {%- endfor %}
    ) as devices

),

norms as (

    select
        classes.moment,
        classes.length_bucket,
        classes.device,
        coalesce(class_norms.visits, 0) as visits,
        (coalesce(class_norms.visits * class_norms.mean, 0) + {{ var('dwell_prior_visits') }} * global_norms.mean)
        / (coalesce(class_norms.visits, 0) + {{ var('dwell_prior_visits') }}) as mu,
        sqrt(
            (coalesce(class_norms.squares, 0) + {{ var('dwell_prior_visits') }} * global_norms.variance)
            / (greatest(coalesce(class_norms.visits, 0) - 1, 0) + {{ var('dwell_prior_visits') }})
        ) as sigma,
        class_norms.mean as class_mean,
        sqrt(class_norms.squares / nullif(class_norms.visits - 1, 0)) as class_deviation
    from classes
    left join global_norms on classes.moment = global_norms.moment
    left join class_norms
        on
            classes.moment = class_norms.moment
            and classes.length_bucket = class_norms.length_bucket
            and classes.device = class_norms.device

)

select * from norms
