"""What stands outside of the loop's own files (logs, reports, MLflow's and Airflow's databases): overwritten where it stands.

An id becomes as many stars: no length, offset or line number moves, so that a process that still writes to a log goes on
undisturbed. Files under a checksum are not touched here; each stage has made them anew.
"""

from __future__ import annotations

import gzip
import os
import shutil
import sqlite3
from collections.abc import Iterable
from contextlib import closing
from pathlib import Path

import pyarrow.parquet as pq

from revealed.durable import staged_file
from revealed.erasure.containers import sqlite_columns
from revealed.erasure.needles import Needles
from revealed.erasure.redacting import redacted, rows_of_person, without
from revealed.erasure.search import Hit
from revealed.erasure.sources import is_landings
from revealed.errors import LockedError
from revealed.settings import Settings

_SQLITE_SIDE_FILES = ("-wal", "-shm", "-journal")
_BUSY_SECONDS = 30


def sweep(settings: Settings, hits: Iterable[Hit], needles: Needles) -> list[Path]:
    """Overwrite the ids in the files that nothing checks, and return these files.

    Raises:
        LockedError: a database is in use all the time.
    """
    swept = []
    for hit in sorted(hits, key=lambda hit: hit.kind != "sqlite"):  # a write-ahead log goes with its database
        if hit.path.exists() and not _is_checked(settings, hit.path) and _overwrite(hit, needles):
            swept.append(hit.path)
    return swept


def _is_checked(settings: Settings, path: Path) -> bool:
    """Return whether a file's bytes are part of what a manifest, a ledger entry or a registered model says."""
    checked = (
        *(settings.raw, settings.datasets, settings.published, settings.models, settings.home / "rewards"),
        *(settings.mlflow / "artifacts", settings.erasure),
    )
    if path.is_relative_to(settings.landing):
        return is_landings(settings, path)
    return any(path.is_relative_to(folder) for folder in checked)


def _overwrite(hit: Hit, needles: Needles) -> bool:
    if hit.kind == "sqlite":
        scrub_sqlite(hit.path, needles)
    elif hit.kind == "parquet":
        _rewrite_parquet(hit.path, needles)
    elif hit.kind == "gzip":
        _rewrite_gzip(hit.path, needles)
    elif hit.kind == "bytes" and not hit.path.name.endswith(_SQLITE_SIDE_FILES):
        _star_in_place(hit.path, needles)
    elif hit.path.name.endswith(_SQLITE_SIDE_FILES) and (database := _database_of(hit.path)).is_file():
        scrub_sqlite(database, needles)
    else:
        return False
    return True


def _database_of(side_file: Path) -> Path:
    """Return the database of a write-ahead log or journal: old pages leave these only through it."""
    return side_file.with_name(side_file.name.rpartition("-")[0])


def scrub_sqlite(path: Path, needles: Needles) -> None:
    """Overwrite the ids in every value of a SQLite file, and leave no old page of it behind.

    Raises:
        LockedError: another process writes to it all the time.
    """

    def starred(value: str | bytes) -> str | bytes:
        return needles.mask_text(value) if isinstance(value, str) else needles.mask(value)

    def holds(value: object) -> bool:
        data = value.encode(errors="surrogatepass") if isinstance(value, str) else value
        return isinstance(data, bytes) and bool(needles.positions(data))

    try:
        with closing(sqlite3.connect(path, timeout=_BUSY_SECONDS, isolation_level=None)) as con:
            con.execute("pragma secure_delete = on")
            con.create_function("starred", 1, starred, deterministic=True)
            con.create_function("holds_id", 1, holds, deterministic=True)
            for table, column in sqlite_columns(con):
                con.execute(
                    f'update "{table}" set "{column}" = starred("{column}") where holds_id("{column}")'
                )
            con.execute("vacuum")
            is_busy, *_ = con.execute("pragma wal_checkpoint(truncate)").fetchone()
            if is_busy:  # said so, not raised: a reader still needs the old pages of the log
                raise sqlite3.OperationalError("its write-ahead log is being read all the time")
    except sqlite3.OperationalError as error:
        raise LockedError(
            f"this database cannot be cleared of the id now ({error})",
            where=str(path),
            remedy="stop what uses it (`revealed down`), then run this again",
        ) from error


def _star_in_place(path: Path, needles: Needles) -> None:
    fd = os.open(path, os.O_RDWR)
    try:
        data = path.read_bytes()
        for at, size in needles.positions(data):
            os.pwrite(fd, b"*" * size, at)
        os.fsync(fd)
    finally:
        os.close(fd)


def _rewrite_gzip(path: Path, needles: Needles) -> None:
    with staged_file(path) as staged:
        with gzip.open(path) as source, gzip.GzipFile(staged, "wb", mtime=0) as target:
            target.writelines(map(needles.mask, source))
        shutil.copystat(path, staged)


def _rewrite_parquet(path: Path, needles: Needles) -> None:
    """Leave the person's rows out: their id may stand in any column whose name says so, and as stars anywhere else."""
    table = pq.read_table(path, partitioning=None)
    left, _ = redacted(without(table, rows_of_person(table, needles)), needles)
    with staged_file(path) as staged:
        pq.write_table(left, staged, compression="zstd")
        shutil.copystat(path, staged)
