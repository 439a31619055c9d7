{# Fails for every outcome whose shares do not add up to one. #}
{% test credit_is_conserved(model, keys, share) %}

    select
        {{ keys | join(', ') }},
        sum({{ share }}) as shares
    from {{ model }}
    group by {{ keys | join(', ') }}
    having abs(sum({{ share }}) - 1) > 1e-9

{% endtest %}
