{#- The rules that every model of the attribution ledger shares. -#}

{#- An event is an outcome if it means something and may be credited to a showing: needs a row of the signal policy. -#}
{% macro is_outcome(policy) -%}
    {{ policy }}.polarity != 'neutral'
    and {{ policy }}.reversal_of is null
    and {{ policy }}.attribution_window_hours > 0
{%- endmacro %}

{#-
    The channel of a touch, for the methods that learn from channels (Markov, Shapley): which decider it was, that is
    model, version and logging policy; not the surface or the position, which the decider does not choose.
-#}
{% macro attribution_channel(touch) -%}
    concat_ws('/', {{ touch }}.model_name, {{ touch }}.model_version, {{ touch }}.policy)
{%- endmacro %}

{#- The methods whose weights are columns of int_attribution_touches (`<method>_weight`); Markov is computed as of each build. -#}
{% macro weighted_methods() -%}
    {{ return(['last', 'first', 'linear', 'time_decay', 'position_based', 'shapley']) }}
{%- endmacro %}

{#- The weights of a touch; 1 under each method for an outcome that has none. -#}
{% macro weights_or_one(touch) -%}
    {% for method in weighted_methods() -%}
        cast(coalesce({{ touch }}.{{ method }}_weight, 1.0) as double) as {{ method }}_weight{{ ", " if not loop.last }}
    {%- endfor %}
{%- endmacro %}

{#- A sum over a window whose bits do not depend on order: as exact_sum, with more places, for numbers of at most a few thousand. -#}
{% macro exact_share_sum(expression) -%}
    sum(cast({{ expression }} as decimal(28, 15)))
{%- endmacro %}

{#- Whether a day can hold what an outcome of this build is credited to: the longest window before the first touched moment. -#}
{% macro within_attribution_reach(day) -%}
    {{ day }} >= {{ known_now(
        ref('int_actors_touched'),
        "coalesce(cast(min(touched_from) as date) - (select cast(ceil(max(attribution_window_hours) / 24) as integer) + 1 from "
        ~ ref('signal_policy') ~ "), date '0001-01-01')"
    ) }}
{%- endmacro %}
