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


def _feedback(user: str, item: str, change: str) -> str:
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

REPORT_KEY = {"surface": "home", "model_name": "als", "model_version": "3", "policy": "softmax"}

DERIVED = Breakages(
    (
        "update marts.fct_sessions set started_at = ended_at + interval 1 second where session_key = 'kr1'",
        "update marts.fct_sessions set length_s = -1, events = 0 where session_key = 'k5'",
        "update marts.fct_sessions set items = null where session_key = 'kr1'",
        "insert into marts.fct_sessions from marts.fct_sessions where session_key = 'kr3'",
        _feedback("u1", "i2", "confidence = 0.5"),
        _feedback("u1", "i3", "confidence = '-infinity'::double"),
        _feedback("u2", "i1", "confidence = -3"),
        _feedback("u2", "i2", "positive_evidence = -1, as_of = timestamp '2026-03-04'"),
        _feedback("u3", "i3", "preference = 2, negative_evidence = -1"),
        "insert into marts.feedback_user_item from marts.feedback_user_item "
        "where user_id = 'u3' and item_id = 'i2'",
        "insert into marts.feedback_fold_test values ('u1', 'i2', 0, timestamp '2026-03-01'), "
        "('u9', 'i9', 1, timestamp '2026-03-01'), ('u9', 'i9', 1, timestamp '2026-03-01'), ('u8', 'i9', 1, null)",
        "insert into marts.feedback_fold_train select t.* replace ('u9' as user_id) "
        "from marts.feedback_fold_train as t, range(2) where item_id = 'i2'",
        "insert into marts.feedback_fold_train select * replace ('u8' as user_id, null as preference) "
        "from marts.feedback_fold_train where user_id = 'u1' and item_id = 'i2'",
        "update marts.feedback_fold_train set preference = 2 where user_id = 'u1' and item_id = 'i3'",
        "update marts.feedback_fold_train set confidence = 0.5 where user_id = 'u1' and item_id = 'i2'",
        "update marts.rpt_model_daily set clicks = 99, impressions = 98, click_rate = 99.0 / 98 "
        "where report_date = date '2026-03-01'",
        "update marts.rpt_model_daily set satisfied_rate = -0.5 where report_date = date '2026-03-02'",
        "insert into marts.rpt_model_daily (report_date, surface, requests, impressions, clicks) "
        "values (date '2026-02-01', 'x', 0, 0, 0), (date '2026-02-01', 'x', 0, 0, 0)",
        "update marts.dim_items set price = -1 where item_id = 'i1'",
        "update marts.dim_items set expected_dwell_s = -1 where item_id = 'i2'",
        "insert into marts.dim_items (item_id, is_available) values ('i3', true)",
        "update ops.ledger set received = 9 where sha256 = 'f1'",
        "insert into ops.ledger (sha256, name, log, received, accepted, duplicate, quarantined, erased) values "
        "('f3', 'a', 'users', -2, -1, 0, -1, 0), ('f4', 'b', 'users', 0, 1, -1, 0, 0), "
        "('f2', 'c', 'items', 0, 0, 0, 1, -1)",
    ),
    {
        (SESSION, "complete", None): [{"session_key": "kr1", "missing": "items"}],
        (TRAIN, "complete", None): [{"user_id": "u8", "item_id": "i2", "missing": "preference"}],
        (TRAIN, "key_unique", None): [{"user_id": "u9", "item_id": "i2", "copies": 2}],
        (TRAIN, SET, "preference"): [{"user_id": "u1", "item_id": "i3", "preference": 2}],
        (TRAIN, "confidence_sign_agrees", "confidence"): [
            {"user_id": "u1", "item_id": "i2", "confidence": 0.5}
        ],
        (FOLD, "complete", None): [{"user_id": "u8", "item_id": "i9", "missing": "first_event_at"}],
        (REPORT, "complete", None): [{"report_date": "2026-02-01", "surface": "x"}] * 2,
        (SESSION, "session_in_order", "ended_at"): [{"session_key": "kr1"}],
        (SESSION, RANGE, "length_s"): [{"session_key": "k5", "length_s": -1.0}],
        (SESSION, RANGE, "events"): [{"session_key": "k5", "events": 0}],
        (SESSION, "session_events_add_up", "events"): [
            {"session_key": "k5", "events": 0, "in_fct_events": 1}
        ],
        (SESSION, "key_unique", "session_key"): [{"session_key": "kr3", "copies": 2}],
        (FEEDBACK, "confidence_finite_at_least_one", "confidence"): [
            {"user_id": "u1", "item_id": "i2", "confidence": 0.5},
            {"user_id": "u1", "item_id": "i3", "confidence": "-inf"},
        ],
        (FEEDBACK, "confidence_sign_agrees", "confidence"): [
            {"user_id": "u2", "item_id": "i1", "preference": 1, "confidence": -3.0}
        ],
        (FEEDBACK, RANGE, "positive_evidence"): [
            {"user_id": "u2", "item_id": "i2", "positive_evidence": -1.0}
        ],
        (FEEDBACK, RANGE, "negative_evidence"): [
            {"user_id": "u3", "item_id": "i3", "negative_evidence": -1.0}
        ],
        (FEEDBACK, "as_of_not_later", "as_of"): [{"user_id": "u2", "item_id": "i2"}],
        (FEEDBACK, SET, "preference"): [{"user_id": "u3", "item_id": "i3", "preference": 2}],
        (FEEDBACK, "key_unique", None): [{"user_id": "u3", "item_id": "i2", "copies": 2}],
        (FOLD, "not_consumed_before", "item_id"): [{"user_id": "u1", "item_id": "i2"}],
        (FOLD, RANGE, "positive_evidence"): [{"user_id": "u1", "item_id": "i2", "positive_evidence": 0.0}],
        (FOLD, "key_unique", None): [{"user_id": "u9", "item_id": "i9", "copies": 2}],
        (REPORT, "clicks_within_impressions", "clicks"): [
            {"report_date": "2026-03-01", **REPORT_KEY, "clicks": 99, "impressions": 98}
        ],
        (REPORT, "report_adds_up", "impressions"): [
            {"report_date": "2026-03-01", "impressions": 98, "in_fct_impressions": 3}
        ],
        (REPORT, RANGE, "click_rate"): [{"report_date": "2026-03-01", **REPORT_KEY}],
        (REPORT, RANGE, "satisfied_rate"): [
            {"report_date": "2026-03-02", **REPORT_KEY, "satisfied_rate": -0.5}
        ],
        (REPORT, "key_unique", None): [{"report_date": "2026-02-01", "surface": "x", "copies": 2}],
        (ITEM, RANGE, "price"): [{"item_id": "i1", "price": -1.0}],
        (ITEM, RANGE, "expected_dwell_s"): [{"item_id": "i2", "expected_dwell_s": -1.0}],
        (ITEM, "key_unique", "item_id"): [{"item_id": "i3", "copies": 2}],
        (LEDGER, "every_line_accounted_for", "received"): [
            {"sha256": "f1", "name": "events.jsonl", "received": 9, "accepted": 5}
        ],
        (LEDGER, RANGE, "received"): [{"sha256": "f3", "name": "a", "received": -2}],
        (LEDGER, RANGE, "accepted"): [{"sha256": "f3", "name": "a", "accepted": -1}],
        (LEDGER, RANGE, "duplicate"): [{"sha256": "f4", "name": "b", "duplicate": -1}],
        (LEDGER, RANGE, "quarantined"): [{"sha256": "f3", "name": "a", "quarantined": -1}],
        (LEDGER, RANGE, "erased"): [{"sha256": "f2", "name": "c", "erased": -1}],
        (LEDGER, "key_unique", "sha256"): [{"sha256": "f2", "copies": 2}],
    },
)


