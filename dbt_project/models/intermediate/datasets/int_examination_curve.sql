-- Placeholder until the examination curve lands.
select
    cast(null as timestamp) as moment,
    cast(null as varchar) as surface,
    cast(null as integer) as position,
    cast(null as double) as examination
where false
