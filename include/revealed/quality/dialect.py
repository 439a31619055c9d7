"""DuckDB for Great Expectations: read only, under the project's own settings, and without transactions.

Great Expectations fetches a result after its pooled connection has gone back, and the pool's rollback
throws DuckDB's pending result away ("list index out of range"). A read-only connection has nothing to
begin, commit or roll back.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from duckdb_engine import ConnectionWrapper, Dialect
from sqlalchemy.dialects import registry

from revealed.engines.duckdb import connect


class AuditDialect(Dialect):
    """`duckdb-engine`'s dialect, opened through `revealed.engines.duckdb` (one configuration a process)."""

    supports_statement_cache = False

    def connect(self, *_: Any, **parameters: Any) -> Any:
        """Return a read-only connection to the file `database` under `settings` (both in `parameters`)."""
        return ConnectionWrapper(
            connect(parameters["settings"], Path(parameters["database"]), read_only=True)
        )

    def do_begin(self, connection: Any) -> None:
        """Begin nothing."""

    def do_rollback(self, connection: Any) -> None:
        """Keep the pending result."""

    def do_commit(self, connection: Any) -> None:
        """Commit nothing."""


def register() -> None:
    """Make `duckdb://` mean `AuditDialect` in this process; calling it again changes nothing."""
    registry.register("duckdb", __name__, AuditDialect.__name__)
