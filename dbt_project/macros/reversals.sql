{#- The columns of a reversal that decide whose events it takes back and how much, with their types. -#}
{% macro reversal_columns(owner=false) -%}
    {%- set columns = {
        "event_id": "varchar",
        "event_type": "varchar",
        "reversal_of": "varchar",
        "actor_id": "varchar",
        "item_id": "varchar",
        "order_id": "varchar",
        "reverses_event_id": "varchar",
        "occurred_at": "timestamp",
        "received_at": "timestamp",
        "quantity": "bigint",
        "value": "double",
        "currency": "varchar",
    } -%}
    {{ return(dict(columns, owner_id="varchar") if owner else columns) }}
{%- endmacro %}
