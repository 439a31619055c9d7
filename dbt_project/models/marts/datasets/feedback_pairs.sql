{{ config(materialized='view') }}

with

impressions as (

    select * from {{ ref('fct_impressions') }}

),

opinions as (

    select * from {{ ref('int_explicit_opinions') }}

),

policy as (

    select max(policy_version) as policy_version from {{ ref('signal_policy') }}

),

-- Each showing as a candidate for either side; most are candidates for neither and end here.
sides as (

    select
        impressions.request_id,
        impressions.item_id,
        impressions.actor_id,
        impressions.surface,
        impressions.model_version,
        impressions.policy,
        impressions.occurred_at,
        impressions.position,
        impressions.examination_propensity,
        impressions.as_of,
        opinions.opinion,
        impressions.feedback_state = 'engaged'
        and not impressions.is_clickbait
        -- What was bought and wholly sent back says nothing for the item.
        and not (impressions.gross_value > 0 and impressions.net_value <= 0)
        and coalesce(opinions.opinion, '') != 'disliked' as is_chosen,
        impressions.feedback_state = 'skipped'
        and impressions.is_mature
        and coalesce(opinions.opinion, '') != 'liked' as is_rejected
    from impressions
    left join opinions
        on
            impressions.request_id = opinions.request_id
            and impressions.item_id = opinions.item_id
    where not impressions.is_bot

),

candidates as (

    select * from sides
    where
        is_chosen
        or is_rejected
        or opinion is not null

),

paired as (

    select
        {{ text_key(['chosen.request_id', 'chosen.item_id', 'rejected.item_id']) }} as pair_id,
        chosen.request_id,
        chosen.actor_id as user_id,
        chosen.surface,
        chosen.model_version,
        chosen.policy,
        chosen.occurred_at,
        chosen.item_id as chosen_item_id,
        rejected.item_id as rejected_item_id,
        chosen.position as chosen_position,
        rejected.position as rejected_position,
        chosen.examination_propensity / rejected.examination_propensity as examination_ratio,
        coalesce(chosen.opinion = 'liked' and rejected.opinion = 'disliked', false) as is_explicit,
        chosen.as_of
    from candidates as chosen
    inner join candidates as rejected
        on
            chosen.request_id = rejected.request_id
            -- The same by design: joined on so that a reader of few days reads both sides of these days only.
            and chosen.occurred_at = rejected.occurred_at
    where
        (chosen.is_chosen and rejected.is_rejected)
        or (chosen.opinion = 'liked' and rejected.opinion = 'disliked')

),

drawn as (

    select
        *,
        -- The key is a digest: which pairs a long list gives up is a draw, the same one every time.
        row_number() over (partition by request_id, occurred_at order by is_explicit desc, pair_id) as place
    from paired

),

pairs as (

    select
        drawn.pair_id,
        drawn.request_id,
        drawn.user_id,
        drawn.surface,
        drawn.model_version,
        drawn.policy,
        drawn.occurred_at,
        drawn.chosen_item_id,
        drawn.rejected_item_id,
        drawn.chosen_position,
        drawn.rejected_position,
        case
            when drawn.is_explicit then 1.0
            else least(
                {{ var('pair_weight_max') }},
                greatest(1.0 / {{ var('pair_weight_max') }}, coalesce(drawn.examination_ratio, 1.0))
            )
        end as weight,
        case when drawn.is_explicit then 'explicit' else 'engaged_over_skipped' end as source,
        policy.policy_version,
        drawn.as_of
    from drawn
    cross join policy
    where drawn.place <= {{ var('pairs_per_request') }}

)

select * from pairs
