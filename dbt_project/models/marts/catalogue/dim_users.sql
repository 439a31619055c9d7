with

users as (

    select * from {{ ref('stg_users') }}

)

select
    user_id,
    attributes,
    first_seen_at,
    updated_at
from users
