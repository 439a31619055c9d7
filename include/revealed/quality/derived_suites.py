"""What must hold of what is derived from behaviour, of the catalogue and of the ledger. Pure: no I/O.

Importing this module imports Great Expectations, which takes seconds: import it inside functions.
"""

from __future__ import annotations

from revealed.quality.expectations import (
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

_OF_EVERY_REPORT = (
    *(
        "surface",
        "model_name",
        "model_version",
        "policy",
        "click_rate",
        "satisfied",
        "satisfied_rate",
        "purchases",
    ),
    *("net_value", "mature_impressions"),
)


def feedback_user_item(moment: str) -> Suite:
    """Return the suite of the training feedback; `moment` is a SQL timestamp."""
    return Suite(
        "marts",
        "feedback_user_item",
        ("user_id", "item_id"),
        (
            rows_at_least(1, "no feedback, no training"),
            *not_null(
                "user_id", "item_id", "preference", "confidence", "positive_evidence", "negative_evidence"
            ),
            *not_null("policy_version", "as_of"),
            unique_key("user_id", "item_id"),
            one_of("preference", 0, 1),
            between("positive_evidence", 0),
            between("negative_evidence", 0),
            as_of_not_later("user_id, item_id", moment),
            no_rows(
                "confidence_finite_at_least_one",
                "confidence",
                "|confidence| is finite and at least 1 (1 + α × evidence; Hu, Koren & Volinsky 2008)",
                "select user_id, item_id, confidence from {batch} where not (abs(confidence) >= 1 "
                "and isfinite(confidence))",
            ),
            no_rows(
                "confidence_sign_agrees",
                "confidence",
                "confidence is positive exactly where preference is 1",
                "select user_id, item_id, preference, confidence from {batch} "
                "where (confidence > 0) <> (preference = 1)",
            ),
        ),
    )


def feedback_fold_train() -> Suite:
    """Return the suite of the training feedback as known when the holdout began."""
    return Suite(
        "marts",
        "feedback_fold_train",
        ("user_id", "item_id"),
        (
            rows_at_least(0, "before the holdout began nothing may have been known"),
            complete("user_id, item_id", "user_id", "item_id", "preference", "confidence"),
            unique_key("user_id", "item_id"),
            one_of("preference", 0, 1),
            no_rows(
                "confidence_sign_agrees",
                "confidence",
                "|confidence| is at least 1, positive exactly where preference is 1",
                "select user_id, item_id, preference, confidence from {batch} "
                "where not (abs(confidence) >= 1 and isfinite(confidence)) or (confidence > 0) <> (preference = 1)",
            ),
        ),
    )


def feedback_fold_test() -> Suite:
    """Return the suite of the held-out pairs."""
    return Suite(
        "marts",
        "feedback_fold_test",
        ("user_id", "item_id"),
        (
            rows_at_least(0, "a young warehouse has no pair that became positive within the holdout"),
            *not_null("user_id", "item_id"),
            complete("user_id, item_id", "positive_evidence", "first_event_at"),
            unique_key("user_id", "item_id"),
            between("positive_evidence", 0, above=True),
            no_rows(
                "not_consumed_before",
                "item_id",
                "no held-out pair was consumed before the holdout began",
                """select t.user_id, t.item_id from {batch} as t
                semi join marts.feedback_fold_train as f
                on f.user_id = t.user_id and f.item_id = t.item_id and f.is_consumed""",
            ),
        ),
    )


def rpt_model_daily() -> Suite:
    """Return the suite of the daily report a model."""
    return Suite(
        "marts",
        "rpt_model_daily",
        ("report_date", "surface", "model_name", "model_version", "policy"),
        (
            rows_at_least(0, "traffic of bots alone makes no report; the sum below tells a loss"),
            *not_null("report_date", "requests", "impressions", "clicks"),
            complete("report_date, surface, model_name, model_version, policy", *_OF_EVERY_REPORT),
            unique_key("report_date", "surface", "model_name", "model_version", "policy"),
            between("click_rate", 0, 1),
            between("satisfied_rate", 0, 1),
            no_rows(
                "clicks_within_impressions",
                "clicks",
                "no more clicks than impressions",
                "select report_date, surface, model_name, model_version, policy, clicks, impressions "
                "from {batch} where clicks > impressions",
            ),
            no_rows(
                "report_adds_up",
                "impressions",
                "each day's impressions add up to fct_impressions (bots left out), from the first day that changed on",
                """with days as (
                    select coalesce(window_start, date '0001-01-01') as since from ops.build_plan
                ), reported as (
                    select report_date, sum(impressions) as impressions from {batch} group by all
                ), shown as (
                    select impression_date as report_date, count(*) as impressions from marts.fct_impressions
                    where not is_bot group by all
                )
                select coalesce(r.report_date, i.report_date) as report_date, r.impressions,
                    i.impressions as in_fct_impressions
                from reported as r full join shown as i on i.report_date = r.report_date
                where coalesce(r.report_date, i.report_date) >= (select since from days)
                    and coalesce(r.impressions, 0) <> coalesce(i.impressions, 0)""",
            ),
        ),
    )


def dim_items() -> Suite:
    """Return the suite of the catalogue."""
    return Suite(
        "marts",
        "dim_items",
        ("item_id",),
        (
            rows_at_least(0, "a catalogue is optional: logs may come without one"),
            *not_null("item_id", "is_available"),
            unique_key("item_id"),
            between("price", 0),
            between("expected_dwell_s", 0),
        ),
    )


def ledger() -> Suite:
    """Return the suite of the landing ledger: every received line is accounted for."""
    return Suite(
        "ops",
        "ledger",
        ("sha256", "name"),
        (
            rows_at_least(1, "rows whose file is not in the ledger do not exist"),
            *not_null("sha256", "log", "received", "accepted", "duplicate", "quarantined", "erased"),
            unique_key("sha256"),
            *(between(count, 0) for count in ("received", "accepted", "duplicate", "quarantined", "erased")),
            no_rows(
                "every_line_accounted_for",
                "received",
                "received = accepted + duplicate + quarantined + erased, file by file",
                "select sha256, name, received, accepted, duplicate, quarantined, erased from {batch} "
                "where received <> accepted + duplicate + quarantined + erased",
            ),
            no_rows(
                "events_come_from_files",
                "accepted",
                "fct_events holds no more rows than files brought accepted events",
                """select l.accepted, e.events from
                (select coalesce(sum(accepted), 0) as accepted from {batch} where log = 'events') as l,
                (select count(*) as events from marts.fct_events) as e
                where e.events > l.accepted""",
            ),
        ),
    )
