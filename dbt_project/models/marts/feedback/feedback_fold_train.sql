-- The same rule as the dataset's, as known at the start of the holdout: what a model may learn from in evaluation.
with

{{ user_item_known(planned('holdout_start')) }}

select * from user_item
