"""What a suite is: one table's expectations, and the columns that name its failing rows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Suite:
    """One table's expectations.

    Attributes:
        schema: the table's schema.
        table: its name.
        keys: the columns that name a failing row.
        expectations: the first counts the rows.
        changed: for a table that may be a view: the rows that a continued build may have changed, as a SQL condition;
            `{since}` is the first day whose lines changed, `{labels_since}` the first day whose labels were still open
            then. None: always all rows. A table is read whole, whatever this says.
    """

    schema: str
    table: str
    keys: tuple[str, ...]
    expectations: tuple[Any, ...]
    changed: str | None = None

    @property
    def name(self) -> str:
        """The table's full name, `schema.table`."""
        return f"{self.schema}.{self.table}"
