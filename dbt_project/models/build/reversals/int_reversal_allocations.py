"""One row per reversal and event that it takes back, for the owners that this build touches."""

from datetime import timedelta

from revealed.feedback.reversals import allocate_reversals


def model(dbt, session):
    """Hand the touched owners' history to the allocation."""
    dbt.config(materialized="table")
    return allocate_reversals(
        dbt.ref("int_reversal_originals").to_arrow_table(),
        dbt.ref("int_reversals_reallocated").to_arrow_table(),
        clock_tolerance=timedelta(minutes=float(dbt.config.get("clock_tolerance_minutes"))),
    )
