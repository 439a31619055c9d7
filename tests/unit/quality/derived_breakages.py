"""Breakages of what is worked out from the logs: feedback, reports, credit. See breakages.py."""

from __future__ import annotations

from breakages import (
    CREDIT,
    CURVE,
    FEEDBACK,
    FOLD,
    ITEM,
    LEDGER,
    PAIR,
    RANGE,
    RATE,
    REPORT,
    REVERSAL,
    SESSION,
    SET,
    TRAIN,
    Breakages,
    of_feedback,
)

REPORT_KEY = {"surface": "home", "model_name": "als", "model_version": "3", "policy": "softmax"}


DERIVED = Breakages(
    (
        "update marts.fct_sessions set started_at = ended_at + interval 1 second where session_key = 'kr1'",
        "update marts.fct_sessions set length_s = -1, events = 0 where session_key = 'k5'",
        "update marts.fct_sessions set items = null where session_key = 'kr1'",
        "insert into marts.fct_sessions from marts.fct_sessions where session_key = 'kr3'",
        of_feedback("u1", "i2", "confidence = 0.5"),
        of_feedback("u1", "i3", "confidence = '-infinity'::double"),
        of_feedback("u2", "i1", "confidence = -3"),
        of_feedback("u2", "i2", "positive_evidence = -1, as_of = timestamp '2026-03-04'"),
        of_feedback("u3", "i3", "preference = 2, negative_evidence = -1"),
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
