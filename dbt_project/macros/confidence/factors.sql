{#- The factors of one piece of evidence. Every one is a column of `fct_evidence`. -#}

{#- What is left after `age_days`, of evidence that halves every `half_life_days`. -#}
{% macro recency_factor(age_days, half_life_days) -%}
    pow(2.0, -greatest({{ age_days }}, 0.0) / {{ half_life_days }})
{%- endmacro %}

{#-
    How strongly a statement speaks, whatever its sign: a rating by its distance from the middle (3 and more is liked:
    5 is 1, 3 is .2; below it 1 is two thirds, 0 is 1), a return by the share of the purchase that it takes back.
-#}
{% macro signal_strength(strength_rule, rating, reversed_share) -%}
    case {{ strength_rule }}
        when 'rating_value'
            then least(1.0, greatest(0.0, case
                when {{ rating }} >= 3 then ({{ rating }} - 2.5) / 2.5
                else (3.0 - {{ rating }}) / 3.0
            end))
        when 'reversed_share' then coalesce({{ reversed_share }}, 0.0)
        else 1.0
    end
{%- endmacro %}

{#-
    What a visit's engaged time says: half of it read against what is usual for items of that length on that device (the
    normal distribution's share below z, logistic to 1 %), half on an absolute scale from 10 seconds (0) to 5 minutes
    (1), logarithmic. Doubled, so that an ordinary visit of a minute is 1; within [dwell_factor_min, 2]. An unknown time
    counts as the usual time of its class, and where not even that is known as 1.
-#}
{% macro engaged_time_factor(active_ms, z, usual_log_s) -%}
    greatest({{ var('dwell_factor_min') }}, case
        when {{ active_ms }} is null and {{ usual_log_s }} is null then 1.0
        when {{ active_ms }} is null then 0.5 + {{ attention_share(usual_log_s) }}
        when {{ z }} is null then 2.0 * {{ attention_share(log_seconds(active_ms)) }}
        else 1.0 / (1.0 + exp(-1.702 * {{ z }})) + {{ attention_share(log_seconds(active_ms)) }}
    end)
{%- endmacro %}

{#- Where a time lies between 10 seconds (0) and 5 minutes (1), by its logarithm. -#}
{% macro attention_share(log_s) -%}
    least(1.0, greatest(0.0, ({{ log_s }} - ln(10.0)) / (ln(300.0) - ln(10.0))))
{%- endmacro %}

{#- One over the chance that the place was looked at, clipped; 1 where the chance is not known. -#}
{% macro inverse_examination(examination) -%}
    least(
        {{ var('examination_cap') }},
        greatest(1.0, 1.0 / greatest(coalesce({{ examination }}, 1.0), 0.000001))
    )
{%- endmacro %}

{#-
    Signed confidence (Hu, Koren and Volinsky 2008, with dislikes as negative confidence): 1 + alpha (P - N) where P is
    greater, else -(1 + beta (N - P)), clipped. Evenly balanced is -1, which is what an unobserved pair means to the
    trainer: not liked, with confidence 1. `like_scale` (popularity) weighs likes and never turns one around.
-#}
{% macro signed_confidence(positive, negative, like_scale) -%}
    case
        when {{ positive }} > {{ negative }}
            then least(
                {{ var('confidence_max') }},
                1 + {{ var('confidence_alpha') }} * {{ like_scale }} * ({{ positive }} - {{ negative }})
            )
        else greatest(
            -{{ var('confidence_max') }},
            -(1 + {{ var('confidence_beta') }} * ({{ negative }} - {{ positive }}))
        )
    end
{%- endmacro %}
