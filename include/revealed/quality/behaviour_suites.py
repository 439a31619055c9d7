"""What must hold of what people did and were shown: events, sessions, impressions. Pure: no I/O.

Importing this module imports Great Expectations, which takes seconds: import it inside functions.
"""

from __future__ import annotations

from typing import Any

from revealed.quality.expectations import (
    WARNING,
    as_of_not_later,
    between,
    complete,
    no_rows,
    not_null,
    one_of,
    rows_at_least,
    unique_key,
)
from revealed.quality.suite import Suite

CLOCK_SKEW_SECONDS = 300
"""How far a client's clock may run ahead of ours: the landing contract's tolerance, in seconds."""

UNMATCHED_SHARE = 0.05
"""More than this share of events that name a request and match none is told as a warning."""

_MONEY = 1e-6
_OUTCOMES = (
    "clicked",
    "satisfied",
    "clickbait",
    "skipped",
    "hidden",
    "saved",
    "shared",
    "added_to_cart",
    "purchased",
)
_OF_EVERY_IMPRESSION = (
    *(
        "impression_date",
        "exposure_source",
        "is_bounce",
        "clicks",
        "gross_value",
        "returned_value",
        "net_value",
    ),
    *("is_mature", "is_click_mature", "is_purchase_mature", "is_cart_mature", "is_save_mature"),
    *("is_share_mature", "is_hide_mature"),
)
_OF_EVERY_OUTCOME = (
    *(
        "request_id",
        "item_id",
        "impression_date",
        "clicks",
        "heartbeats",
        "is_opened",
        "is_saved",
        "is_shared",
    ),
    *("is_added_to_cart", "is_purchased", "is_skipped", "is_hidden", "gross_value", "returned_value"),
    *("is_reported_seen", "first_seen_at"),
)


def fct_events(moment: str) -> Suite:
    """Return the suite of the deduplicated events; `moment` is a SQL timestamp."""
    return Suite(
        "marts",
        "fct_events",
        ("event_id",),
        (
            rows_at_least(1, "a warehouse without events says nothing"),
            *not_null("event_id", "event_type", "occurred_at", "received_at", "actor_id"),
            *not_null("match_type", "polarity", "is_bot", "policy_version"),
            complete(
                "event_id",
                "event_date",
                "logged_actor_id",
                "session_key",
                "is_historical",
                "source_file",
                "source_line",
            ),
            unique_key("event_id"),
            one_of("match_type", "request_id", "last_touch", "none"),
            one_of("polarity", "positive", "negative", "neutral"),
            between("dwell_ms", 0),
            between("scroll_depth", 0, 1),
            between("match_lag_s", -CLOCK_SKEW_SECONDS),
            *_not_from_the_future("event_id", moment),
            no_rows(
                "received_before_as_of",
                "received_at",
                "every event was received before the build's as_of",
                f"select event_id, received_at from {{batch}} where received_at >= {moment}",
            ),
            no_rows(
                "occurred_before_received",
                "occurred_at",
                "no event occurred more than five minutes after it was received",
                "select event_id, occurred_at, received_at from {batch} "
                f"where occurred_at > received_at + interval {CLOCK_SKEW_SECONDS} second",
            ),
            *_matches(),
        ),
    )


def _matches() -> tuple[Any, ...]:
    return (
        no_rows(
            "match_names_impression",
            "matched_request_id",
            "the request and item that an event is matched to is an impression",
            """select e.event_id, e.matched_request_id, e.matched_item_id from {batch} as e
            anti join intermediate.int_impressions as i
            on i.request_id = e.matched_request_id and i.item_id = e.matched_item_id
            where e.match_type <> 'none'""",
        ),
        no_rows(
            "unmatched_names_nothing",
            "matched_request_id",
            "an event without a match names no matched request",
            "select event_id, matched_request_id from {batch} "
            "where match_type = 'none' and matched_request_id is not null",
        ),
        no_rows(
            "unmatched_share",
            "match_type",
            f"at most {UNMATCHED_SHARE:.0%} of events that name a request and an item match no impression",
            f"""select count(*) as events, count(*) filter (match_type = 'none') as unmatched from {{batch}}
            where request_id is not null and item_id is not null and not is_bot
            having count(*) filter (match_type = 'none') > {UNMATCHED_SHARE} * count(*)""",
            severity=WARNING,
        ),
    )


