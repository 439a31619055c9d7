"""Every suite of the candidate warehouse: one a mart, as code. Pure: nothing is read or written.

Importing this module imports Great Expectations, which takes seconds: import it inside functions.
"""

from __future__ import annotations

from datetime import UTC, datetime

from revealed.quality import behaviour_suites as behaviour
from revealed.quality import derived_suites as derived
from revealed.quality import ledger_suites as credit
from revealed.quality.suite import Suite


def warehouse_suites(as_of: datetime) -> list[Suite]:
    """Return the suites of the candidate warehouse built as of `as_of` (UTC where it names no zone)."""
    moment = _timestamp(as_of)
    return [
        behaviour.fct_events(moment),
        behaviour.fct_sessions(),
        behaviour.fct_impressions(moment),
        credit.fct_reversals(),
        credit.fct_attribution(),
        credit.rpt_position_bias(),
        credit.rpt_outcome_rates(),
        derived.feedback_user_item(moment),
        derived.feedback_fold_test(),
        credit.feedback_pairs(),
        derived.rpt_model_daily(),
        derived.dim_items(),
        derived.ledger(),
    ]


def _timestamp(moment: datetime) -> str:
    naive = moment.astimezone(UTC).replace(tzinfo=None) if moment.tzinfo else moment
    return f"timestamp '{naive.isoformat(sep=' ')}'"
