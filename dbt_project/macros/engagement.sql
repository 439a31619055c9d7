{#-
    What kind of device a user agent tells of; null where there is none. A browser on Android says "Mobile" unless it runs
    on a tablet; an app need not. Televisions and consoles name the system that they run on, so they come first.
-#}
{% macro device_of(user_agent) -%}
    case
        when {{ user_agent }} is null then null
        when regexp_matches(
            lower({{ user_agent }}), 'smart-?tv|apple ?tv|google ?tv|android ?tv|hbbtv|tvos|roku|crkey|playstation|xbox|nintendo'
        ) then 'other'
        when regexp_matches(lower({{ user_agent }}), 'ipad|tablet|kindle') then 'tablet'
        when regexp_matches(lower({{ user_agent }}), 'mobi|iphone|ipod') then 'mobile'
        when regexp_matches(lower({{ user_agent }}), '^mozilla.*android') then 'tablet'
        when regexp_matches(lower({{ user_agent }}), 'android') then 'mobile'
        when regexp_matches(lower({{ user_agent }}), 'windows|macintosh|x11|linux|cros') then 'desktop'
        else 'other'
    end
{%- endmacro %}

{#- How long an item is meant to take: the classes within which times are compared. -#}
{% macro length_bucket(expected_dwell_s) -%}
    case
        when {{ expected_dwell_s }} < 15 then 'under_15s'
        when {{ expected_dwell_s }} < 30 then '15s_to_30s'
        when {{ expected_dwell_s }} < 60 then '30s_to_60s'
        when {{ expected_dwell_s }} < 180 then '60s_to_180s'
        when {{ expected_dwell_s }} >= 180 then 'from_180s'
        else 'unknown'
    end
{%- endmacro %}

{#- The classes of `length_bucket`, and the devices that norms are kept for. -#}
{% macro length_buckets() -%}
    {{ return(['under_15s', '15s_to_30s', '30s_to_60s', '60s_to_180s', 'from_180s', 'unknown']) }}
{%- endmacro %}

{% macro dwell_devices() -%}
    {{ return(['mobile', 'tablet', 'desktop', 'other', 'unknown']) }}
{%- endmacro %}

{#- Active time on the scale on which it is normal (Yi et al., RecSys 2014). Under a tenth of a second clocks are read, not items. -#}
{% macro log_seconds(active_ms) -%}
    ln(case when {{ active_ms }} < 100 then 100 else {{ active_ms }} end / 1000.0)
{%- endmacro %}

{#-
    How many standard deviations longer than usual, for items of that length on that device: needs a row of
    `int_dwell_norms` under the alias. Null where the time is not known or nothing is known of usual times.
-#}
{% macro dwell_z(active_ms, norms) -%}
    ({{ log_seconds(active_ms) }} - {{ norms }}.mu) / nullif({{ norms }}.sigma, 0)
{%- endmacro %}

{#- Sum of squared deviations from the mean, of a relation with visits, total and squares; 0 where it has no visit. -#}
{% macro squares_about_mean(sums) -%}
    coalesce(greatest(round({{ sums }}.squares - {{ sums }}.total * {{ sums }}.total / {{ sums }}.visits, 6), 0), 0)
{%- endmacro %}

{#- Opened and left at once. A time that is not known is no bounce. -#}
{% macro is_bounce(is_opened, active_ms) -%}
    coalesce({{ is_opened }} and {{ active_ms }} < {{ var('bounce_s') }} * 1000, false)
{%- endmacro %}

{#- Half a minute (Kim et al., WSDM 2014), or at least the usual time for its length and device; never a bounce. -#}
{% macro is_satisfied(active_ms, z) -%}
    coalesce(
        {{ active_ms }} >= {{ var('bounce_s') }} * 1000
        and ({{ active_ms }} >= {{ var('satisfied_s') }} * 1000 or coalesce({{ z }} >= 0, false)),
        false
    )
{%- endmacro %}

{#-
    Clicked, left early also by the standards of its length and device, not scrolled past the middle, and nothing came of
    it. A time that is not known is no clickbait; where nothing is known of usual times, the seconds decide.
-#}
{% macro is_clickbait(is_clicked, active_ms, expected_dwell_s, z, scroll_depth, is_followed_up) -%}
    coalesce(
        {{ is_clicked }}
        and {{ active_ms }} / 1000.0
        < least({{ var('clickbait_s') }}, coalesce({{ expected_dwell_s }} / 2.0, {{ var('clickbait_s') }}))
        and coalesce({{ z }} < 0, true)
        and coalesce({{ scroll_depth }}, 0) <= 0.5
        and not coalesce({{ is_followed_up }}, false),
        false
    )
{%- endmacro %}
