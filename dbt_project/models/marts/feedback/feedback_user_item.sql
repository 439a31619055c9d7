-- Written whole with every build: evidence fades, so that every row changes; many read it.
with

{{ user_item_known(planned('as_of')) }}

select * from user_item
