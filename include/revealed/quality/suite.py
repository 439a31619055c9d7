"""What a suite is: one table's expectations, and the columns that name its failing rows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Suite:
    """One table's expectations. `keys` are the columns that name a failing row."""

    schema: str
    table: str
    keys: tuple[str, ...]
    expectations: tuple[Any, ...]

    @property
    def name(self) -> str:
        """The table's full name, `schema.table`."""
        return f"{self.schema}.{self.table}"