def fct_sessions() -> Suite:
    """Return the suite of the sessions."""
    return Suite(
        "marts",
        "fct_sessions",
        ("session_key",),
        (
            rows_at_least(0, "impressions alone make no session, so the table may be empty"),
            *not_null("session_key", "actor_id", "started_at", "ended_at", "is_bot"),
            complete(
                "session_key",
                "session_date",
                "length_s",
                "events",
                "items",
                "is_single_article",
                "is_bounced",
            ),
            unique_key("session_key"),
            between("events", 1),
            between("length_s", 0),
            no_rows(
                "session_in_order",
                "ended_at",
                "a session ends no earlier than it starts",
                "select session_key, started_at, ended_at from {batch} where started_at > ended_at",
            ),
            no_rows(
                "session_events_add_up",
                "events",
                "a session counts exactly its rows in fct_events",
                """select coalesce(s.session_key, e.session_key) as session_key, s.events,
                    e.events as in_fct_events
                from {batch} as s full join (
                    select session_key, count(*) as events from marts.fct_events
                    where session_key is not null group by session_key
                ) as e on e.session_key = s.session_key
                where s.events is distinct from e.events""",
            ),
        ),
    )


def fct_impressions(moment: str) -> Suite:
    """Return the suite of the impressions with their outcomes; `moment` is a SQL timestamp."""
    return Suite(
        "marts",
        "fct_impressions",
        ("request_id", "item_id"),
        (
            rows_at_least(
                0, "on the days that changed nothing may have been shown; the next rule asks of all days"
            ),
            no_rows(
                "shows_what_was_shown",
                None,
                "there are impressions, and rows for the days that changed where anything was shown on them",
                """select count(*) as impressions, count(*) filter (
                        impression_date >= (select coalesce(window_start, date '0001-01-01') from ops.build_plan)
                    ) as on_changed_days, (select count(*) from {batch}) as rows_read
                from intermediate.int_impressions having impressions = 0 or (on_changed_days > 0 and rows_read = 0)""",
            ),
            *not_null("request_id", "item_id", "position", "occurred_at", "actor_id", "surface"),
            *not_null("model_name", "model_version", "policy", "feedback_state", "is_bot", "as_of"),
            *not_null(*(f"is_{outcome}" for outcome in _OUTCOMES)),
            complete("request_id, item_id", *_OF_EVERY_IMPRESSION),
            unique_key("request_id", "item_id"),
            one_of("feedback_state", "engaged", "skipped", "unexamined"),
            between("propensity", 0, 1, above=True),
            between("position", 1),
            between("clicks", 0),
            between("dwell_ms", 0),
            between("scroll_depth", 0, 1),
            *_not_from_the_future("request_id, item_id", moment),
            as_of_not_later("request_id, item_id", moment),
            # No more can be asked of positions: a slate that shows an item twice leaves a gap at its worse position, and
            # a log of parts (context.partial_slate) skips some.
            no_rows(
                "positions_distinct",
                "position",
                "no two items of one request were shown at the same position",
                """select request_id, position, min(item_id) as one_item, max(item_id) as other_item
                from {batch} group by request_id, position having min(item_id) <> max(item_id)""",
            ),
            *_outcomes(),
        ),
        changed="impression_date >= {since}",
    )


def fct_impression_outcomes() -> Suite:
    """Return the suite of what came of impressions; a table, so that every day's rows are read."""
    return Suite(
        "marts",
        "fct_impression_outcomes",
        ("request_id", "item_id"),
        (
            rows_at_least(0, "impressions that nobody acted on have none"),
            complete("request_id, item_id", *_OF_EVERY_OUTCOME),
            unique_key("request_id", "item_id"),
            no_rows(
                "returned_within_gross",
                "returned_value",
                "no more is returned than was bought",
                "select request_id, item_id, returned_value, gross_value from {batch} "
                f"where returned_value > gross_value + {_MONEY}",
            ),
        ),
    )


def _outcomes() -> tuple[Any, ...]:
    return (
        no_rows(
            "clickbait_was_clicked",
            "is_clickbait",
            "clickbait is a kind of click",
            "select request_id, item_id, is_clickbait, is_clicked from {batch} "
            "where is_clickbait and not is_clicked",
        ),
        no_rows(
            "net_value_adds_up",
            "net_value",
            "net value is gross value less what was returned",
            "select request_id, item_id, net_value, gross_value, returned_value from {batch} "
            "where abs(coalesce(net_value, 0) - (coalesce(gross_value, 0) - coalesce(returned_value, 0))) "
            f"> {_MONEY} * greatest(1, abs(coalesce(gross_value, 0)))",
        ),
        no_rows(
            "returned_within_gross",
            "returned_value",
            "no more is returned than was bought",
            "select request_id, item_id, returned_value, gross_value from {batch} "
            "where coalesce(returned_value, 0) > coalesce(gross_value, 0) "
            f"+ {_MONEY} * greatest(1, abs(coalesce(gross_value, 0)))",
        ),
    )


def _not_from_the_future(keys: str, moment: str) -> tuple[Any, ...]:
    limit = f"{moment} + interval {CLOCK_SKEW_SECONDS} second"
    return (
        no_rows(
            "occurred_before_as_of",
            "occurred_at",
            "nothing occurred after the build's as_of (a client's clock may run five minutes ahead)",
            f"select {keys}, occurred_at from {{batch}} where occurred_at >= {limit}",
        ),
    )
