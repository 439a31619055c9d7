"""Rows that break one rule each, and what the audit must say: (table, expectation, column) -> keys."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

NULL = "expect_column_values_to_not_be_null"
SET = "expect_column_values_to_be_in_set"
RANGE = "expect_column_values_to_be_between"
COUNT = "expect_table_row_count_to_be_between"

Found = tuple[str, str, str | None]


@dataclass(frozen=True)
class Breakages:
    """SQL that breaks a valid warehouse, and every failure and warning that must follow, with its rows."""

    statements: tuple[str, ...]
    failures: dict[Found, list[dict[str, Any]]]
    warnings: dict[Found, list[dict[str, Any]]] = field(default_factory=dict)


def _impression(request: str, item: str, change: str) -> str:
    return f"update marts.fct_impressions set {change} where request_id = '{request}' and item_id = '{item}'"


def _event(event: str, change: str) -> str:
    return f"update marts.fct_events set {change} where event_id = '{event}'"


def of_feedback(user: str, item: str, change: str) -> str:
    return f"update marts.feedback_user_item set {change} where user_id = '{user}' and item_id = '{item}'"


def _shown(request: str, item: str, **values: Any) -> dict[str, Any]:
    return {"request_id": request, "item_id": item, **values}


SHOWN, EVENT, SESSION = "marts.fct_impressions", "marts.fct_events", "marts.fct_sessions"
FEEDBACK, FOLD, REPORT = "marts.feedback_user_item", "marts.feedback_fold_test", "marts.rpt_model_daily"
ITEM, LEDGER = "marts.dim_items", "ops.ledger"
CREDIT, REVERSAL, CURVE = "marts.fct_attribution", "marts.fct_reversals", "marts.rpt_position_bias"
RATE, PAIR = "marts.rpt_outcome_rates", "marts.feedback_pairs"
OUTCOME, TRAIN, USER = "marts.fct_impression_outcomes", "marts.feedback_fold_train", "marts.dim_users"
EXPOSURE, POPULARITY, TOPIC = (
    "marts.rpt_exposure_bias",
    "marts.rpt_popularity_bias",
    "marts.rpt_topic_exposure",
)
DEBIASING, MATURITY = "marts.rpt_debiasing_effect", "marts.rpt_label_maturity"

IMPRESSIONS = Breakages(
    (
        _impression("r1", "i4", "surface = null, propensity = 0"),
        _impression("r1", "i2", "propensity = 'nan'::double"),
        _impression("r1", "i3", "feedback_state = 'ignored', occurred_at = timestamp '2026-03-03 00:05:00'"),
        _impression("r4", "i1", "position = 0"),
        _impression("r3", "i4", "position = 2, is_bounce = null, is_hide_mature = null"),
        _impression("r2", "i2", "is_clickbait = true, as_of = timestamp '2026-03-04'"),
        _impression("r2", "i3", "net_value = 5"),
        _impression("r2", "i1", "returned_value = 3, net_value = -3"),
        _impression("r3", "i3", "dwell_ms = -1, clicks = -1"),
        _impression("r3", "i2", "scroll_depth = 1.5"),
        "insert into marts.fct_impressions from marts.fct_impressions "
        "where request_id = 'r4' and item_id = 'i3'",
    ),
    {
        (SHOWN, NULL, "surface"): [_shown("r1", "i4", surface=None)],
        (SHOWN, RANGE, "propensity"): [
            _shown("r1", "i2", propensity="nan"),
            _shown("r1", "i4", propensity=0.0),
        ],
        (SHOWN, SET, "feedback_state"): [_shown("r1", "i3", feedback_state="ignored")],
        (SHOWN, "occurred_before_as_of", "occurred_at"): [
            _shown("r1", "i3", occurred_at="2026-03-03T00:05:00")
        ],
        (SHOWN, RANGE, "position"): [_shown("r4", "i1", position=0)],
        (SHOWN, "positions_distinct", "position"): [
            {"request_id": "r3", "position": 2, "one_item": "i3", "other_item": "i4"}
        ],
        (SHOWN, "complete", None): [_shown("r3", "i4", missing="is_bounce, is_hide_mature")],
        (SHOWN, "clickbait_was_clicked", "is_clickbait"): [
            _shown("r2", "i2", is_clickbait=True, is_clicked=False)
        ],
        (SHOWN, "as_of_not_later", "as_of"): [_shown("r2", "i2", as_of="2026-03-04T00:00:00")],
        (SHOWN, "net_value_adds_up", "net_value"): [
            _shown("r2", "i3", net_value=5.0, gross_value=0.0, returned_value=0.0)
        ],
        (SHOWN, "returned_within_gross", "returned_value"): [
            _shown("r2", "i1", returned_value=3.0, gross_value=0.0)
        ],
        (SHOWN, RANGE, "dwell_ms"): [_shown("r3", "i3", dwell_ms=-1)],
        (SHOWN, RANGE, "clicks"): [_shown("r3", "i3", clicks=-1)],
        (SHOWN, RANGE, "scroll_depth"): [_shown("r3", "i2", scroll_depth=1.5)],
        (SHOWN, "key_unique", None): [_shown("r4", "i3", copies=2)],
    },
)

EVENTS = Breakages(
    (
        _event("e1", "match_type = 'guess', match_lag_s = -301, source_line = null"),
        _event("e2", "matched_item_id = 'nope'"),
        _event("e3", "polarity = 'meh', dwell_ms = -5, received_at = occurred_at - interval 301 second"),
        _event("e4", "scroll_depth = 2, received_at = timestamp '2026-03-03'"),
        _event("e5", "matched_request_id = 'r1', request_id = 'r9', item_id = 'i9'"),
        _event("e5", "occurred_at = timestamp '2026-03-03 00:05:00'"),
        "insert into marts.fct_events from marts.fct_events where event_id = 'e2'",
    ),
    {
        (EVENT, "complete", None): [{"event_id": "e1", "missing": "source_line"}],
        (EVENT, SET, "match_type"): [{"event_id": "e1", "match_type": "guess"}],
        (EVENT, RANGE, "match_lag_s"): [{"event_id": "e1", "match_lag_s": -301.0}],
        (EVENT, "match_names_impression", "matched_request_id"): [
            {"event_id": "e2", "matched_request_id": "r2", "matched_item_id": "nope"}
        ]
        * 2,
        (EVENT, SET, "polarity"): [{"event_id": "e3", "polarity": "meh"}],
        (EVENT, RANGE, "dwell_ms"): [{"event_id": "e3", "dwell_ms": -5}],
        (EVENT, RANGE, "scroll_depth"): [{"event_id": "e4", "scroll_depth": 2.0}],
        (EVENT, "received_before_as_of", "received_at"): [
            {"event_id": "e4", "received_at": "2026-03-03T00:00:00"}
        ],
        (EVENT, "occurred_before_received", "occurred_at"): [{"event_id": "e3"}, {"event_id": "e5"}],
        (EVENT, "occurred_before_as_of", "occurred_at"): [
            {"event_id": "e5", "occurred_at": "2026-03-03T00:05:00"}
        ],
        (EVENT, "unmatched_names_nothing", "matched_request_id"): [
            {"event_id": "e5", "matched_request_id": "r1"}
        ],
        (EVENT, "key_unique", "event_id"): [{"event_id": "e2", "copies": 2}],
        (SESSION, "session_events_add_up", "events"): [
            {"session_key": "kr2", "events": 1, "in_fct_events": 2}
        ],
        (LEDGER, "events_come_from_files", "accepted"): [{"accepted": 5, "events": 6}],
    },
    {(EVENT, "unmatched_share", "match_type"): [{"events": 5, "unmatched": 1}]},
)


SHORT = Breakages(
    (
        f"update {OUTCOME} set returned_value = 99 where request_id = 'r1' and item_id = 'i2'",
        f"update {OUTCOME} set is_opened = null where request_id = 'r2' and item_id = 'i1'",
        f"insert into {OUTCOME} from {OUTCOME} where request_id = 'r3' and item_id = 'i2'",
        f"update {EXPOSURE} set exposed_items = 7, as_of = null where surface = 'home'",
        f"update {EXPOSURE} set exposure_gini = 1.5 where surface = 'feed'",
        f"insert into {EXPOSURE} from {EXPOSURE} where surface = 'search'",
        f"update {POPULARITY} set engagements = 10 where popularity_decile = 1",
        f"update {POPULARITY} set items = null where popularity_decile = 2",
        f"insert into {POPULARITY} from {POPULARITY} where popularity_decile = 3",
        f"update {TOPIC} set engagements = 13 where topic = 'news'",
        f"update {TOPIC} set catalogue_share = null where topic = 'sport'",
        f"insert into {TOPIC} from {TOPIC} where topic = 'arts'",
        f"insert into {DEBIASING} from {DEBIASING} where popularity_decile = 2",
        f"update {MATURITY} set outcomes_at_delay = 2 where delay_periods = 1",
        f"update {MATURITY} set hazard = null where delay_periods = 2",
        f"insert into {MATURITY} from {MATURITY} where delay_periods = 3",
        f"insert into {USER} values ('u2')",
    ),
    {
        (OUTCOME, "returned_within_gross", "returned_value"): [_shown("r1", "i2", returned_value=99.0)],
        (OUTCOME, "complete", None): [_shown("r2", "i1", missing="is_opened")],
        (OUTCOME, "key_unique", None): [_shown("r3", "i2", copies=2)],
        (EXPOSURE, "items_within_each_other", "exposed_items"): [{"surface": "home", "exposed_items": 7}],
        (EXPOSURE, "complete", None): [{"surface": "home", "missing": "as_of"}],
        (EXPOSURE, "gini_is_a_share", "exposure_gini"): [{"surface": "feed", "exposure_gini": 1.5}],
        (EXPOSURE, "key_unique", "surface"): [{"surface": "search", "copies": 2}],
        (POPULARITY, "engagements_within_impressions", "engagements"): [{"popularity_decile": 1}],
        (POPULARITY, "complete", None): [{"popularity_decile": 2, "missing": "items"}],
        (POPULARITY, "key_unique", None): [{"popularity_decile": 3, "copies": 2}],
        (TOPIC, "engagements_within_impressions", "engagements"): [{"topic": "news", "engagements": 13}],
        (TOPIC, "complete", None): [{"topic": "sport", "missing": "catalogue_share"}],
        (TOPIC, "key_unique", None): [{"topic": "arts", "copies": 2}],
        (DEBIASING, "key_unique", "popularity_decile"): [{"popularity_decile": 2, "copies": 2}],
        (MATURITY, "outcomes_within_what_is_at_risk", "outcomes_at_delay"): [{"delay_periods": 1}],
        (MATURITY, "complete", None): [{"delay_periods": 2, "missing": "hazard"}],
        (MATURITY, "key_unique", None): [{"delay_periods": 3, "copies": 2}],
        (USER, "key_unique", "user_id"): [{"user_id": "u2", "copies": 2}],
    },
)

_EVERY = (
    *(SHOWN, EVENT, SESSION, FEEDBACK, FOLD, REPORT, ITEM, LEDGER, CREDIT, REVERSAL, CURVE, RATE, PAIR),
    *(OUTCOME, TRAIN, USER, EXPOSURE, POPULARITY, TOPIC, DEBIASING, MATURITY),
)

EMPTY = Breakages(
    tuple(f"delete from {table}" for table in _EVERY),
    {
        **{(table, COUNT, None): [{"row_count": 0, "least": 1}] for table in (EVENT, FEEDBACK, LEDGER)},
        (SHOWN, "shows_what_was_shown", None): [{"impressions": 12, "on_changed_days": 12, "rows_read": 0}],
    },
)
