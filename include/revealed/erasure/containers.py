"""Files whose bytes say nothing of what is in them, read decoded: Parquet, gzip, zip, DuckDB, SQLite, Arrow, Zstandard."""

from __future__ import annotations

import gzip
import re
import sqlite3
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import IO, Any, cast

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq

from revealed.engines.duckdb import connect, literal
from revealed.erasure.needles import IDENTITY_COLUMNS, Needles
from revealed.erasure.tombstones import VISITOR
from revealed.errors import RevealedError
from revealed.settings import Settings

_CHUNK = 8 << 20
_OVERLAP = 4_096
_ESCAPED = re.compile(rb"\\u00([0-9a-fA-F]{2})")
# Why a container cannot be read to its end; what could be read has been looked at, and its bytes as well.
_DAMAGED = (
    EOFError,
    OSError,
    ValueError,
    NotImplementedError,
    zlib.error,
    zipfile.BadZipFile,
    pa.ArrowException,
    duckdb.Error,
    sqlite3.Error,
    RevealedError,
)


class UnreadableError(Exception):
    """Internal: this container could not be searched to its end."""


def kind_of(path: Path) -> str:
    """Return `parquet`, `gzip`, `zip`, `duckdb`, `sqlite`, `arrow`, `zstd` or `bytes`, by the file's first bytes."""
    with path.open("rb") as file:
        head = file.read(16)
    if head[8:12] == b"DUCK":
        return "duckdb"
    return next((kind for sign, kind in _SIGNS.items() if head.startswith(sign)), "bytes")


def count_decoded(settings: Settings, path: Path, kind: str, needles: Needles) -> dict[str, int]:
    """Return where inside of a container the ids stand, and how often (rows, or places in text).

    Raises:
        UnreadableError: it could not be read to its end.
    """
    try:
        return dict(_READERS[kind](settings, path, needles)) if kind in _READERS else {}
    except _DAMAGED as error:
        raise UnreadableError(str(error).splitlines()[0] if str(error) else type(error).__name__) from error


def count_in_stream(stream: IO[bytes], needles: Needles) -> int:
    """Return how often the ids stand in a stream, also where JSON escapes their letters by number."""
    total, data, counted = 0, b"", 0
    while chunk := stream.read(_CHUNK):
        data += chunk
        # What begins near the end may go on in the next chunk, or be part of a longer id there.
        settled = max(len(data) - _OVERLAP, counted)
        total += _count_between(data, needles, counted, settled)
        start = max(settled - _OVERLAP, 0)
        data, counted = data[start:], settled - start
    return total + _count_between(data, needles, counted, len(data))


def _count_between(data: bytes, needles: Needles, first: int, end: int) -> int:
    """Return how many ids begin from `first` on and before `end`; escapes are undone where nothing stands outright."""
    found = sum(first <= at < end for at, _ in needles.positions(data))
    if found or b"\\u00" not in data:
        return found
    return len(needles.positions(_ESCAPED.sub(lambda letter: bytes([int(letter[1], 16)]), data)))


def string_columns(table: pa.Table) -> Iterator[tuple[str, pa.ChunkedArray, bool]]:
    """Yield each column of strings, nested ones taken apart: name, values, and whether a value is a row."""
    for name in table.column_names:
        yield from _strings(name, table[name], is_row=True)


def _strings(
    name: str, values: pa.ChunkedArray, *, is_row: bool
) -> Iterator[tuple[str, pa.ChunkedArray, bool]]:
    kind = values.type
    if pa.types.is_dictionary(kind):
        yield from _strings(name, values.cast(kind.value_type), is_row=is_row)
    elif pa.types.is_string(kind) or pa.types.is_large_string(kind):
        yield name, values, is_row
    elif pa.types.is_binary(kind) or pa.types.is_large_binary(kind):
        yield name, _as_text(values), is_row
    elif pa.types.is_list(kind) or pa.types.is_large_list(kind):
        yield from _strings(name, _flat(values), is_row=False)
    elif pa.types.is_struct(kind):
        for number in range(kind.num_fields):
            field = kind.field(number)
            inner = pa.chunked_array([chunk.field(number) for chunk in values.chunks], field.type)
            yield from _strings(field.name, inner, is_row=False)
    elif pa.types.is_map(kind):
        raise UnreadableError(f"the column {name} is a map, which nothing here writes")


def _flat(values: pa.ChunkedArray) -> pa.ChunkedArray:
    return pa.chunked_array([chunk.flatten() for chunk in values.chunks], values.type.value_type)


def _as_text(values: pa.ChunkedArray) -> pa.ChunkedArray:
    texts = [None if v is None else bytes(v).decode("latin-1") for v in values.to_pylist()]
    return pa.chunked_array([pa.array(texts, pa.string())])


