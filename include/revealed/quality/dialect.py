"""DuckDB for Great Expectations: on the audit's desk, and without transactions.

Great Expectations fetches a result after its pooled connection has gone back, and the pool's rollback
throws DuckDB's pending result away ("list index out of range"). An audit only reads: there is nothing to
begin, commit or roll back.
"""

from __future__ import annotations

from typing import Any

from duckdb_engine import ConnectionWrapper, Dialect
from sqlalchemy.dialects import registry
from sqlalchemy.engine import Connection
from sqlalchemy.engine.interfaces import ReflectedColumn, ReflectedPrimaryKeyConstraint
from sqlalchemy.types import NullType

_COLUMNS = """
select column_name, data_type, is_nullable from duckdb_columns()
where database_name = current_database() and schema_name = ? and table_name = ? order by column_index
"""

# duckdb-engine's dialect is PostgreSQL's, whose names of types are others.
_POSTGRES_NAMES = {
    "bigint": "int8",
    "decimal": "numeric",
    "double": "float8",
    "float": "float4",
    "integer": "int4",
    "smallint": "int2",
}


class AuditDialect(Dialect):
    """`duckdb-engine`'s dialect; every connection is one to the desk that the caller opened."""

    supports_statement_cache = False

    def connect(self, *_: Any, **parameters: Any) -> Any:
        """Return a connection from `open_cursor` (in `parameters`)."""
        return ConnectionWrapper(parameters["open_cursor"]())

    def get_columns(
        self, connection: Connection, table_name: str, schema: str | None = None, **kw: Any
    ) -> list[ReflectedColumn]:
        """Return `name`, `type`, `nullable` and `default` of a table's or a view's columns, in order.

        duckdb-engine asks PostgreSQL's catalogue, which DuckDB imitates by joins that take longer than most questions of
        an audit.
        """
        rows = connection.exec_driver_sql(_COLUMNS, (schema or "main", table_name)).fetchall()
        return [
            {"name": name, "type": self._type_named(kind), "nullable": is_nullable, "default": None}
            for name, kind, is_nullable in rows
        ]

    def get_pk_constraint(
        self, connection: Connection, table_name: str, schema: str | None = None, **kw: Any
    ) -> ReflectedPrimaryKeyConstraint:
        """Return that there is no key: what lies on the desk are views, and tables made from them."""
        return {"constrained_columns": [], "name": None}

    def _type_named(self, kind: str) -> Any:
        """Return what SQLAlchemy calls a type of DuckDB's; of lists and structs it knows nothing."""
        name, _, parameters = kind.lower().partition("(")
        name = _POSTGRES_NAMES.get(name, name)
        if kind.endswith("]") or name not in self.ischema_names:
            return NullType()
        whole = f"{name}({parameters}" if parameters else name
        return self._reflect_type(whole, {}, {}, type_description="", collation=None)

    def do_begin(self, connection: Any) -> None:
        """Begin nothing."""

    def do_rollback(self, connection: Any) -> None:
        """Keep the pending result."""

    def do_commit(self, connection: Any) -> None:
        """Commit nothing."""


def register() -> None:
    """Make `duckdb://` mean `AuditDialect` in this process; calling it again changes nothing."""
    registry.register("duckdb", __name__, AuditDialect.__name__)