def _credit(event: str, method: str, change: str) -> str:
    return f"update {CREDIT} set {change} where outcome_event_id = '{event}' and method = '{method}'"


CREDITS = Breakages(
    (
        _credit("e1", "last", "credit = 0.9"),
        _credit("e1", "first", "method = 'best'"),
        _credit("e1", "shapley", "match_type = 'guess'"),
        _credit("e1", "markov", "match_type = 'unattributed'"),
        _credit("e2", "linear", "item_id = 'nope'"),
        _credit("e3", "linear", "touched_at = outcome_at + interval 301 second"),
        _credit("e3", "last", "credit_share = 1.5"),
        f"update {REVERSAL} set reversed_share = 0.8 where reversal_event_id = 'x1'",
        f"update {REVERSAL} set evidence = 'hearsay', reversed_share = -0.5 where reversal_event_id = 'x3'",
        f"update {REVERSAL} set occurred_at = timestamp '2026-03-01' where reversal_event_id = 'x2'",
        f"update {REVERSAL} set share_of_reversal = 1.5 where reversal_event_id = 'x2'",
        f"update {REVERSAL} set reversal_type = null where reversal_event_id = 'x1'",
        f"insert into {REVERSAL} select t.* replace ('x4' as reversal_event_id, 'none' as evidence, 0 as reversed_share, "
        f"0.5 as share_of_reversal) from {REVERSAL} as t, range(2) where reversal_event_id = 'x3'",
        f"update {CURVE} set examination = 0.8, as_of = null where position = 2",
        f"update {CURVE} set method = 'guess', examination = -0.1 where surface = 'feed'",
        f"insert into {CURVE} select * replace (null as examination, 'refused' as method, null as reason) from {CURVE} "
        "where surface = 'feed'",
        f"insert into {RATE} select t.* replace ('share' as outcome_type) from {RATE} as t, range(2) "
        "where outcome_type = 'save'",
        f"update {RATE} set outcomes = 7, model_name = null where outcome_type = 'click'",
        f"update {RATE} set method = 'guess', immature_share = 2 where outcome_type = 'click'",
        f"update {RATE} set naive_rate = 1.5, corrected_rate = -1 where outcome_type = 'purchase'",
        f"update {RATE} set corrected_rate = 0 where outcome_type = 'save'",
        f"update {PAIR} set weight = 0.09, policy = null where pair_id = 'p1'",
        f"update {PAIR} set rejected_item_id = 'i1', source = 'hearsay' where pair_id = 'p2'",
        f"insert into {PAIR} from {PAIR} where pair_id = 'p3'",
    ),
    {
        (CREDIT, "credits_sum_to_net_value", "credit"): [
            {"outcome_event_id": "e1", "method": "last", "credit": 0.9, "net_value": 1.0},
            {"outcome_event_id": "e3", "method": "last", "credit_share": 1.5},
        ],
        (CREDIT, SET, "method"): [{"outcome_event_id": "e1", "method": "best"}],
        (CREDIT, SET, "match_type"): [{"outcome_event_id": "e1", "match_type": "guess"}],
        (CREDIT, "unattributed_names_nobody", "request_id"): [
            {"outcome_event_id": "e1", "method": "markov", "request_id": "r1"}
        ],
        (CREDIT, "credited_decision_was_shown", "request_id"): [
            {"outcome_event_id": "e2", "item_id": "nope"}
        ],
        (CREDIT, "shown_before_the_outcome", "touched_at"): [{"outcome_event_id": "e3"}],
        (CREDIT, RANGE, "credit_share"): [{"outcome_event_id": "e3", "credit_share": 1.5}],
        (REVERSAL, "no_more_than_all", "reversed_share"): [{"original_event_id": "e1"}],
        (REVERSAL, "complete", None): [{"reversal_event_id": "x1", "missing": "reversal_type"}],
        (REVERSAL, "key_unique", None): [{"reversal_event_id": "x4", "copies": 2}],
        (REVERSAL, RANGE, "share_of_reversal"): [{"reversal_event_id": "x2", "share_of_reversal": 1.5}],
        (REVERSAL, "accounts_for_all_of_it", "share_of_reversal"): [{"reversal_event_id": "x2"}],
        (REVERSAL, "nothing_without_an_original", "original_event_id"): [{"reversal_event_id": "x3"}],
        (REVERSAL, SET, "evidence"): [{"reversal_event_id": "x3", "evidence": "hearsay"}],
        (REVERSAL, RANGE, "reversed_share"): [{"reversal_event_id": "x3", "reversed_share": -0.5}],
        (REVERSAL, "taken_back_afterwards", "occurred_at"): [{"reversal_event_id": "x2"}],
        (CURVE, "complete", None): [{"surface": "home", "position": 2, "missing": "as_of"}],
        (CURVE, "within_its_interval", "examination"): [{"surface": "home", "position": 2}],
        (CURVE, SET, "method"): [{"surface": "feed", "method": "guess"}],
        (CURVE, RANGE, "examination"): [{"surface": "feed", "examination": -0.1}],
        (CURVE, "refused_says_why", "reason"): [{"surface": "feed", "position": 1}] * 2,
        (CURVE, "key_unique", None): [{"surface": "feed", "position": 1, "copies": 2}],
        (RATE, "complete", None): [{"outcome_type": "click", "missing": "model_name"}],
        (RATE, "key_unique", None): [{"outcome_type": "share", "copies": 2}],
        (RATE, "counts_within_each_other", "outcomes"): [
            {"outcome_type": "click", "outcomes": 7, "exposures": 6}
        ],
        (RATE, SET, "method"): [{"outcome_type": "click", "method": "guess"}],
        (RATE, RANGE, "immature_share"): [{"outcome_type": "click", "immature_share": 2.0}],
        (RATE, RANGE, "naive_rate"): [{"outcome_type": "purchase", "naive_rate": 1.5}],
        (RATE, RANGE, "corrected_rate"): [{"outcome_type": "purchase", "corrected_rate": -1.0}],
        (RATE, "no_rate_without_grounds", "corrected_rate"): [
            {"outcome_type": "save", "corrected_rate": 0.0}
        ],
        (PAIR, RANGE, "weight"): [{"pair_id": "p1", "weight": 0.09}],
        (PAIR, "complete", None): [{"pair_id": "p1", "missing": "policy"}],
        (PAIR, SET, "source"): [{"pair_id": "p2", "source": "hearsay"}],
        (PAIR, "prefers_one_of_two", "rejected_item_id"): [{"pair_id": "p2"}],
        (PAIR, "key_unique", "pair_id"): [{"pair_id": "p3", "copies": 2}],
    },
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