def _parquet(settings: Settings, path: Path, needles: Needles) -> Iterator[tuple[str, int]]:
    file, found = pq.ParquetFile(path), dict[str, int]()
    for group in range(file.num_row_groups):
        _add_columns(found, file.read_row_group(group), needles)
    yield from found.items()


def _arrow(settings: Settings, path: Path, needles: Needles) -> Iterator[tuple[str, int]]:
    found: dict[str, int] = {}
    with pa.memory_map(str(path)) as source:
        _add_columns(found, pa.ipc.open_file(source).read_all(), needles)
    yield from found.items()


def _add_columns(found: dict[str, int], table: pa.Table, needles: Needles) -> None:
    for name, values, _ in string_columns(table):
        theirs = needles.rows_of(name, values)
        if theirs is not None:
            found[name] = found.get(name, 0) + int(pa.compute.sum(theirs).as_py() or 0)


def _gzip(settings: Settings, path: Path, needles: Needles) -> Iterator[tuple[str, int]]:
    with gzip.open(path) as stream:
        yield "text", count_in_stream(cast("IO[bytes]", _Lenient(stream)), needles)


def _zstd(settings: Settings, path: Path, needles: Needles) -> Iterator[tuple[str, int]]:
    with pa.input_stream(str(path), compression="zstd") as stream:
        yield "text", count_in_stream(cast("IO[bytes]", stream), needles)


class _Lenient:
    """A gzip stream that ends where its damage begins: nothing behind that can be read by anybody."""

    def __init__(self, stream: gzip.GzipFile) -> None:
        self._stream = stream

    def read(self, size: int) -> bytes:
        parts, left = [], size
        try:
            while left and (part := self._stream.read1(min(left, 65_536))):
                parts.append(part)
                left -= len(part)
        except (EOFError, gzip.BadGzipFile, zlib.error):
            pass
        return b"".join(parts)


def _zip(settings: Settings, path: Path, needles: Needles) -> Iterator[tuple[str, int]]:
    with zipfile.ZipFile(path) as archive:
        for name in archive.namelist():
            with archive.open(name) as stream:
                yield name, count_in_stream(stream, needles)


def _duckdb(settings: Settings, path: Path, needles: Needles) -> Iterator[tuple[str, int]]:
    with closing(connect(settings, path, read_only=True)) as con:
        columns = con.execute(
            "select schema_name, table_name, column_name, data_type from duckdb_columns() "
            "join duckdb_tables() using (schema_name, table_name) where not duckdb_columns.internal"
        ).fetchall()
        for schema, table, column, kind in columns:
            if "VARCHAR" in kind or "BLOB" in kind or "JSON" in kind:
                rows = _duckdb_rows(con, f'"{schema}"."{table}"', column, needles)
                yield f"{schema}.{table}.{column}", rows


def _duckdb_rows(con: duckdb.DuckDBPyConnection, table: str, column: str, needles: Needles) -> int:
    """Return how many rows of a column hold an id; only values that may are fetched."""
    value = f'cast("{column}" as varchar)'
    tests = [f"contains({value}, {literal(told)})" for told in needles.telling]
    if column in IDENTITY_COLUMNS:
        tests += [f"{value} in ({literal(told)}, {literal(VISITOR + told)})" for told in needles.ids]
    if not tests:
        return 0
    found = con.execute(
        f"select {value}, count(*) from {table} where {' or '.join(tests)} group by 1"
    ).fetchall()
    return sum(count for text, count in found if needles.in_column(column, text))


def _sqlite(settings: Settings, path: Path, needles: Needles) -> Iterator[tuple[str, int]]:
    with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True, timeout=30)) as con:
        con.text_factory = bytes
        for table, column in sqlite_columns(con):
            rows = con.execute(
                f'select "{column}" from "{table}" where typeof("{column}") in (\'text\', \'blob\')'
            )
            yield f"{table}.{column}", sum(bool(needles.positions(value)) for (value,) in rows)


def sqlite_columns(con: sqlite3.Connection) -> list[tuple[str, str]]:
    """Return every column of every table of a SQLite file."""
    tables = con.execute(
        "select name from sqlite_master where type = 'table' and name not like 'sqlite_%'"
    ).fetchall()
    names = [_text(name) for (name,) in tables]
    return [(table, _text(row[1])) for table in names for row in con.execute(f'pragma table_info("{table}")')]


def _text(value: Any) -> str:
    return value.decode() if isinstance(value, bytes) else str(value)


_SIGNS = {
    b"PAR1": "parquet",
    b"\x1f\x8b": "gzip",
    b"PK\x03\x04": "zip",
    b"SQLite format 3\0": "sqlite",
    b"ARROW1": "arrow",
    b"\x28\xb5\x2f\xfd": "zstd",
}
_READERS = {
    "parquet": _parquet,
    "arrow": _arrow,
    "gzip": _gzip,
    "zstd": _zstd,
    "zip": _zip,
    "duckdb": _duckdb,
    "sqlite": _sqlite,
}
