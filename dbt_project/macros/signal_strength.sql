{#-
    How strong one event is as evidence, before recency: needs the relations `policy` and `taken_back` in the calling
    query. One rule for what a model learns from and for what it is tested on.
-#}

{#- The policy's weight of what was not taken back; a rating counts by its distance from the middle. -#}
{% macro signal_weight(event) -%}
    policy.weight
    * (1.0 - coalesce(taken_back.reversed_share, 0.0))
    * case
        when policy.strength_rule = 'rating_value' then abs({{ event }}.rating - 2.5) / 2.5
        else 1.0
    end
{%- endmacro %}

{#- Engaged time against half a minute, logarithmic, within [0.05, 2]; 1 where it is not known or does not matter. -#}
{% macro dwell_factor(event) -%}
    case
        when policy.strength_rule != 'engaged_time' or {{ event }}.dwell_ms is null then 1.0
        else least(2.0, greatest(0.05, ln(1.0 + {{ event }}.dwell_ms / 1000.0) / ln(31.0)))
    end
{%- endmacro %}
