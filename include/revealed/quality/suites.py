"""Every suite of the candidate warehouse: one a mart, as code. Pure: nothing is read or written.

Importing this module imports Great Expectations, which takes seconds: import it inside functions.
"""

from __future__ import annotations

from datetime import UTC, datetime

from revealed.quality import behaviour_suites as behaviour
from revealed.quality import derived_suites as derived
from revealed.quality import ledger_suites as credit
from revealed.quality import report_suites as reports
from revealed.quality.suite import Suite


def warehouse_suites(as_of: datetime) -> list[Suite]:
    """Return the suites of the candidate warehouse built as of `as_of` (UTC where it names no zone).

    What others are compared with comes before them: its rows are then on the audit's desk already.
    """
    moment = _timestamp(as_of)
    return [
        behaviour.fct_events(moment),
        behaviour.fct_sessions(),
        behaviour.fct_impression_outcomes(),
        behaviour.fct_impressions(moment),
        derived.rpt_model_daily(),
        credit.fct_reversals(),
        credit.fct_attribution(),
        credit.rpt_position_bias(),
        credit.rpt_outcome_rates(),
        derived.feedback_user_item(moment),
        derived.feedback_fold_train(),
        derived.feedback_fold_test(),
        credit.feedback_pairs(),
        *_short_tables(),
    ]


def _short_tables() -> list[Suite]:
    return [
        reports.rpt_exposure_bias(),
        reports.rpt_popularity_bias(),
        reports.rpt_topic_exposure(),
        reports.rpt_debiasing_effect(),
        reports.rpt_label_maturity(),
        derived.dim_items(),
        reports.dim_users(),
        derived.ledger(),
    ]


def _timestamp(moment: datetime) -> str:
    naive = moment.astimezone(UTC).replace(tzinfo=None) if moment.tzinfo else moment
    return f"timestamp '{naive.isoformat(sep=' ')}'"
