"""Writes generated logs straight into raw, in the layout that landing gives: one source file a log and received day.

A collector's file of a day holds what it received on that day: late lines of earlier days included, so that
partitions of earlier days keep getting small files.
"""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import duckdb

from revealed.benchmarks.scale.raw_sql import RawSql
from revealed.benchmarks.scale.sizes import BenchSize
from revealed.clock import utc_now
from revealed.durable import sha256_file
from revealed.engines.duckdb import connect, literal
from revealed.landing.ledger import LedgerEntry, Output
from revealed.progress import Progress, quiet
from revealed.settings import Settings

_ROW_GROUP = 122_880


def write_raw_log(
    settings: Settings, size: BenchSize, *, seed: int = 7, progress: Progress = quiet
) -> list[list[LedgerEntry]]:
    """Write the raw Parquet files of all days and return their ledger entries, one list a received day.

    No ledger entry is written: the rows begin to exist, a day after the other, when the caller commits them.
    """
    scratch = settings.home / "generator.duckdb"
    scratch.parent.mkdir(parents=True, exist_ok=True)
    con = connect(settings, scratch)
    sql = RawSql(size, seed)
    try:
        for statement in sql.macros:
            con.execute(statement)
        progress(f"generating {size.events:,} events")
        con.execute(sql.event_lines)
        days = []
        for day in range(size.days):
            progress("generating: days of log", day + 1, size.days)
            logs = ("items", "users", "inferences", "events") if day == 0 else ("inferences", "events")
            days.append([_write_file(settings, con, sql, log, day, f"{seed}-{size.name}") for log in logs])
        return days
    finally:
        con.close()
        scratch.unlink()


def _write_file(
    settings: Settings, con: duckdb.DuckDBPyConnection, sql: RawSql, log: str, day: int, world: str
) -> LedgerEntry:
    name = f"{log}-day-{day:02d}.jsonl"
    sha256 = hashlib.sha256(f"{world}/{name}".encode()).hexdigest()
    moment = "updated_at" if log in ("items", "users") else "occurred_at"
    con.execute(
        f"create or replace temp table lines as select *, cast({moment} as date) as day"
        f" from ({sql.lines(log, day, sha256[:16])}) order by source_line"
    )
    days = dict(con.execute("select day::varchar, count(*) from lines group by 1 order by 1").fetchall())
    outputs = [_write_day(settings, con, log, text, rows, sha256[:16]) for text, rows in days.items()]
    copies, first, last = _one(
        con, "select count(*) filter (where is_copy), min(received_at), max(received_at) from lines"
    )
    received = sum(days.values())
    return LedgerEntry(
        sha256=sha256,
        name=name,
        log=log,
        format="jsonl",
        bytes=0,
        received=received,
        accepted=received - copies,
        duplicate=copies,
        quarantined=0,
        reasons={},
        days=days,
        touched_days=sorted(days),
        outputs=outputs,
        first_received_at=first and f"{first.isoformat()}Z",
        last_received_at=last and f"{last.isoformat()}Z",
        landed_at=utc_now().isoformat(),
    )


def _write_day(
    settings: Settings, con: duckdb.DuckDBPyConnection, log: str, day: str, rows: int, source_file: str
) -> Output:
    path = settings.raw / log / f"event_date={day}" / f"{source_file}.parquet"
    path.parent.mkdir(parents=True, exist_ok=True)
    con.execute(
        f"copy (select * exclude (is_copy, day) from lines where day = {literal(day)} order by source_line)"
        f" to {literal(path)} (format parquet, compression zstd, row_group_size {_ROW_GROUP})"
    )
    relative = path.relative_to(settings.raw).as_posix()
    return Output(path=relative, sha256=sha256_file(path), rows=rows)


def _one(con: duckdb.DuckDBPyConnection, query: str) -> tuple[Any, ...]:
    row = con.execute(query).fetchone()
    assert row is not None
    return row


def raw_megabytes(raw: Path) -> float:
    """Return the size of all raw Parquet files."""
    return sum(path.stat().st_size for path in raw.rglob("*.parquet")) / 1e6
