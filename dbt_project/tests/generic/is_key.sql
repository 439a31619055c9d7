{# Fails for every value of the column that occurs more than once, and where it is missing: one reading of the table for both. #}
{% test is_key(model, column_name) %}

    select
        {{ column_name }},
        count(*) as occurrences
    from {{ model }}
    group by {{ column_name }}
    having
        count(*) > 1
        or {{ column_name }} is null

{% endtest %}
