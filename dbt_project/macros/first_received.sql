{#-
    The counted copy of each key: first received wins, a pure function of raw whatever the order in which files arrived.
    CTEs up to `first_copies`, which has the columns of `raw_lines`; of a continued build only the keys in `changed`.
    Few keys come twice: only their copies are put in order, so that nothing sorts whole rows. The narrow `numbered` reads
    the lines itself, because a CTE that two others read is materialised with all its columns.
-#}
{% macro first_received(raw_lines, changed, key) -%}
{%- set concerned -%}
    {{ planned('window_start') }} is null
    or {{ key }} in (select changed.{{ key }} from {{ changed }} as changed)
{%- endset -%}
numbered as (

    select
        {{ key }},
        received_at,
        source_file,
        source_line
    from {{ raw_lines }}
    where {{ concerned }}

),

repeated as (

    select {{ key }}
    from numbered
    group by {{ key }}
    having count(*) > 1

),

copies as (

    select
        numbered.source_file,
        numbered.source_line,
        row_number() over (
            partition by numbered.{{ key }} order by numbered.received_at, numbered.source_file, numbered.source_line
        ) as copy_number
    from numbered
    inner join repeated on numbered.{{ key }} = repeated.{{ key }}

),

later_copies as (

    select
        source_file,
        source_line
    from copies
    where copy_number > 1

),

known as (

    select * from {{ raw_lines }}
    where {{ concerned }}

),

first_copies as (

    select known.*
    from known
    left join later_copies
        on
            known.source_file = later_copies.source_file
            and known.source_line = later_copies.source_line
    where later_copies.source_line is null

)
{%- endmacro %}
