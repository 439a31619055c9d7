"""What must hold of a recommendation snapshot before services may read it. Pure: no I/O.

Importing this module imports Great Expectations, which takes seconds: import it inside functions.
"""

from __future__ import annotations

from typing import Any

from revealed.quality.expectations import between, no_rows, not_null, one_of, rows_at_least, unique_key
from revealed.quality.suite import Suite

SCHEMA = "snapshot"


def snapshot_suites(
    *,
    users_expected: int,
    k: int,
    segments: tuple[str, ...],
    sources: tuple[str, ...],
    similar_sources: tuple[str, ...],
) -> list[Suite]:
    """Return one suite a file of the snapshot, and one of its bounds.

    Args:
        users_expected: how many users must have a list.
        k: the least number of items in a user's list.
        segments: the columns that name a fallback list.
        sources: what a place of a user's list can come from.
        similar_sources: what a likeness of items can be known by.
    """
    return [
        recommendations(users_expected, k, sources),
        similar_items(similar_sources),
        fallbacks(segments),
        items(),
        bounds(),
    ]


def recommendations(users_expected: int, k: int, sources: tuple[str, ...]) -> Suite:
    """Return the suite of the lists by user."""
    return Suite(
        SCHEMA,
        "recommendations",
        ("user_id", "rank", "item_id"),
        (
            rows_at_least(users_expected * k, f"{users_expected:,} users with {k} items or more each"),
            *not_null("user_id", "rank", "item_id", "score", "utility", "source"),
            one_of("source", *sources),
            unique_key("user_id", "item_id"),
            _utility_falls(),
            *_ranking("user_id"),
            *_servable("user_id, rank, item_id"),
            *_fit_for_users(),
            no_rows(
                "enough_items",
                "item_id",
                f"every user has {k} distinct items or more",
                f"select user_id, count(distinct item_id) as items from {{batch}} "
                f"group by user_id having count(distinct item_id) < {k}",
            ),
            no_rows(
                "every_user_served",
                "user_id",
                f"exactly {users_expected:,} users have a list",
                f"select count(distinct user_id) as users, {users_expected} as expected from {{batch}} "
                f"having count(distinct user_id) <> {users_expected}",
            ),
        ),
    )


def similar_items(sources: tuple[str, ...]) -> Suite:
    """Return the suite of the lists by item."""
    return Suite(
        SCHEMA,
        "similar_items",
        ("item_id", "rank", "similar_item_id"),
        (
            rows_at_least(0, "a catalogue of one item has none like it"),
            *not_null("item_id", "rank", "similar_item_id", "score", "source"),
            one_of("source", *sources),
            unique_key("item_id", "similar_item_id"),
            *_ranking("item_id"),
            *_servable("item_id, rank, similar_item_id", item="similar_item_id"),
            no_rows(
                "not_itself",
                "similar_item_id",
                "an item is not on its own list",
                "select item_id, rank, similar_item_id from {batch} where similar_item_id = item_id",
            ),
            no_rows(
                "listed_for_known_items",
                "item_id",
                "every item that has a list is in items",
                f"select distinct item_id from {{batch}} anti join {SCHEMA}.items using (item_id)",
            ),
            no_rows(
                "listed_where_content_exists",
                "item_id",
                "every available item with content has a list, where there are two of them or more",
                f"with described as (select item_id from {SCHEMA}.items where is_available and is_allowed and has_content) "
                "select item_id from described anti join {batch} using (item_id) "
                "where (select count(*) from described) > 1",
            ),
        ),
    )


def fallbacks(segments: tuple[str, ...]) -> Suite:
    """Return the suite of the lists for unknown users."""
    return Suite(
        SCHEMA,
        "fallbacks",
        (*segments, "rank", "item_id"),
        (
            rows_at_least(1, "an unknown user must be shown something"),
            *not_null(*segments, "rank", "item_id", "score", "source"),
            unique_key(*segments, "item_id"),
            *_ranking(*segments),
            *_servable(", ".join((*segments, "rank", "item_id"))),
        ),
    )


