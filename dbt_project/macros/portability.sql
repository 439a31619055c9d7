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

{#- A stable whole number made of several columns; nulls count as empty text. For grouping, never to be read. -#}
{% macro number_key(columns) -%}
    {{ return(adapter.dispatch('number_key')(columns)) }}
{%- endmacro %}

{% macro duckdb__number_key(columns) -%}
    cast(hash(concat_ws('|', {% for column in columns %}coalesce(cast({{ column }} as varchar), ''){{ ", " if not loop.last }}{% endfor %})) >> 1 as bigint)
{%- endmacro %}

{#-
    Of several rows the text at the earliest moment; of two in the same instant always the same one. Nulls do not count.
-#}
{% macro earliest_of(text, moment) -%}
    {{ return(adapter.dispatch('earliest_of')(text, moment)) }}
{%- endmacro %}

{#- By one number: a row to sort by is kept outside of the memory that can spill. -#}
{% macro duckdb__earliest_of(text, moment) -%}
    arg_min({{ text }}, cast(epoch_us({{ moment }}) as hugeint) * 9223372036854775808 + {{ number_key([text]) }})
{%- endmacro %}

{#- A field of a JSON text, as text; null where there is none. -#}
{% macro json_text(column, field) -%}
    {{ return(adapter.dispatch('json_text')(column, field)) }}
{%- endmacro %}

{% macro duckdb__json_text(column, field) -%}
    json_extract_string({{ column }}, '$.{{ field }}')
{%- endmacro %}

{#- One row for each whole number from `first` to `last`, as a column of the query it stands in; none where first > last. -#}
{% macro whole_numbers(first, last) -%}
    {{ return(adapter.dispatch('whole_numbers')(first, last)) }}
{%- endmacro %}

{% macro duckdb__whole_numbers(first, last) -%}
    unnest(range({{ first }}, {{ last }} + 1))
{%- endmacro %}

{#- Which of `buckets` equal parts a text falls into, 0 first: always the same one, and a different cut for each salt. -#}
{% macro bucket_of(text, buckets, salt) -%}
    {{ return(adapter.dispatch('bucket_of')(text, buckets, salt)) }}
{%- endmacro %}

{#- md5, because DuckDB's own hash is correlated across salts and may change between versions. -#}
{% macro duckdb__bucket_of(text, buckets, salt) -%}
    cast(md5_number_upper(concat('{{ salt }}', {{ text }})) % cast({{ buckets }} as ubigint) as bigint)
{%- endmacro %}

{#- One row for each element of a list, as a column of the query it stands in. In the select list: DuckDB joins a lateral one. -#}
{% macro each_of(list) -%}
    {{ return(adapter.dispatch('each_of')(list)) }}
{%- endmacro %}

{% macro duckdb__each_of(list) -%}
    unnest({{ list }})
{%- endmacro %}

{#- The shown items of one request without repetitions; positions rise (the contract), so the first showing is the best. -#}
{% macro first_showings(items) -%}
    {{ return(adapter.dispatch('first_showings')(items)) }}
{%- endmacro %}

{% macro duckdb__first_showings(items) -%}
    case
        when len({{ items }}) = len(list_distinct(list_transform({{ items }}, lambda shown: shown.item_id))) then {{ items }}
        else list_filter(
            {{ items }},
            lambda shown, place: list_position(
                list_transform({{ items }}, lambda other: other.item_id), shown.item_id
            ) = place
        )
    end
{%- endmacro %}
