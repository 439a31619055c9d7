{#- What kind of device a user agent tells of; null where there is none. -#}
{% macro device_of(user_agent) -%}
    case
        when {{ user_agent }} is null then null
        when regexp_matches(lower({{ user_agent }}), 'ipad|tablet') then 'tablet'
        when regexp_matches(lower({{ user_agent }}), 'mobi|iphone|android') then 'mobile'
        when regexp_matches(lower({{ user_agent }}), 'windows|macintosh|x11|linux|cros') then 'desktop'
        else 'other'
    end
{%- endmacro %}
