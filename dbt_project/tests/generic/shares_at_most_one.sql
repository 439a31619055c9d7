{# Fails for every group whose shares, in nine decimals, sum to more than one; or, exactly, to anything but one. #}
{% test shares_at_most_one(model, share, by, exactly=false) %}

    select
        {{ by }},
        sum(cast({{ share }} as decimal(28, 9))) as total
    from {{ model }}
    where {{ by }} is not null
    group by {{ by }}
    having sum(cast({{ share }} as decimal(28, 9))) {{ "!=" if exactly else ">" }} 1

{% endtest %}
