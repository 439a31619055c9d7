"""Times the bare queries, interleaved, each run in a process of its own; the median counts."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from statistics import median
from typing import Any

from revealed.benchmarks.scale import reference
from revealed.benchmarks.scale.measure import machine_megabytes
from revealed.benchmarks.scale.sizes import BenchSize
from revealed.benchmarks.scale.worker import run_task
from revealed.landing import LedgerEntry
from revealed.progress import Progress
from revealed.settings import Settings
from revealed.warehouse.raw_views import raw_files, select_raw

_WIDE = (
    "select count(*), sum(clicks), count(*) filter (where is_satisfied), sum(net_value),"
    " count(*) filter (where feedback_state = 'skipped') from marts.fct_impressions"
)


@dataclass(frozen=True)
class TimedQuery:
    """One query to time: statements, where they run, and whether the memory limit holds."""

    name: str
    timed: str
    setup: list[str] = field(default_factory=list)
    database: Path | None = None
    is_unlimited: bool = False


def write_flat_files(settings: Settings, database: Path, folder: Path) -> None:
    """Write the flat Parquet files of impressions and events from the tables made by hand."""
    folder.mkdir(parents=True, exist_ok=True)
    selects = {"impressions": reference.FLAT_IMPRESSIONS, "events": reference.FLAT_EVENTS}
    copies = [
        f"copy ({select}) to '{folder / name}.parquet' (format parquet, compression zstd)"
        for name, select in selects.items()
    ]
    run_task(settings, "query", database=str(database), timed=copies)


def bare_queries(
    settings: Settings, size: BenchSize, flat: Path, entries: list[LedgerEntry]
) -> Iterator[TimedQuery]:
    """Yield the queries on flat files, with and without the memory limit where that is compared."""
    views = reference.flat_views(flat)
    raw = f"create view raw_events as {select_raw('events', raw_files(settings, entries, 'events'))}"
    yield TimedQuery("scan", reference.SCAN, views)
    for name, sql, setup in (
        ("direct join", reference.DIRECT_JOIN, views),
        ("last touch", reference.LAST_TOUCH, views),
        ("session gaps", reference.SESSION_GAPS, views),
        ("deduplication", reference.DEDUPLICATE, [raw]),
    ):
        yield TimedQuery(name, sql, setup)
        yield TimedQuery(f"{name}, unlimited", sql, setup, is_unlimited=True)
    yield TimedQuery("session ids", reference.SESSION_IDS, views)
    yield TimedQuery(
        "last touch, a week", reference.LAST_TOUCH, reference.a_week_in_memory(flat, size, hot=False)
    )
    yield TimedQuery(
        "last touch, hot pair", reference.LAST_TOUCH, reference.a_week_in_memory(flat, size, hot=True)
    )


def wide_queries(warehouse: Path, size: BenchSize) -> list[TimedQuery]:
    """Return the queries that read all days, and two days, of the wide view."""
    two_days = f"{_WIDE} where impression_date >= date '{size.end:%Y-%m-%d}' - 3"
    return [
        TimedQuery("all days wide", _WIDE, database=warehouse),
        TimedQuery("two days wide", two_days, database=warehouse),
    ]


def time_queries(
    settings: Settings, queries: list[TimedQuery], repetitions: int, progress: Progress
) -> dict[str, dict[str, Any]]:
    """Return the median cost of each query by name (`cpu_s`, `wall_s`, `peak_mb`) and its `answer`."""
    runs: dict[str, list[dict[str, Any]]] = {query.name: [] for query in queries}
    for repetition in range(repetitions):
        progress("timing queries: round", repetition + 1, repetitions)
        for query in queries:
            runs[query.name].append(_run(settings, query))
    return {name: _median(costs) for name, costs in runs.items()}


def _run(settings: Settings, query: TimedQuery) -> dict[str, Any]:
    if query.is_unlimited:
        settings = replace(settings, duckdb_memory_limit=f"{machine_megabytes() * 8 // 10}MB")
    database = str(query.database) if query.database else None
    return run_task(settings, "query", timed=[query.timed], setup=query.setup, database=database)


def _median(costs: list[dict[str, Any]]) -> dict[str, Any]:
    middle = {name: median(cost[name] for cost in costs) for name in ("cpu_s", "wall_s", "peak_mb")}
    return {**middle, "answer": costs[0]["answer"]}
