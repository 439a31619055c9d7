-- Fails for every request, of the lines that this build read, that has more or fewer impressions than items it showed.
with

slates as (

    select
        source_file,
        source_line,
        {{ each_of('items') }} as shown_item
    from {{ ref('stg_inferences') }}

),

shown as (

    select
        slates.source_file,
        slates.source_line,
        count(distinct slates.shown_item.item_id) as items
    from slates
    group by
        slates.source_file,
        slates.source_line

),

kept as (

    select
        request_id,
        source_file,
        source_line,
        count(*) as impressions
    from {{ ref('int_impressions') }}
    where impression_date >= coalesce({{ planned('window_start') }}, date '0001-01-01')
    group by
        request_id,
        source_file,
        source_line

)

select
    kept.request_id,
    kept.impressions,
    shown.items
from kept
inner join shown
    on
        kept.source_file = shown.source_file
        and kept.source_line = shown.source_line
where kept.impressions != shown.items
