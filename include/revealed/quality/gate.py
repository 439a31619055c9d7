"""The gate between build and publish: a candidate passes every expectation, or nothing is published."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

from revealed.errors import AuditFailedError
from revealed.quality.result import AuditResult
from revealed.quality.validation import SuiteOutcome, validate
from revealed.settings import Settings


def audit_warehouse(
    settings: Settings, database: Path, *, as_of: datetime, subject: str = "warehouse"
) -> AuditResult:
    """Return the verdict on the candidate file `database` built as of `as_of`, and add it to the Data Docs.

    Failed expectations are in the result, not raised: call `.require_pass()`.

    Args:
        settings: where the Data Docs are, and DuckDB's limits.
        database: the finished candidate; opened read only.
        as_of: the moment of the build.
        subject: whose place among the kept audits it takes.

    Raises:
        AuditFailedError: the audit could not be carried out; a crash is never a pass.
    """
    from revealed.quality.suites import warehouse_suites

    outcomes = validate(settings, database, warehouse_suites(as_of))
    return conclude(settings, outcomes, subject=subject, title=f"Warehouse as of {as_of:%Y-%m-%d %H:%M}")


def conclude(settings: Settings, outcomes: list[SuiteOutcome], *, subject: str, title: str) -> AuditResult:
    """Return the outcomes as one verdict, after writing them to the Data Docs.

    Args:
        settings: where the Data Docs are, and how many audits of one subject they keep.
        outcomes: one a suite.
        subject: what was audited: "warehouse", "snapshot" or "rebuild".
        title: the audit's heading in the Data Docs.

    Raises:
        AuditFailedError: the Data Docs could not be written, so that nobody could see what was checked.
    """
    from revealed.quality.data_docs import add_audit

    failures = [failure for outcome in outcomes for failure in outcome.failures]
    checks = sum(outcome.checks for outcome in outcomes)
    result = AuditResult(
        passed=not failures and checks > 0,
        checks=checks,
        failures=failures,
        data_docs=settings.data_docs / "index.html",
        warnings=tuple(warning for outcome in outcomes for warning in outcome.warnings),
    )
    try:
        add_audit(settings, outcomes, result, subject=subject, title=title)
    except Exception as error:
        raise AuditFailedError(
            f"the audit could not be documented: {type(error).__name__}: {error}",
            where=str(settings.data_docs),
        ) from error
    return result
