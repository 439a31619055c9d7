{#-
    The three states of an impression as known at a moment:

        engaged      an engagement of its own that still stands
        skipped      seen and passed over: a sign of its own (reported in view, swiped away, hidden), or something below
                     it was engaged with and people do look at this position
        unexamined   anything else: nobody can say that it was seen, so that it speaks neither for nor against

    `examination` is the curve's probability of being looked at, relative to position 1 (from `examination_at`); where
    it is null (refused), the position rule holds alone. Under `examination_threshold` an engagement further down is
    no sign that this position was looked at. Needs the relations `outcomes` (one row an impression with an outcome)
    and `requests` (from `deepest_engaged`) in the calling query.
-#}
{% macro impression_state(impression, moment, examination='null') -%}
    case
        when outcomes.first_engaged_at < {{ moment }} then 'engaged'
        when outcomes.first_seen_at < {{ moment }} then 'skipped'
        when
            {{ impression }}.position < requests.deepest_engaged_position
            and ({{ examination }} is null or {{ examination }} >= {{ var('examination_threshold') }})
            then 'skipped'
        else 'unexamined'
    end
{%- endmacro %}

{#- One row a surface and position: the examination curve as known at a moment, as_of or holdout_start. -#}
{% macro examination_at(moment) -%}
    select
        surface,
        position,
        examination
    from {{ ref('int_examination_curve') }}
    where moment = {{ moment }}
{%- endmacro %}

{#- One row a request with an engagement known at the moment: how far down the list people engaged. -#}
{% macro deepest_engaged(moment) -%}
    select
        request_id,
        impression_date,
        max(position) as deepest_engaged_position
    from {{ ref('fct_impression_outcomes') }}
    where first_engaged_at < {{ moment }}
    group by
        request_id,
        impression_date
{%- endmacro %}
