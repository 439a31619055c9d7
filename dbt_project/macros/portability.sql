{#-
    The handful of expressions that differ between SQL engines. Models call these, so that the same models can run
    elsewhere by adding one `<adapter>__` macro each.
-#}

{#- Seconds from `earlier` to `later`, with fractions. -#}
{% macro seconds_between(earlier, later) -%}
    {{ return(adapter.dispatch('seconds_between')(earlier, later)) }}
{%- endmacro %}

{% macro duckdb__seconds_between(earlier, later) -%}
    (epoch_us({{ later }}) - epoch_us({{ earlier }})) / 1000000.0
{%- endmacro %}

{#- A stable text key made of several columns; nulls count as empty text. -#}
{% macro text_key(columns) -%}
    {{ return(adapter.dispatch('text_key')(columns)) }}
{%- endmacro %}

{% macro duckdb__text_key(columns) -%}
    md5(concat_ws('|', {% for column in columns %}coalesce(cast({{ column }} as varchar), ''){{ ", " if not loop.last }}{% endfor %}))
{%- endmacro %}

{#- The latest row of `right_side` not after `left_side`'s time, by equal keys: see DuckDB's ASOF join. -#}
{% macro asof_left_join() -%}
    {{ return(adapter.dispatch('asof_left_join')()) }}
{%- endmacro %}

{% macro duckdb__asof_left_join() -%}
    asof left join
{%- endmacro %}

{#- One row for each whole number from `first` to `last`, as a column of the query it stands in; none where first > last. -#}
{% macro whole_numbers(first, last) -%}
    {{ return(adapter.dispatch('whole_numbers')(first, last)) }}
{%- endmacro %}

{% macro duckdb__whole_numbers(first, last) -%}
    unnest(range({{ first }}, {{ last }} + 1))
{%- endmacro %}
