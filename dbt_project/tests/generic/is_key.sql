{# Fails for every value of the key that occurs more than once, and where a part of it is missing: one reading of the table. #}
{% test is_key(model, column_name=none, columns=none) %}

    {%- set key = columns or [column_name] %}

    select
        {{ key | join(', ') }},
        count(*) as occurrences
    from {{ model }}
    group by {{ key | join(', ') }}
    having
        count(*) > 1
        or {{ key | join(' is null or ') }} is null

{% endtest %}
