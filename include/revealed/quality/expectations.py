"""The few kinds of expectation that the suites are written in.

Great Expectations' quantile, regex and type expectations fail on DuckDB, and its uniqueness reads every
column. So all that is not a plain column rule is a query that must return no row; what it returns names the
culprits.

Importing this module imports Great Expectations, which takes seconds: import it inside functions.
"""

from __future__ import annotations

from inspect import cleandoc
from typing import Any, ClassVar

from great_expectations.expectations.core.expect_column_values_to_be_between import (
    ExpectColumnValuesToBeBetween,
)
from great_expectations.expectations.core.expect_column_values_to_be_in_set import ExpectColumnValuesToBeInSet
from great_expectations.expectations.core.expect_column_values_to_not_be_null import (
    ExpectColumnValuesToNotBeNull,
)
from great_expectations.expectations.core.expect_table_row_count_to_be_between import (
    ExpectTableRowCountToBeBetween,
)
from great_expectations.expectations.core.unexpected_rows_expectation import UnexpectedRowsExpectation
from great_expectations.expectations.metadata_types import FailureSeverity
from great_expectations.render.components import (
    CollapseContent,
    LegacyDiagnosticRendererType,
    RenderedStringTemplateContent,
    RenderedTableContent,
)
from great_expectations.render.renderer.renderer import renderer

WARNING = "warning"
_DOCUMENTED_ROWS = 20
_COUNT = "unexpected_rows_in_all"


class ExpectNoRows(UnexpectedRowsExpectation):
    """A query for rows that break a rule: none may come back.

    Great Expectations asks such a query twice, for its rows and for their number. On marts that are views that
    costs twice the work, so the number comes along in a column (`_COUNT`) of the first rows.

    `meta` holds the rule's stable name (`rule`), the column that it is about (`column`, may be absent) and the
    query as it was written (`query`).
    """

    metric_dependencies: ClassVar[tuple[str, ...]] = ("unexpected_rows_query.table",)

    def _validate(self, metrics: dict[str, Any], *_: Any, **__: Any) -> dict[str, Any]:
        """Return the verdict with its first rows, whichever result format the caller asked for."""
        rows = metrics["unexpected_rows_query.table"]
        count = rows[0][_COUNT] if rows else 0
        named = [{name: value for name, value in row.items() if name != _COUNT} for row in rows]
        result = {"observed_value": count, "details": {"unexpected_rows": named}}
        return {"success": count == 0, "result": result}

    @classmethod
    @renderer(renderer_type=LegacyDiagnosticRendererType.OBSERVED_VALUE)
    def _diagnostic_observed_value_renderer(
        cls, configuration: Any = None, result: Any = None, runtime_configuration: Any = None, **_: Any
    ) -> str:
        count = result.result.get("observed_value")
        return "--" if count is None else f"{count:,} unexpected row{'' if count == 1 else 's'}"

    @classmethod
    @renderer(renderer_type=LegacyDiagnosticRendererType.UNEXPECTED_TABLE)
    def _diagnostic_unexpected_table_renderer(
        cls, configuration: Any = None, result: Any = None, runtime_configuration: Any = None, **_: Any
    ) -> list[Any] | None:
        rows = result.result.get("details", {}).get("unexpected_rows")
        if not rows:
            return None
        header = list(rows[0])
        cells = [[str(row[name]) for name in header] for row in rows]
        config = result.expectation_config
        query = config.meta["query"].replace("{batch}", config.meta["table"])
        return [
            RenderedTableContent(content_block_type="table", table=cells, header_row=header),
            CollapseContent(
                collapse_toggle_link="the query for all of them", collapse=[_text(query, tag="pre")]
            ),
        ]


def _text(text: str, tag: str = "span") -> Any:
    """Great Expectations escapes parameters only where a template is styled."""
    return RenderedStringTemplateContent(
        content_block_type="string_template",
        string_template={"template": "$text", "params": {"text": text}, "tag": tag, "styling": {}},
    )


def rows_at_least(count: int, why: str) -> Any:
    """Return: the table has `count` rows or more. Every suite has one: none may pass on nothing."""
    return ExpectTableRowCountToBeBetween(min_value=count, description=f"at least {count} rows: {why}")


def not_null(*columns: str) -> list[Any]:
    """Return, for each column: no value is missing."""
    return [ExpectColumnValuesToNotBeNull(column=column) for column in columns]


def one_of(column: str, *values: str | int) -> Any:
    """Return: every value present is among `values`."""
    return ExpectColumnValuesToBeInSet(column=column, value_set=list(values))


def between(column: str, low: float, high: float | None = None, *, above: bool = False) -> Any:
    """Return: every value present lies in [low, high], or in (low, high] where `above`."""
    return ExpectColumnValuesToBeBetween(column=column, min_value=low, max_value=high, strict_min=above)


def no_rows(rule: str, column: str | None, meaning: str, sql: str, *, severity: str = "critical") -> Any:
    """Return: `sql` gives no row.

    Args:
        rule: the expectation's stable name in failures.
        column: the column that the rule is about, if it is about one.
        meaning: what holds, in words; the Data Docs show it.
        sql: the query for rows that break the rule, with `{batch}` for the table; it selects the columns that
            name a row, then the values that are wrong.
        severity: "critical" stops a publish, "warning" is told.
    """
    query = cleandoc(sql)
    return ExpectNoRows(
        unexpected_rows_query=f"select *, count(*) over () as {_COUNT} from (\n{query}\n) "
        f"order by all limit {_DOCUMENTED_ROWS}",
        description=meaning,
        meta={"rule": rule, "column": column, "query": query},
        severity=FailureSeverity(severity),
    )


def unique_key(*columns: str, rule: str = "key_unique") -> Any:
    """Return: no two rows share the values of `columns`."""
    key = ", ".join(columns)
    return no_rows(
        rule,
        columns[0] if len(columns) == 1 else None,
        f"one row per {' × '.join(columns)}",
        f"select {key}, count(*) as copies from {{batch}} group by {key} having count(*) > 1",
    )


def complete(keys: str, *columns: str) -> Any:
    """Return: no value is missing in any of `columns`, asked in one reading of the table; `keys` name a row."""
    missing = ", ".join(f"case when {column} is null then '{column}' end" for column in columns)
    return no_rows(
        "complete",
        None,
        f"never missing: {', '.join(columns)}",
        f"select {keys}, concat_ws(', ', {missing}) as missing from {{batch}} "
        f"where {' or '.join(f'{column} is null' for column in columns)}",
    )


def as_of_not_later(keys: str, moment: str) -> Any:
    """Return: no row's `as_of` is later than `moment` (a SQL timestamp); `keys` name a row."""
    return no_rows(
        "as_of_not_later",
        "as_of",
        "no row was built as of a later moment than this build",
        f"select {keys}, as_of from {{batch}} where as_of > {moment}",
    )
