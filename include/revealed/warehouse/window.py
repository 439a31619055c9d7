"""What changed since the last build: which raw files hold lines that only one of the two builds sees, and from which day on.

A build looks into these files for the ids that changed; only what they touch is written again
(docs/decisions/warehouse-touched-keys.md). No changed id has a copy on an earlier day, or in another file, that could count.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date, datetime

import duckdb

from revealed.engines.duckdb import literal
from revealed.landing import LedgerEntry
from revealed.settings import Settings
from revealed.warehouse.raw_columns import WINDOWED_LOGS
from revealed.warehouse.raw_views import raw_files, select_raw


def window_start(
    settings: Settings,
    con: duckdb.DuckDBPyConnection,
    entries: Sequence[LedgerEntry],
    *,
    built_files: frozenset[str],
    built_as_of: datetime,
    as_of: datetime,
) -> date:
    """Return the first day with a changed line; the as-of day itself where nothing changed.

    Args:
        settings: where raw files are.
        con: any connection (the query reads Parquet only).
        entries: the whole ledger.
        built_files: sha256 of the source files that the warehouse in service was built from.
        built_as_of: its as-of moment.
        as_of: the as-of moment to build.
    """
    days = list(_days_of_new_files(entries, built_files))
    seen = [entry for entry in entries if entry.sha256 in built_files]
    days += _days_newly_visible(settings, con, seen, built_as_of, as_of)
    return min([*days, as_of.date()])


def entries_with_changes(
    entries: Iterable[LedgerEntry],
    *,
    built_files: frozenset[str],
    built_as_of: datetime,
    as_of: datetime,
) -> list[LedgerEntry]:
    """Return the files with lines that only one of two builds sees: landed since, or received between their moments."""
    low, high = sorted((built_as_of, as_of))
    return [
        entry for entry in entries if entry.sha256 not in built_files or _received_within(entry, low, high)
    ]


def _days_of_new_files(entries: Iterable[LedgerEntry], built_files: frozenset[str]) -> Iterable[date]:
    for entry in entries:
        if entry.log in WINDOWED_LOGS and entry.sha256 not in built_files:
            for day in entry.touched_days:
                yield date.fromisoformat(day)


def _days_newly_visible(
    settings: Settings,
    con: duckdb.DuckDBPyConnection,
    entries: Sequence[LedgerEntry],
    one: datetime,
    other: datetime,
) -> list[date]:
    """Days with lines received between the two moments: seen by one build and not by the other."""
    low, high = sorted((one, other))
    found = []
    for log in WINDOWED_LOGS:
        concerned = [entry for entry in entries if entry.log == log and _received_within(entry, low, high)]
        files = raw_files(settings, concerned, log)
        row = con.execute(
            f"select min(cast(occurred_at as date)) from ({select_raw(log, files)}) "
            f"where received_at >= {_moment(low)} and received_at < {_moment(high)}"
        ).fetchone()
        if row and row[0] is not None:
            found.append(row[0])
    return found


def _received_within(entry: LedgerEntry, low: datetime, high: datetime) -> bool:
    if entry.first_received_at is None or entry.last_received_at is None:
        return False
    first = datetime.fromisoformat(entry.first_received_at)
    last = datetime.fromisoformat(entry.last_received_at)
    return last >= low and first < high


def _moment(moment: datetime) -> str:
    return f"timestamp {literal(moment.strftime('%Y-%m-%d %H:%M:%S.%f'))}"
