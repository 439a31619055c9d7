{#- One row a moment for which examination curves are needed: the build's own, and the start of its holdout. -#}
{% macro bias_moments() -%}
    select build_plan.as_of as moment
    from {{ source('ops', 'build_plan') }} as build_plan

    union

    select build_plan.holdout_start as moment
    from {{ source('ops', 'build_plan') }} as build_plan
{%- endmacro %}

{#-
    Whether a day counts for a moment's curve: within the trailing window, its clicks mature, and what is counted known
    by the end of the day before. Whole days, so that sums by day serve every moment. Needs the relations `moments` and
    `maturity` (click_hours) in the calling query.
-#}
{% macro in_bias_window(impression_date, known_on) -%}
    {{ known_on }} < cast(moments.moment as date)
    and {{ impression_date }} >= cast(moments.moment as date) - {{ var('bias_window_days') }}
    and {{ seconds_between('cast(' ~ impression_date ~ ' as timestamp)', 'moments.moment') }}
    >= (24 + maturity.click_hours) * 3600
{%- endmacro %}
