"""Parquet files that somebody names on the command line: looked at before anything is read."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path

import duckdb

from revealed.engines.duckdb import literal
from revealed.errors import InvalidInputError, MissingInputError


def columns_of(con: duckdb.DuckDBPyConnection, path: Path, required: Collection[str]) -> list[str]:
    """Return the columns of a Parquet file, all of `required` among them.

    Raises:
        MissingInputError: there is no such file.
        InvalidInputError: it is not Parquet, or lacks a required column.
    """
    if not path.exists():
        raise MissingInputError("there is no such file", where=str(path), remedy="name a Parquet file")
    try:
        found = list(con.from_query(f"from read_parquet({literal(path)})").columns)
    except duckdb.Error as error:
        raise InvalidInputError(
            "this cannot be read as Parquet", where=str(path), remedy=str(error).splitlines()[0]
        ) from error
    missing = [name for name in required if name not in found]
    if missing:
        raise InvalidInputError(
            f"these columns are missing: {', '.join(missing)}",
            where=str(path),
            remedy=f"it has {', '.join(found)}; rename what is meant",
        )
    return found
