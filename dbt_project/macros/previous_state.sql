{#-
    What the last build left in a table: a query of the named columns, without rows where there was none (a build from
    scratch starts in an empty file). Only for models that run before the model that writes the table.
-#}
{% macro previous_rows(schema, name, columns) -%}
    {%- set found = previous_relation(schema, name) -%}
    select
    {%- for column, type in columns.items() %}
        {{ column if found else "cast(null as " ~ type ~ ") as " ~ column }}{{ "," if not loop.last }}
    {%- endfor %}
    {{ "from " ~ found.include(database=false) if found else "where false" }}
{%- endmacro %}

{#- The table that the last build left under this name, or none. -#}
{% macro previous_relation(schema, name) -%}
    {%- if execute -%}
        {{ return(adapter.get_relation(database=target.database, schema=schema, identifier=name)) }}
    {%- endif -%}
    {{ return(none) }}
{%- endmacro %}

{#-
    Whether this model has run in this build already. A model that reads the previous state must not read it twice: when
    a task is tried again, that state may be this build's own by now.
-#}
{% macro ran_in_this_build() -%}
    {%- if not execute or previous_relation(this.schema, this.identifier) is none -%}
        {{ return(false) }}
    {%- endif -%}
    {%- set found = run_query(
        "select (select max(build_id) from " ~ this.include(database=false) ~ ") = (select build_id from ops.build_plan)"
    ) -%}
    {{ return(found.rows[0][0] or false) }}
{%- endmacro %}

{#- The columns of an event that the log gives, with their types: what is carried from one build to the next. -#}
{% macro logged_event_columns() -%}
    {{ return({
        "event_id": "varchar",
        "event_type": "varchar",
        "event_date": "date",
        "occurred_at": "timestamp",
        "received_at": "timestamp",
        "logged_actor_id": "varchar",
        "user_id": "varchar",
        "anonymous_id": "varchar",
        "session_id": "varchar",
        "item_id": "varchar",
        "request_id": "varchar",
        "order_id": "varchar",
        "reverses_event_id": "varchar",
        "position": "integer",
        "surface": "varchar",
        "dwell_ms": "bigint",
        "scroll_depth": "double",
        "value": "double",
        "currency": "varchar",
        "quantity": "bigint",
        "rating": "double",
        "query": "varchar",
        "device": "varchar",
        "is_bot": "boolean",
        "is_historical": "boolean",
        "source_file": "varchar",
        "source_line": "bigint",
    }) }}
{%- endmacro %}

{#- The events of the last build: what the log gives, and what that build made of it. -#}
{% macro previous_events() -%}
    {{ previous_rows('marts', 'fct_events', dict(
        logged_event_columns(),
        actor_id='varchar', session_key='varchar', matched_request_id='varchar', matched_item_id='varchar'
    )) }}
{%- endmacro %}
