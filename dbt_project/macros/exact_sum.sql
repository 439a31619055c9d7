{#-
    A sum whose bits do not depend on the order in which threads add up: fixed point with nine decimals, then double.
    Datasets are promised to be reproducible byte for byte; a plain sum of doubles is not.
-#}
{% macro exact_sum(expression, where=none) -%}
    cast(coalesce(sum(cast({{ expression }} as decimal(28, 9))){% if where %} filter (where {{ where }}){% endif %}, 0) as double)
{%- endmacro %}
