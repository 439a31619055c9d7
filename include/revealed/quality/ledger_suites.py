"""What must hold of credit: attribution, what was taken back, estimates that correct it, preference pairs. Pure: no I/O.

Importing this module imports Great Expectations, which takes seconds: import it inside functions.
"""

from __future__ import annotations

from revealed.quality.behaviour_suites import CLOCK_SKEW_SECONDS
from revealed.quality.expectations import (
    between,
    complete,
    no_rows,
    not_null,
    one_of,
    rows_at_least,
    unique_key,
)
from revealed.quality.suite import Suite

_METHODS = ("last", "first", "linear", "time_decay", "position_based", "markov", "shapley")
_TOLERANCE = 1e-6
_TOLERANCE_OF_SHARES = 1e-9
_SHARE = "decimal(28, 9)"
_PAIR_WEIGHT_MAX = 10
"""dbt's `pair_weight_max`."""
_OF_EVERY_REVERSAL = (
    *(
        "reversal_type",
        "reversed_quantity",
        "reversed_value",
        "share_of_reversal",
        "occurred_at",
        "received_at",
    ),
    *("actor_id", "policy_version"),
)
_OF_EVERY_RATE = (
    *("surface", "model_name", "model_version", "policy", "mature_exposures", "immature_share", "naive_rate"),
    *(
        "aged_outcomes",
        "effective_exposures",
        "share_known",
        "maturity_window_hours",
        "policy_version",
        "as_of",
    ),
)
_OF_EVERY_PAIR = (
    *("surface", "model_version", "policy", "occurred_at", "chosen_position", "rejected_position", "source"),
    *("policy_version", "as_of"),
)


def fct_attribution() -> Suite:
    """Return the suite of the attribution ledger."""
    return Suite(
        "marts",
        "fct_attribution",
        ("outcome_event_id", "outcome_type", "method", "request_id"),
        (
            rows_at_least(0, "a log without outcomes credits nothing"),
            *not_null("outcome_event_id", "outcome_type", "method", "match_type", "credit", "net_value"),
            one_of("method", *_METHODS),
            one_of("match_type", "request_id", "user_item", "unattributed"),
            between("credit_share", 0, 1 + _TOLERANCE),
            no_rows(
                "credits_sum_to_net_value",
                "credit",
                "the credits of one outcome and method sum to its net value, and the shares to one",
                f"""select outcome_event_id, outcome_type, method, sum(credit) as credit, max(net_value) as net_value,
                    sum(credit_share) as credit_share
                from {{batch}} group by all
                having abs(sum(credit) - max(net_value)) > {_TOLERANCE} * greatest(1, abs(max(net_value)))
                    or abs(sum(credit_share) - 1) > {_TOLERANCE_OF_SHARES}""",
            ),
            no_rows(
                "credited_decision_was_shown",
                "request_id",
                "a credited decision is an impression of that item",
                """select c.outcome_event_id, c.request_id, c.item_id from {batch} as c
                anti join intermediate.int_impressions as i on i.request_id = c.request_id and i.item_id = c.item_id
                where c.match_type <> 'unattributed' and c.method = 'linear'""",
            ),
            no_rows(
                "unattributed_names_nobody",
                "request_id",
                "credit goes to a decision exactly where one is named",
                "select outcome_event_id, method, match_type, request_id from {batch} "
                "where (match_type = 'unattributed') <> (request_id is null)",
            ),
            no_rows(
                "shown_before_the_outcome",
                "touched_at",
                "no decision is credited with what happened before it (five minutes of clock skew aside)",
                "select outcome_event_id, request_id, touched_at, outcome_at from {batch} "
                f"where touched_at > outcome_at + interval {CLOCK_SKEW_SECONDS} second and method = 'linear'",
            ),
        ),
        changed="event_date >= {since}",
    )


