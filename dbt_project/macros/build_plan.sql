{#- One value of this build's plan (one row, written by the planner before dbt starts), as a scalar subquery. -#}
{% macro planned(column) -%}
    (select build_plan.{{ column }} from {{ source('ops', 'build_plan') }} as build_plan)
{%- endmacro %}
