"""What adapters share: finding their source files, and writing a query's rows as a contract's Parquet file."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import duckdb
import pyarrow as pa

from revealed.contracts import log_named
from revealed.engines.duckdb import connect, literal
from revealed.errors import DamagedFileError, MissingInputError, UsageError
from revealed.landing.raw_schema import SCHEMAS
from revealed.settings import Settings

_SQL_TYPES = {
    pa.string(): "varchar",
    pa.int32(): "integer",
    pa.int64(): "bigint",
    pa.float64(): "double",
    pa.bool_(): "boolean",
    pa.timestamp("us"): "timestamp",
    pa.list_(pa.float32()): "float[]",
}
_SHOWN_ITEMS = "struct(item_id varchar, position integer, score double, propensity double)[]"


def open_reader() -> duckdb.DuckDBPyConnection:
    """Return an in-memory DuckDB that reads and writes Parquet in the order of the rows."""
    con = connect(Settings.from_env())
    con.execute("set preserve_insertion_order = true")
    return con


def source_files(source: Path, patterns: Iterable[str], adapter: str) -> list[Path]:
    """Return the files that `source` (a folder, or one file) holds for the adapter, by name.

    Raises:
        MissingInputError: there is no such path, or nothing in it has one of the names.
    """
    wanted = list(patterns)
    candidates = [source] if source.is_file() else sorted(source.glob("*.parquet"))
    found = [path for path in candidates if any(path.match(pattern) for pattern in wanted)]
    if not found:
        raise MissingInputError(
            f"no file here is one of {adapter}'s", where=str(source), remedy=f"name them {', '.join(wanted)}"
        )
    return found


def require_columns(con: duckdb.DuckDBPyConnection, file: Path, columns: Iterable[str]) -> None:
    """Check that the Parquet file has the columns.

    Raises:
        DamagedFileError: it cannot be read as Parquet.
        UsageError: columns are missing; the message names them.
    """
    try:
        rows = con.execute(f"describe select * from read_parquet({literal(file)})").fetchall()
    except duckdb.Error as error:
        raise DamagedFileError(
            "this is no readable Parquet file", where=str(file), remedy=str(error)
        ) from error
    missing = sorted(set(columns) - {name for name, *_ in rows})
    if missing:
        raise UsageError(f"the file lacks the columns {', '.join(missing)}", where=str(file))


def write_contract(con: duckdb.DuckDBPyConnection, query: str, log: str, target: Path) -> tuple[Path, str]:
    """Write the query's rows, in its order, in the contract columns of `log`, and return (target, log).

    Columns that the query does not give are null; ones that the contract does not know are an error of the adapter.
    """
    given = {name for name, *_ in con.execute(f"describe {query}").fetchall()}
    fields = log_named(log).fields
    if unknown := given - set(fields):
        raise UsageError(f"{sorted(unknown)} are no columns of {log}", where=str(target))
    columns = ", ".join(
        f'cast({_source(name, given)} as {_sql_type(log, name)}) as "{name}"' for name in fields
    )
    con.execute(
        f"copy (select {columns} from ({query})) to {literal(target)} (format parquet, compression zstd)"
    )
    return target, log


def _source(name: str, given: set[str]) -> str:
    return f'"{name}"' if name in given else "null"


def _sql_type(log: str, name: str) -> str:
    if name == "items":
        return _SHOWN_ITEMS
    return _SQL_TYPES[SCHEMAS[log].field(name).type]
