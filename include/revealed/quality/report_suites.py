"""What must hold of the small reports, and of who people are: short tables, read whole. Pure: no I/O.

Importing this module imports Great Expectations, which takes seconds: import it inside functions.
"""

from __future__ import annotations

from revealed.quality.expectations import complete, no_rows, not_null, rows_at_least, unique_key
from revealed.quality.suite import Suite

_NO_LOG = "a log without impressions has nothing to report"


def rpt_exposure_bias() -> Suite:
    """Return the suite of how unequally items are shown."""
    return Suite(
        "marts",
        "rpt_exposure_bias",
        ("surface",),
        (
            rows_at_least(0, _NO_LOG),
            complete(
                "surface",
                *(
                    "surface",
                    "catalogue_items",
                    "exposed_items",
                    "engaged_items",
                    "impressions",
                    "engagements",
                ),
                *("exposure_coverage", "engagement_coverage", "exposure_gini", "as_of"),
            ),
            unique_key("surface"),
            no_rows(
                "items_within_each_other",
                "exposed_items",
                "no more items are engaged with than shown, none is shown that is not in the catalogue",
                "select surface, engaged_items, exposed_items, catalogue_items from {batch} "
                "where engaged_items > exposed_items or exposed_items > catalogue_items",
            ),
            no_rows(
                "gini_is_a_share",
                "exposure_gini",
                "a Gini coefficient lies between 0 and 1",
                "select surface, exposure_gini from {batch} where not exposure_gini between 0 and 1",
            ),
        ),
    )


def rpt_popularity_bias() -> Suite:
    """Return the suite of what popular items get."""
    return Suite(
        "marts",
        "rpt_popularity_bias",
        ("surface", "popularity_decile"),
        (
            rows_at_least(0, _NO_LOG),
            complete(
                "surface, popularity_decile",
                *("surface", "popularity_decile", "items", "impressions", "engagements", "as_of"),
            ),
            unique_key("surface", "popularity_decile"),
            no_rows(
                "engagements_within_impressions",
                "engagements",
                "no more engagements than impressions",
                "select surface, popularity_decile, engagements, impressions from {batch} "
                "where engagements > impressions",
            ),
        ),
    )


def rpt_topic_exposure() -> Suite:
    """Return the suite of what each topic gets."""
    return Suite(
        "marts",
        "rpt_topic_exposure",
        ("surface", "topic"),
        (
            rows_at_least(0, _NO_LOG),
            complete(
                "surface, topic",
                *("surface", "topic", "items", "exposed_items", "impressions", "engagements"),
                *("catalogue_share", "as_of"),
            ),
            unique_key("surface", "topic"),
            no_rows(
                "engagements_within_impressions",
                "engagements",
                "no more engagements than impressions",
                "select surface, topic, engagements, impressions from {batch} where engagements > impressions",
            ),
        ),
    )


def rpt_debiasing_effect() -> Suite:
    """Return the suite of what debiasing changed."""
    return Suite(
        "marts",
        "rpt_debiasing_effect",
        ("popularity_decile",),
        (
            rows_at_least(0, "without feedback there is nothing to compare"),
            *not_null("popularity_decile"),
            unique_key("popularity_decile"),
        ),
    )


def rpt_label_maturity() -> Suite:
    """Return the suite of how late labels come."""
    return Suite(
        "marts",
        "rpt_label_maturity",
        ("outcome_type", "delay_periods"),
        (
            rows_at_least(0, "a log without outcomes tells nothing about delays"),
            complete(
                "outcome_type, delay_periods",
                *("outcome_type", "delay_periods", "period_hours", "known_within_hours", "exposures_at_risk"),
                *("outcomes_at_delay", "outcomes_by_delay", "hazard", "share_known", "share_standard_error"),
                *("maturity_window_hours", "is_within_window", "policy_version", "as_of"),
            ),
            unique_key("outcome_type", "delay_periods"),
            no_rows(
                "outcomes_within_what_is_at_risk",
                "outcomes_at_delay",
                "no more outcomes come at a delay than by it, or than were at risk",
                "select outcome_type, delay_periods, outcomes_at_delay, outcomes_by_delay, exposures_at_risk "
                "from {batch} where outcomes_at_delay > least(outcomes_by_delay, exposures_at_risk)",
            ),
        ),
    )


def dim_users() -> Suite:
    """Return the suite of the people known by attributes."""
    return Suite(
        "marts",
        "dim_users",
        ("user_id",),
        (
            rows_at_least(0, "attributes of people are optional: logs may come without any"),
            *not_null("user_id"),
            unique_key("user_id"),
        ),
    )
