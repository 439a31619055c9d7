{#-
    The three states of an impression as known at a moment: engaged; seen and skipped (an event of its own proves that
    it was seen, or something below it was engaged with); unexamined. Needs the relations `outcomes` (one row an
    impression with an outcome) and `requests` (from `deepest_engaged`) in the calling query.
-#}
{% macro impression_state(impression, moment) -%}
    case
        when outcomes.first_engaged_at < {{ moment }} then 'engaged'
        when outcomes.first_seen_at < {{ moment }} then 'skipped'
        when {{ impression }}.position < requests.deepest_engaged_position then 'skipped'
        else 'unexamined'
    end
{%- endmacro %}

{#- One row a request with an engagement known at the moment: how far down the list people engaged. -#}
{% macro deepest_engaged(moment) -%}
    select
        request_id,
        max(position) as deepest_engaged_position
    from {{ ref('fct_impression_outcomes') }}
    where first_engaged_at < {{ moment }}
    group by request_id
{%- endmacro %}
