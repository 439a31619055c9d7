-- What the model is asked to foresee: pairs that turned out liked within the holdout, new to the user.
with

{{ evidence_known(planned('as_of')) }},

train as (

    select * from {{ ref('feedback_fold_train') }}

),

-- As fresh as on the day itself, and not corrected for where it was shown: what the person came to like.
weighed as (

    select
        user_id,
        item_id,
        occurred_at,
        polarity,
        is_consuming,
        base_weight * strength * kept_share * dwell_factor * damping as weight,
        occurred_at >= {{ planned('holdout_start') }} as is_held_out
    from event_evidence

),

pairs as (

    select
        user_id,
        item_id,
        {{ exact_sum('weight', "is_held_out and polarity = 'positive'") }} as positive_evidence,
        {{ exact_sum('weight', "is_held_out and polarity = 'negative'") }} as negative_evidence,
        bool_or(is_consuming and not is_held_out) as is_known_already,
        min(occurred_at) filter (where is_held_out) as first_event_at
    from weighed
    group by
        user_id,
        item_id

),

relevant as (

    select
        pairs.user_id,
        pairs.item_id,
        pairs.positive_evidence,
        pairs.first_event_at
    from pairs
    left join train
        on
            pairs.user_id = train.user_id
            and pairs.item_id = train.item_id
    where
        -- A bounce is not relevance: as much as a click and a view of half the usual engagement.
        pairs.positive_evidence >= 0.5
        and pairs.positive_evidence > pairs.negative_evidence
        and not pairs.is_known_already
        and not coalesce(train.is_consumed or train.is_hidden, false)

)

select * from relevant