def fct_reversals() -> Suite:
    """Return the suite of the reversals."""
    return Suite(
        "marts",
        "fct_reversals",
        ("reversal_event_id", "original_event_id"),
        (
            rows_at_least(0, "a log in which nothing is taken back has none"),
            *not_null("reversal_event_id", "evidence", "reversed_share"),
            complete("reversal_event_id, original_event_id", *_OF_EVERY_REVERSAL),
            unique_key("reversal_event_id", "original_event_id"),
            one_of("evidence", "event_id", "order_id", "user_item", "none"),
            between("reversed_share", 0, 1),
            between("share_of_reversal", 0, 1),
            no_rows(
                "no_more_than_all",
                "reversed_share",
                "no more is taken back of an event than there was, in nine decimals",
                f"select original_event_id, sum(cast(reversed_share as {_SHARE})) as reversed_share from {{batch}} "
                f"where original_event_id is not null group by 1 having sum(cast(reversed_share as {_SHARE})) > 1",
            ),
            no_rows(
                "accounts_for_all_of_it",
                "share_of_reversal",
                "the parts of a reversal sum to all of it, in nine decimals",
                f"select reversal_event_id, sum(cast(share_of_reversal as {_SHARE})) as share_of_reversal "
                f"from {{batch}} group by 1 having sum(cast(share_of_reversal as {_SHARE})) <> 1",
            ),
            no_rows(
                "nothing_without_an_original",
                "original_event_id",
                "a reversal names an original exactly where there is evidence, and takes nothing back without one",
                "select reversal_event_id, original_event_id, evidence, reversed_share from {batch} "
                "where (evidence = 'none') <> (original_event_id is null) or (evidence = 'none' and reversed_share <> 0)",
            ),
            no_rows(
                "taken_back_afterwards",
                "occurred_at",
                "nothing is taken back before it happened",
                "select reversal_event_id, original_event_id, occurred_at, original_occurred_at from {batch} "
                "where occurred_at < original_occurred_at and evidence <> 'event_id'",
            ),
        ),
    )


def rpt_position_bias() -> Suite:
    """Return the suite of the examination curves."""
    return Suite(
        "marts",
        "rpt_position_bias",
        ("surface", "position"),
        (
            rows_at_least(0, "a log without impressions has no positions"),
            *not_null("surface", "position", "method"),
            complete("surface, position", "clicks", "impressions", "window_start", "window_end", "as_of"),
            unique_key("surface", "position"),
            one_of("method", "hajek", "poisson", "refused"),
            between("examination", 0),
            no_rows(
                "within_its_interval",
                "examination",
                "an estimate lies within its interval",
                "select surface, position, examination, ci_low, ci_high from {batch} "
                "where examination < ci_low or examination > ci_high",
            ),
            no_rows(
                "refused_says_why",
                "reason",
                "a refused curve has no estimate and a reason; an estimate has no reason to be refused",
                "select surface, position, method, examination, reason from {batch} "
                "where (method = 'refused') <> (examination is null) or (method = 'refused') <> (reason is not null)",
            ),
        ),
    )


def rpt_outcome_rates() -> Suite:
    """Return the suite of the maturity-corrected rates."""
    return Suite(
        "marts",
        "rpt_outcome_rates",
        ("outcome_type", "surface", "model_version", "impression_date"),
        (
            rows_at_least(0, "a log without impressions has no rates"),
            *not_null("outcome_type", "exposures", "outcomes", "method"),
            complete("outcome_type, surface, model_version, impression_date", *_OF_EVERY_RATE),
            unique_key("outcome_type", "surface", "model_name", "model_version", "policy", "impression_date"),
            one_of("method", "mature", "corrected", "refused"),
            between("immature_share", 0, 1),
            between("naive_rate", 0, 1),
            between("corrected_rate", 0),
            no_rows(
                "no_rate_without_grounds",
                "corrected_rate",
                "a refused rate, and no other, is missing and says why; it is never zero instead",
                "select outcome_type, surface, model_version, impression_date, corrected_rate, reason from {batch} "
                "where (method = 'refused') <> (corrected_rate is null) or (method = 'refused') <> (reason is not null)",
            ),
            no_rows(
                "counts_within_each_other",
                "outcomes",
                "no more aged outcomes than outcomes, no more outcomes or mature exposures than exposures",
                "select outcome_type, surface, model_version, impression_date, aged_outcomes, outcomes, "
                "mature_exposures, exposures from {batch} "
                "where aged_outcomes > outcomes or outcomes > exposures or mature_exposures > exposures",
            ),
        ),
    )


def feedback_pairs() -> Suite:
    """Return the suite of the preference pairs."""
    return Suite(
        "marts",
        "feedback_pairs",
        ("pair_id",),
        (
            rows_at_least(0, "a log without lists has no pairs"),
            *not_null("pair_id", "request_id", "user_id", "chosen_item_id", "rejected_item_id", "weight"),
            complete("pair_id", *_OF_EVERY_PAIR),
            unique_key("pair_id"),
            one_of("source", "explicit", "engaged_over_skipped"),
            between("weight", 1 / _PAIR_WEIGHT_MAX, _PAIR_WEIGHT_MAX),
            no_rows(
                "prefers_one_of_two",
                "rejected_item_id",
                "nothing is preferred to itself",
                "select pair_id, chosen_item_id, rejected_item_id from {batch} "
                "where chosen_item_id = rejected_item_id",
            ),
        ),
        # A pair appears when the label of the rejected item is final: days after both were shown.
        changed="occurred_at >= {labels_since}",
    )
