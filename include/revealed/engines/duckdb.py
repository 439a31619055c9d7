"""The one way to open a DuckDB file."""

from __future__ import annotations

from pathlib import Path

import duckdb

from revealed.errors import DamagedFileError, LockedError, NothingPublishedError
from revealed.settings import Settings

# What a new file is written as: readable by DuckDB 1.4 and newer. The default, readable by 0.10, cannot keep strings as
# dictionaries of compressed values, and costs a third more to write and a quarter more to scan.
STORAGE_VERSION = "v1.4.0"


def connect(
    settings: Settings, path: Path | None = None, *, read_only: bool = False
) -> duckdb.DuckDBPyConnection:
    """Open a DuckDB file, or an in-memory database when `path` is None.

    Symbolic links are resolved first: DuckDB caches instances by name, so that opening a swapped pointer twice in
    one process would give the old file.

    Raises:
        NothingPublishedError: a read-only file does not exist.
        LockedError: another process has the file open for writing.
        DamagedFileError: DuckDB cannot read the file.
    """
    if path is not None and read_only and not path.exists():
        raise NothingPublishedError(
            "this warehouse does not exist yet", where=str(path), remedy="run `revealed run` or `make demo`"
        )
    target = ":memory:" if path is None else str(path.resolve())
    try:
        con = duckdb.connect(target, read_only=read_only and path is not None, config=_config(settings))
    except duckdb.IOException as error:
        if "lock" in str(error).lower():
            raise LockedError("the file is open elsewhere", where=target, remedy=str(error)) from error
        raise DamagedFileError("DuckDB cannot open the file", where=target, remedy=str(error)) from error
    con.execute("set TimeZone = 'UTC'")
    return con


def _config(settings: Settings) -> dict[str, str | bool | int | float | list[str]]:
    return {
        "memory_limit": settings.duckdb_memory_limit,
        "threads": settings.duckdb_threads,
        "autoinstall_known_extensions": False,
        "autoload_known_extensions": False,
        "storage_compatibility_version": STORAGE_VERSION,
    }


def literal(value: str | Path) -> str:
    """Return `value` as a quoted SQL string literal, for statements that take no bound parameters."""
    return "'" + str(value).replace("'", "''") + "'"
