with

source as (

    select * from {{ source('raw', 'inferences') }}

),

known as (

    select * from source
    where
        received_at < {{ planned('as_of') }}
        -- A question (the gateway's `/v1/queries`) offers nothing to consume: unanswered, it was not skipped; and where it
        -- stands among others says nothing of positions.
        and surface <> 'query'

),

renamed as (

    select
        ---------- ids
        request_id,
        coalesce(user_id, 'anon:' || anonymous_id) as actor_id,
        user_id,
        anonymous_id,
        session_id,
        snapshot_id,
        experiment_id,
        variant,

        ---------- what decided
        surface,
        model_name,
        model_version,
        policy,
        query,
        context,
        items,
        latency_ms,

        ---------- when
        cast(occurred_at as date) as impression_date,
        occurred_at,
        received_at,

        ---------- lineage
        source_file,
        source_line
    from known

)

select * from renamed
