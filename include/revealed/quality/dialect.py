"""DuckDB for Great Expectations: on the audit's desk, and without transactions.

Great Expectations fetches a result after its pooled connection has gone back, and the pool's rollback
throws DuckDB's pending result away ("list index out of range"). An audit only reads: there is nothing to
begin, commit or roll back.
"""

from __future__ import annotations

from typing import Any

from duckdb_engine import ConnectionWrapper, Dialect
from sqlalchemy.dialects import registry


class AuditDialect(Dialect):
    """`duckdb-engine`'s dialect; every connection is one to the desk that the caller opened."""

    supports_statement_cache = False

    def connect(self, *_: Any, **parameters: Any) -> Any:
        """Return a connection from `open_cursor` (in `parameters`)."""
        return ConnectionWrapper(parameters["open_cursor"]())

    def do_begin(self, connection: Any) -> None:
        """Begin nothing."""

    def do_rollback(self, connection: Any) -> None:
        """Keep the pending result."""

    def do_commit(self, connection: Any) -> None:
        """Commit nothing."""


def register() -> None:
    """Make `duckdb://` mean `AuditDialect` in this process; calling it again changes nothing."""
    registry.register("duckdb", __name__, AuditDialect.__name__)
