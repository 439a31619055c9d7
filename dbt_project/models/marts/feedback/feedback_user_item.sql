with

{{ user_item_evidence(planned('as_of')) }}

select * from evidence
order by
    user_id,
    item_id
