"""Preference pairs as text, in the format that reward-model trainers read: prompt, chosen, rejected.

TRL's standard preference format with an explicit prompt; weight and lineage are further columns, which it ignores.
"""

from __future__ import annotations

# How many items of the person's past a prompt tells of.
HISTORY_ITEMS = 5


def _one_line(column: str) -> str:
    return f"nullif(trim(regexp_replace({column}, '\\s+', ' ', 'g')), '')"


_TEXTS = f"""texts as (
            select item_id,
                coalesce({_one_line("title")}, 'Item ' || item_id) as title,
                concat_ws(chr(10) || chr(10), coalesce({_one_line("title")}, 'Item ' || item_id),
                    nullif(trim(text), '')) as whole
            from marts.dim_items
        )"""

_PROMPTS = """prompts as (
            select asked.request_id,
                concat_ws(chr(10),
                    'Surface: ' || asked.surface,
                    'Search: ' || asked.query,
                    'Recently engaged with:' || chr(10) || '- '
                        || array_to_string(list_reverse(pasts.titles), chr(10) || '- ')
                ) as prompt
            from asked
            asof left join pasts on asked.actor_id = pasts.actor_id and asked.occurred_at > pasts.known_at
        )"""


def preferences_query(pairs: str, history: int = HISTORY_ITEMS) -> str:
    """Return the query whose rows are the pairs as text, ordered by request and pair.

    The prompt says where the list was shown, what was searched for, and the last items that the person had
    engaged with as was known when the list was made: events received later do not count, nor does what a
    visitor recognised later had done elsewhere. An item is its title and text as of the dataset; where it has
    neither, its id.

    Args:
        pairs: relation with the columns of `feedback_pairs`.
        history: items of the past in a prompt.
    """
    return f"""
        with {_TEXTS},
        {_asked(pairs)},
        {_pasts(history)},
        {_PROMPTS}
        select prompts.prompt,
            coalesce(chosen.whole, 'Item ' || pairs.chosen_item_id) as chosen,
            coalesce(rejected.whole, 'Item ' || pairs.rejected_item_id) as rejected,
            pairs.weight, pairs.source, pairs.pair_id, pairs.request_id, pairs.user_id,
            pairs.chosen_item_id, pairs.rejected_item_id, pairs.model_version, pairs.occurred_at, pairs.policy_version
        from {pairs} as pairs
        inner join prompts on pairs.request_id = prompts.request_id
        left join texts as chosen on pairs.chosen_item_id = chosen.item_id
        left join texts as rejected on pairs.rejected_item_id = rejected.item_id
        order by pairs.request_id, pairs.pair_id"""


def _asked(pairs: str) -> str:
    """Each list with pairs, and who was known to ask for it then: a visitor recognised later was only a visitor."""
    return f"""shown as (
            select distinct request_id, surface, occurred_at from {pairs}
        ),
        asked as (
            select shown.request_id, any_value(shown.surface) as surface, any_value(shown.occurred_at) as occurred_at,
                any_value(case when impressions.identity_known_at >= shown.occurred_at
                    then impressions.logged_actor_id else impressions.actor_id end) as actor_id,
                any_value({_one_line("impressions.query")}) as query
            from shown
            inner join intermediate.int_impressions_resolved as impressions using (request_id)
            group by shown.request_id
        )"""


def _pasts(history: int) -> str:
    """Each person's, and each visitor's, last items as of every moment at which one was added to what is known."""
    return f"""engagements as (
            select events.* from marts.fct_events as events
            inner join policy.signal_policy as signals
                on events.event_type = signals.event_type and signals.is_engagement
            where events.item_id is not null
        ),
        known as (
            select actor_id, item_id, greatest(received_at, identity_known_at) as known_at from engagements
            union all
            select logged_actor_id, item_id, received_at from engagements where logged_actor_id != actor_id
        ),
        engaged as (
            select actor_id, item_id, min(known_at) as known_at
            from known where actor_id in (select actor_id from asked)
            group by actor_id, item_id
        ),
        pasts as (
            select actor_id, known_at,
                list(coalesce(texts.title, 'Item ' || engaged.item_id)) over (
                    partition by actor_id order by known_at, engaged.item_id
                    rows between {history - 1} preceding and current row
                ) as titles
            from engaged left join texts using (item_id)
            qualify row_number() over (partition by actor_id, known_at order by engaged.item_id desc) = 1
        )"""
