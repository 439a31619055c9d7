{#- One value of this build's plan (one row, written by the planner before dbt starts). -#}
{% macro planned(column) -%}
    {{ known_now(source('ops', 'build_plan'), column) }}
{%- endmacro %}

{#-
    What an expression over a table that is complete by now gives, as a literal. A filter on a literal reaches the scan,
    and the planner can tell how much it keeps; behind a scalar subquery it guesses, and builds hash tables of millions of
    rows to look up a few. Where the table is not there to be asked (parsing, unit tests, `dbt compile`) it is the subquery.
-#}
{% macro known_now(relation, expression) -%}
    {%- set query = "select " ~ expression ~ " from " ~ relation -%}
    {%- if not execute or "__dbt__cte__" in relation | string or load_relation(relation.include(database=true)) is none -%}
        ({{ query }})
    {%- else -%}
        {%- set value = run_query(
            "select cast(value as varchar) as value, typeof(value) as type from (" ~ query ~ ") as known(value)"
        ).rows[0] -%}
        cast({{ "null" if value[0] is none else "'" ~ value[0] ~ "'" }} as {{ value[1] }})
    {%- endif -%}
{%- endmacro %}
