{#- One value of this build's plan (one row, written by the planner before dbt starts), as a scalar subquery. -#}
{% macro planned(column) -%}
    (select build_plan.{{ column }} from {{ source('ops', 'build_plan') }} as build_plan)
{%- endmacro %}

{#-
    Pre-hook of the models that keep history: forget the window that this build writes again. A null window start
    means a build from scratch, in which there is nothing to forget.
-#}
{% macro forget_window(date_column) -%}
    {% if is_incremental() -%}
        delete from {{ this }} where {{ date_column }} >= {{ planned('window_start') }}
    {%- endif %}
{%- endmacro %}
