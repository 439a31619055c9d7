{# Fails for every row in which one of the columns (a comma-separated list) is missing: one reading of the table for all. #}
{% test none_missing(model, columns) %}

    select *
    from {{ model }}
    where {{ columns.split(',') | map('trim') | join(' is null or ') }} is null

{% endtest %}
