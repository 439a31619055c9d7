{# Fails for every row for which the law is false or unknown. #}
{% test row_law(model, law) %}

    select *
    from {{ model }}
    where not coalesce({{ law }}, false)

{% endtest %}
