"""Which rows repeat one that landed before or stands earlier in their file: asked of DuckDB, not of a set.

The keys of a log are read from raw once a run; DuckDB spills to disk where they do not fit its memory limit.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType

import duckdb

from revealed.contracts import LOGS, Log
from revealed.engines.duckdb import connect, literal
from revealed.errors import DamagedFileError
from revealed.landing.ledger import LedgerEntry
from revealed.settings import Settings


@dataclass(frozen=True)
class KeyCounts:
    """What a new file's keys came to.

    Attributes:
        rows: rows read back from its staged Parquet.
        new: keys that no earlier file holds.
        earlier_days: the days (YYYY-MM-DD) on which earlier files hold copies of its keys.
    """

    rows: int
    new: int
    earlier_days: list[str]


class KeyIndex:
    """The keys of all committed rows, by log. Use it as a context manager."""

    def __init__(self, settings: Settings, entries: Iterable[LedgerEntry], spill: Path) -> None:
        self._raw = settings.raw
        self._entries = list(entries)
        self._loaded: set[str] = set()
        self._con = connect(settings)
        self._con.execute(f"set temp_directory = {literal(spill)}")
        self._con.execute("set preserve_insertion_order = false")

    def __enter__(self) -> KeyIndex:
        """Return the index."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Let the keys go."""
        self._con.close()

    def count(self, log: Log, staged: list[Path]) -> KeyCounts:
        """Return how the rows in the staged Parquet files relate to what landed before."""
        self._load(log)
        self._con.execute("create or replace temp table incoming (key varchar, day date)")
        self._insert("incoming", log, staged)
        self._con.execute(
            f"create or replace temp table repeated as select key, day from {_table(log)}"
            " where key in (select key from incoming)"
        )
        rows, keys = self._one("select count(*), count(distinct key) from incoming")
        (repeated,) = self._one("select count(distinct key) from repeated")
        days = self._con.execute("select distinct day::varchar from repeated order by 1").fetchall()
        return KeyCounts(int(rows), int(keys) - int(repeated), [day for (day,) in days])

    def remember(self, log: Log) -> None:
        """Take the keys last counted among those that landed, once their file is committed."""
        self._con.execute(f"insert into {_table(log)} select distinct key, day from incoming")

    def _load(self, log: Log) -> None:
        if log.name in self._loaded:
            return
        self._con.execute(f"create table {_table(log)} (key varchar, day date)")
        entries = [entry for entry in self._entries if entry.log == log.name]
        self._insert(
            _table(log), log, [self._raw / output.path for entry in entries for output in entry.outputs]
        )
        self._loaded.add(log.name)

    def _insert(self, table: str, log: Log, files: list[Path]) -> None:
        if not files:
            return
        listed = ", ".join(literal(file) for file in files)
        try:
            self._con.execute(
                f"insert into {table} select {key_of(log)}, event_date from read_parquet([{listed}],"
                " hive_partitioning = true, hive_types = {'event_date': date})"
            )
        except (duckdb.IOException, duckdb.InvalidInputException) as error:
            raise DamagedFileError(
                "a raw file that the ledger lists cannot be read",
                where=str(self._raw),
                remedy=f"restore it, or remove its ledger entry and ingest its source again ({error})",
            ) from error

    def _one(self, query: str) -> tuple[int, ...]:
        row = self._con.execute(query).fetchone()
        return tuple(row or ())


def _table(log: Log) -> str:
    return f"keys_{LOGS[log.name].name}"


def key_of(log: Log) -> str:
    """Return the key as one text, in SQL; identifiers hold no NUL, so that joining with it is unambiguous."""
    parts = ", ".join(f"coalesce({column}::varchar, '')" for column in log.key)
    return f"concat_ws(chr(0), {parts})"
