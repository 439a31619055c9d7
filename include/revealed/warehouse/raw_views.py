"""Raw Parquet as views in the candidate: exactly the files that the ledger has committed, of the logs those with changes.

Naming the files, not a pattern, is what keeps half-landed files out and a day's build as cheap at ten times the history.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

import duckdb

from revealed.engines.duckdb import literal
from revealed.errors import DamagedFileError
from revealed.landing import LedgerEntry
from revealed.settings import Settings
from revealed.warehouse.raw_columns import RAW_COLUMNS, WINDOWED_LOGS


def raw_files(settings: Settings, entries: Iterable[LedgerEntry], log: str) -> list[Path]:
    """Return the log's committed files, sorted.

    Raises:
        DamagedFileError: a file that the ledger lists is gone.
    """
    relative = sorted(
        output.path
        for entry in entries
        if entry.log == log
        for output in entry.outputs
        if "event_date=" in output.path
    )
    paths = [settings.raw / path for path in relative]
    for path in paths:
        if not path.exists():
            raise DamagedFileError(
                "a raw file that the ledger lists is gone",
                where=str(path),
                remedy="restore it, or remove its ledger entry and land its source file again",
            )
    return paths


def select_raw(log: str, files: Sequence[Path]) -> str:
    """Return the query that reads these raw files, typed also when there are none."""
    columns = RAW_COLUMNS[log]
    if not files:
        nulls = ", ".join(f'cast(null as {kind}) as "{name}"' for name, kind in columns.items())
        return f"select {nulls} where false"
    names = ", ".join(f'cast("{name}" as {kind}) as "{name}"' for name, kind in columns.items())
    listed = ", ".join(literal(path) for path in files)
    return f"select {names} from read_parquet([{listed}], hive_partitioning = false)"


def create_raw_views(
    settings: Settings,
    con: duckdb.DuckDBPyConnection,
    entries: Sequence[LedgerEntry],
    *,
    with_changes: Sequence[LedgerEntry] | None = None,
) -> None:
    """Create `raw.events`, `raw.inferences`, `raw.items` and `raw.users` in the candidate.

    Args:
        settings: where raw is.
        con: the candidate.
        entries: everything that has landed: items and users are read whole.
        with_changes: the files of which a continued build reads the two logs; all of them where it is None.
    """
    con.execute("create schema if not exists raw")
    for log in RAW_COLUMNS:
        concerned = entries if with_changes is None or log not in WINDOWED_LOGS else with_changes
        files = raw_files(settings, concerned, log)
        con.execute(f'create or replace view raw."{log}" as {select_raw(log, files)}')
