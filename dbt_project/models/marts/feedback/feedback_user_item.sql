-- A view: evidence fades with every build, what it is made of does not.
{{ config(materialized='view') }}

with

{{ user_item_known(planned('as_of')) }}

select * from user_item
