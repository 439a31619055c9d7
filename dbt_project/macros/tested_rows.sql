{#-
    dbt's hook for what a data test reads. A test's `where` may say, besides SQL:
    __first_changed_day__   a continued build tests from this day on, a build from scratch everything;
    __from_scratch__        only a build from scratch tests it: a law that the SQL alone could break, and changed SQL means
                            a build from scratch.
-#}
{% macro get_where_subquery(relation) -%}
    {%- set where = config.get('where') or '' -%}
    {%- if '__first_changed_day__' in where or '__from_scratch__' in where -%}
        {%- set day = first_changed_day() -%}
        {%- if day is none -%}
            {{ return(relation) }}
        {%- endif -%}
        {%- set where = where | replace('__first_changed_day__', "date '" ~ day ~ "'") | replace('__from_scratch__', 'false') -%}
    {%- endif -%}
    {{ return('(select * from ' ~ relation ~ ' where ' ~ where ~ ') as tested_rows' if where else relation) }}
{%- endmacro %}

{#- The first day whose lines changed since the last build; none on a build from scratch. -#}
{% macro first_changed_day() -%}
    {%- if not execute or previous_relation('ops', 'build_plan') is none -%}
        {{ return(none) }}
    {%- endif -%}
    {{ return(run_query('select window_start from ops.build_plan').rows[0][0]) }}
{%- endmacro %}