def items() -> Suite:
    """Return the suite of the items that the snapshot may name."""
    return Suite(
        SCHEMA,
        "items",
        ("item_id",),
        (
            rows_at_least(1, "without items there is nothing to recommend"),
            *not_null("item_id", "is_available", "is_allowed", "has_content"),
            unique_key("item_id"),
        ),
    )


def bounds() -> Suite:
    """Return the suite of what `rules.toml` asks of coverage and of the change from the snapshot before.

    A value that cannot be known fails, unless its bound asks for nothing.
    """
    asked = {
        "coverage_floor": (
            "min_coverage",
            "of the items that could be listed, enough are on some list",
            "value < bound, bound > 0",
        ),
        "churn_bounded": (
            "min_overlap",
            "the lists overlap enough with those in service",
            "value < bound, bound > 0",
        ),
        "users_kept": (
            "max_users_lost",
            "not too many of those who have a list now lose it",
            "value > bound, bound < 1",
        ),
    }
    rules = (
        no_rows(
            rule,
            "value",
            meaning,
            f"select name, bound, value from {{batch}} where name = '{name}' and coalesce({is_beyond})",
        )
        for rule, (name, meaning, is_beyond) in asked.items()
    )
    return Suite(
        SCHEMA, "bounds", ("name",), (rows_at_least(0, "of a first snapshot little is asked"), *rules)
    )


def _ranking(*owner: str) -> tuple[Any, ...]:
    """Each list (its `owner` columns are equal) is ranked 1..n; no owner means one list."""
    key = ", ".join(owner)
    named = f"{key}, " if owner else ""
    grouped = f"group by {key} " if owner else ""
    return (
        between("rank", 1),
        unique_key(*owner, "rank", rule="rank_unique"),
        no_rows(
            "ranks_contiguous",
            "rank",
            "each list is ranked 1..n without a gap",
            f"select {named}min(rank) as first_rank, max(rank) as last_rank, count(distinct rank) as ranks "
            f"from {{batch}} {grouped}having min(rank) <> 1 or max(rank) <> count(distinct rank)",
        ),
    )


def _fit_for_users() -> tuple[Any, ...]:
    """Nobody is shown what they have had or hidden, and nobody who was erased is in the snapshot."""
    return (
        no_rows(
            "not_refused",
            "item_id",
            "nobody is shown what they have consumed, hidden or marked as not interesting",
            f"select user_id, rank, item_id, is_hidden from {{batch}} join {SCHEMA}.refused using (user_id, item_id)",
        ),
        no_rows(
            "not_erased",
            "user_id",
            "no user and no item that was erased is listed",
            f"select user_id, rank, item_id from {{batch}} where user_id in (from {SCHEMA}.erased) "
            f"or item_id in (from {SCHEMA}.erased)",
        ),
    )


def _utility_falls() -> Any:
    """Exploration draws by it: a rise would show worse items first, a number above 0 would outdo the best."""
    return no_rows(
        "utility_falls",
        "utility",
        "utilities are finite, begin at 0 and never rise with the rank",
        "select user_id, rank, item_id, utility from (select *, lag(utility, 1, 0) over "
        "(partition by user_id order by rank) as before from {batch}) "
        "where not isfinite(utility) or utility > before or (rank = 1 and utility <> 0)",
    )


def _servable(keys: str, item: str = "item_id") -> tuple[Any, ...]:
    return (
        no_rows(
            "score_finite",
            "score",
            "every score is a finite number",
            f"select {keys}, score from {{batch}} where not isfinite(score)",
        ),
        no_rows(
            "item_available",
            item,
            "every recommended item is known and available",
            f"select {keys}, i.is_available from {{batch}} as r left join "
            f"(select item_id as known_item_id, is_available from {SCHEMA}.items) as i "
            f"on i.known_item_id = r.{item} where i.is_available is not true",
        ),
        no_rows(
            "item_allowed",
            item,
            "no filter of rules.toml refuses a recommended item",
            f"select {keys} from {{batch}} semi join "
            f"(select item_id as {item} from {SCHEMA}.items where not is_allowed) using ({item})",
        ),
    )
