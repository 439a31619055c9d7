"""Runs suites through Great Expectations, pushed down to DuckDB as SQL, and reads the outcome.

Fails closed: an expectation that could not be evaluated is a failure, a suite that evaluated nothing is a
failure, and a crash of Great Expectations is an `AuditFailedError`.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from revealed.errors import AuditFailedError
from revealed.quality.desk import Desk, open_desk
from revealed.quality.result import SAMPLE_ROWS, AuditFailure, plain
from revealed.quality.suite import Suite
from revealed.settings import Settings

_ROW_COUNT = "expect_table_row_count_to_be_between"


@dataclass(frozen=True)
class SuiteOutcome:
    """One suite's outcome: its verdicts in our words, and Great Expectations' own for the Data Docs."""

    table: str
    checks: int
    failures: tuple[AuditFailure, ...]
    warnings: tuple[AuditFailure, ...]
    rows: int
    validation: Any


def validate(settings: Settings, database: Path, suites: Sequence[Suite]) -> list[SuiteOutcome]:
    """Return the outcome of each suite on the DuckDB file `database`, which stays closed afterwards.

    Raises:
        AuditFailedError: Great Expectations, SQLAlchemy or DuckDB gave up; the original error is the cause.
    """
    try:
        with open_desk(settings, database, suites) as desk, _datasource(desk) as source:
            return [_validate_suite(desk, source, suite) for suite in suites]
    except Exception as error:
        raise AuditFailedError(
            f"the audit could not be carried out: {error}{_root_cause(error)}",
            where=str(database),
            remedy="nothing was published; correct the cause, then build again",
        ) from error


def _root_cause(error: BaseException) -> str:
    """Great Expectations guesses ("the schema does not exist") and keeps what DuckDB said in the chain of causes."""
    root = error
    while root.__cause__ is not None:
        root = root.__cause__
    return f" ({type(root).__name__}: {str(root).splitlines()[0]})" if root is not error and str(root) else ""


@contextmanager
def _datasource(desk: Desk) -> Iterator[Any]:
    import great_expectations as gx
    from great_expectations.data_context.types.base import (
        DataContextConfig,
        InMemoryStoreBackendDefaults,
        ProgressBarsConfig,
    )

    from revealed.quality import dialect

    dialect.register()
    config = DataContextConfig(
        analytics_enabled=False,
        progress_bars=ProgressBarsConfig(globally=False),
        store_backend_defaults=InMemoryStoreBackendDefaults(),
    )
    context = gx.get_context(mode="ephemeral", project_config=config)
    sources: Any = context.data_sources
    source = sources.add_sql(
        name="warehouse", connection_string="duckdb://", kwargs={"connect_args": {"open_cursor": desk.cursor}}
    )
    try:
        yield source
    finally:
        source.get_execution_engine().close()
        source.get_engine().dispose()


def _validate_suite(desk: Desk, source: Any, suite: Suite) -> SuiteOutcome:
    import great_expectations as gx

    desk.lay_out(suite)
    with warnings.catch_warnings():
        # One connection serves several schemas; the advised way is one schema a connection.
        warnings.filterwarnings("ignore", message="`schema_name` is deprecated", category=DeprecationWarning)
        asset = source.add_table_asset(name=suite.name, table_name=suite.table, schema_name=suite.schema)
    batch = asset.add_batch_definition_whole_table("whole table").get_batch()
    validation = batch.validate(
        gx.ExpectationSuite(name=suite.name, expectations=list(suite.expectations)),
        result_format={
            "result_format": "SUMMARY",
            "unexpected_index_column_names": list(suite.keys),
            "partial_unexpected_count": SAMPLE_ROWS,
        },
    )
    return _read(suite, validation)


def _read(suite: Suite, validation: Any) -> SuiteOutcome:
    failed = [result for result in validation.results if not result.success]
    by_severity: dict[bool, list[AuditFailure]] = {True: [], False: []}
    for result in failed:
        by_severity[_is_warning(result)].append(_failure(suite.name, result))
    return SuiteOutcome(
        table=suite.name,
        checks=len(validation.results),
        failures=(*by_severity[False], *_vacuous(suite, validation)),
        warnings=tuple(by_severity[True]),
        rows=_row_count(validation),
        validation=validation,
    )


def _vacuous(suite: Suite, validation: Any) -> list[AuditFailure]:
    """A suite that says nothing must not count as a pass."""
    kinds = [result.expectation_config.type for result in validation.results]
    if kinds and len(kinds) == len(suite.expectations) and _ROW_COUNT in kinds:
        return []
    counted = "with" if _ROW_COUNT in kinds else "without"
    error = f"{len(kinds)} of {len(suite.expectations)} expectations evaluated, {counted} a row count"
    return [AuditFailure(suite.name, "suite_evaluated", None, 0, [{"error": error}])]


def _is_warning(result: Any) -> bool:
    crashed = bool(result.exception_info.get("raised_exception", True))
    return not crashed and str(getattr(result.expectation_config.severity, "value", "")) == "warning"


def _failure(table: str, result: Any) -> AuditFailure:
    config, found = result.expectation_config, result.result
    count = found.get("unexpected_count", found.get("observed_value", 0))
    if config.type == _ROW_COUNT:
        samples, count = [{"row_count": count, "least": config.kwargs.get("min_value")}], 0
    else:
        samples = _samples(result)
    return AuditFailure(
        table=table,
        expectation=(config.meta or {}).get("rule") or config.type,
        column=(config.meta or {}).get("column") or config.kwargs.get("column"),
        unexpected_count=int(count or 0),
        sample_rows=[{str(key): plain(value) for key, value in row.items()} for row in samples[:SAMPLE_ROWS]],
        meaning=config.description or "",
    )


def _samples(result: Any) -> list[dict[str, Any]]:
    found = result.result
    rows = found.get("details", {}).get("unexpected_rows") or found.get("partial_unexpected_index_list")
    return list(rows) if rows else [{"error": _first_error(result.exception_info)}]


def _first_error(info: dict[str, Any]) -> str:
    """Great Expectations gives one error, or one for each metric that failed."""
    if "exception_message" in info:
        return str(info["exception_message"])
    messages = [str(entry.get("exception_message")) for entry in info.values() if isinstance(entry, dict)]
    return messages[0] if messages else "no rows were given"


def _row_count(validation: Any) -> int:
    counts = [
        r.result.get("observed_value") for r in validation.results if r.expectation_config.type == _ROW_COUNT
    ]
    return int(counts[0] or 0) if counts else 0
