-- The same rule as the dataset's, as known at the start of the holdout: what a model may learn from in evaluation.
with

{{ user_item_evidence(planned('holdout_start')) }}

select * from evidence
order by
    user_id,
    item_id
