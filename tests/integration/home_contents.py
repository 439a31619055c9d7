"""What a home holds, as the tests compare it."""

from __future__ import annotations

import gzip
import hashlib
import json
import zipfile
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import duckdb
import pyarrow.parquet as pq


def ledger(home: Path) -> dict[str, dict[str, Any]]:
    """Every ledger entry without its wall clock."""
    entries = [json.loads(path.read_bytes()) for path in sorted((home / "raw" / "ledger").glob("*.json"))]
    return {entry["sha256"]: entry | {"landed_at": None} for entry in entries}


def set_aside(home: Path) -> list[dict[str, Any]]:
    paths = sorted((home / "raw" / "quarantine").rglob("*.parquet"))
    return [row for path in paths for row in pq.read_table(path, partitioning=None).to_pylist()]


def assert_whole(home: Path) -> None:
    """Every line is accounted for; no temporary file, no file of raw that the ledger does not know, and the other way."""
    entries = ledger(home).values()
    for entry in entries:
        kept = entry["accepted"] + entry["duplicate"] + entry["quarantined"]
        assert entry["received"] == kept + entry.get("erased", 0)
    listed = [output["path"] for entry in entries for output in entry["outputs"]]
    listed += [entry["quarantine_output"]["path"] for entry in entries if entry.get("quarantine_output")]
    found = [path.relative_to(home / "raw").as_posix() for path in (home / "raw").rglob("*.parquet")]
    assert Counter(found) == Counter(listed)
    hidden = [path for path in home.rglob("*") if path.name.startswith(".") or path.name.endswith(".tmp")]
    assert hidden == []


def in_service(home: Path) -> dict[str, str]:
    """What people and services read: every file's digest, and where the pointers point."""
    files = {}
    for path in sorted((home / "published").rglob("*")):
        if path.is_symlink():
            files[str(path)] = str(path.readlink())
        elif path.is_file():
            files[str(path)] = hashlib.sha256(path.read_bytes()).hexdigest()
    assert files
    return files


def files_with(home: Path, *ids: str) -> Iterator[Path]:
    """A search that shares no code with the product: bytes, gzip, zip, Parquet and DuckDB by their own libraries."""
    for path in (path for path in home.rglob("*") if path.is_file() and not path.is_symlink()):
        blobs = list(_contents(path))
        if any(value.encode() in blob for value in ids for blob in blobs):
            yield path.relative_to(home)


def _contents(path: Path) -> Iterator[bytes]:
    data = path.read_bytes()
    yield data
    if data.startswith(b"\x1f\x8b"):
        yield gzip.decompress(data)
    elif data.startswith(b"PK"):
        with zipfile.ZipFile(path) as archive:
            yield from map(archive.read, archive.namelist())
    elif data.startswith(b"PAR1"):
        rows = duckdb.sql(f"from read_parquet('{path}', hive_partitioning = false)").fetchall()
        yield repr(rows).encode()
    elif data[8:12] == b"DUCK":
        with duckdb.connect(str(path), read_only=True) as con:
            names = con.execute("select schema_name, table_name from duckdb_tables()").fetchall()
            for schema, table in names:
                yield repr(con.execute(f'from "{schema}"."{table}"').fetchall()).encode()
