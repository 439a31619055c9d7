"""What an audit says: plain data that a manifest, an XCom or a terminal can hold."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import date, datetime, time
from pathlib import Path
from typing import Any

from revealed.errors import AuditFailedError

SAMPLE_ROWS = 5


@dataclass(frozen=True)
class AuditFailure:
    """One expectation that did not hold: where, which, how often, and a few of its rows by key.

    `sample_rows` hold the table's key columns and the offending values; where the expectation could not be
    evaluated at all they hold one row, `{"error": ...}`.
    """

    table: str
    expectation: str
    column: str | None
    unexpected_count: int
    sample_rows: list[dict[str, Any]]
    meaning: str = ""

    def describe(self) -> str:
        """Return the failure as one readable line, followed by its sample rows."""
        where = f"{self.table}.{self.column}" if self.column else self.table
        rows = "row" if self.unexpected_count == 1 else "rows"
        head = f"{where}: {self.expectation}: {self.unexpected_count:,} {rows}"
        lines = [f"{head} ({self.meaning})" if self.meaning else head]
        lines += [
            "  " + ", ".join(f"{key}={value!r}" for key, value in row.items()) for row in self.sample_rows
        ]
        return "\n".join(lines)

    @classmethod
    def from_dict(cls, value: Mapping[str, Any]) -> AuditFailure:
        """Return the failure that `dataclasses.asdict` wrote."""
        return cls(**value)


@dataclass(frozen=True)
class AuditResult:
    """The verdict of one audit. `failures` stop a publish; `warnings` are told and do not."""

    passed: bool
    checks: int
    failures: list[AuditFailure]
    data_docs: Path
    warnings: tuple[AuditFailure, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """Return the result as JSON-ready values (no NaN, no timestamps)."""
        return {
            "passed": self.passed,
            "checks": self.checks,
            "failures": [asdict(failure) for failure in self.failures],
            "warnings": [asdict(warning) for warning in self.warnings],
            "data_docs": str(self.data_docs),
        }

    @classmethod
    def from_dict(cls, value: Mapping[str, Any]) -> AuditResult:
        """Return the result that `to_dict` wrote."""
        return cls(
            passed=bool(value["passed"]),
            checks=int(value["checks"]),
            failures=[AuditFailure.from_dict(failure) for failure in value["failures"]],
            data_docs=Path(value["data_docs"]),
            warnings=tuple(AuditFailure.from_dict(warning) for warning in value.get("warnings", ())),
        )

    def require_pass(self) -> None:
        """Return when the audit passed.

        Raises:
            AuditFailedError: it did not; the message names every failed expectation's table, column, number
                of rows, and up to five of those rows by key.
        """
        if self.passed:
            return
        found = "\n".join(failure.describe() for failure in self.failures) or "no expectation was evaluated"
        raise AuditFailedError(
            f"{len(self.failures)} of {self.checks} expectations do not hold\n{found}",
            where=str(self.data_docs),
            remedy="correct the rows or the model that made them and build again; what was in service stays",
        )


def plain(value: Any) -> Any:
    """Return `value` as something JSON can hold: times as ISO text, NaN and all that is unknown as text."""
    if value is None or isinstance(value, bool | int | str):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else str(value)
    if isinstance(value, datetime | date | time):
        return value.isoformat()
    return str(value)
