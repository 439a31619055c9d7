"""The feedback build at scale: generated logs, builds from scratch and by a day, bars: `revealed bench feedback`.

A figure is CPU seconds (user and system, all threads): on a machine that others use, too, the wall clock says little. What
is compared is compared within one run.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import msgspec

from revealed.benchmarks.scale.builds import build, complete, prepare_and_run
from revealed.benchmarks.scale.checks import judge
from revealed.benchmarks.scale.handwritten import MATCHES
from revealed.benchmarks.scale.measure import machine_megabytes
from revealed.benchmarks.scale.queries import bare_queries, time_queries, wide_queries, write_flat_files
from revealed.benchmarks.scale.raw_log import raw_megabytes, write_raw_log
from revealed.benchmarks.scale.reference import hot_pair
from revealed.benchmarks.scale.sizes import BenchSize
from revealed.benchmarks.scale.worker import run_task
from revealed.landing import LedgerEntry
from revealed.landing.ledger import write_entry
from revealed.progress import Progress, quiet
from revealed.settings import Settings
from revealed.warehouse.dbt import target_folder

_DAY = timedelta(days=1)


def bench_feedback(
    size: BenchSize,
    *,
    seed: int = 7,
    memory_limit: str = "4GB",
    keep: Path | None = None,
    verify: bool = True,
    progress: Progress = quiet,
) -> dict[str, Any]:
    """Generate the logs, build, time, judge; return all figures, `checks` among them.

    Args:
        size: how much.
        seed: of the generator.
        memory_limit: DuckDB's, for everything that is timed.
        keep: where the state is left for a look; a temporary folder, removed at the end, where it is None.
        verify: build the last day a second time, from scratch, and compare every mart.
        progress: told what is being done.
    """
    with tempfile.TemporaryDirectory(prefix="revealed-bench-") as temporary:
        home = (keep or Path(temporary)).resolve()
        settings = replace(Settings.from_env(), home=home / "long", duckdb_memory_limit=memory_limit)
        bench = _Bench(settings, size, progress)
        days = write_raw_log(settings, size, seed=seed, progress=progress)
        figures: dict[str, Any] = {
            "size": size.name,
            "machine": _machine(settings),
            "log": _describe(settings, days),
        }
        figures |= bench.measure(days, verify=verify)
        figures["checks"] = [check.to_dict() for check in judge(figures)]
        return figures


class _Bench:
    """One run: the long history, and a short one beside it."""

    def __init__(self, settings: Settings, size: BenchSize, progress: Progress) -> None:
        self._settings = settings
        self._size = size
        self._progress = progress
        self._flat = settings.home / "flat"
        self._last_day = size.end - _DAY

    def measure(self, days: list[list[LedgerEntry]], *, verify: bool) -> dict[str, Any]:
        """Return the figures by what was measured."""
        history = [entry for day in days[:-1] for entry in day]
        _commit(self._settings, history)
        figures: dict[str, Any] = {"by hand": self._by_hand()}
        queries = list(bare_queries(self._settings, self._size, self._flat, history))
        figures["queries"] = time_queries(self._settings, queries, self._size.repetitions, self._progress)
        shutil.rmtree(self._flat)
        figures |= self._short_history(days)
        figures["scratch"] = build(
            self._settings, self._last_day, from_scratch=True, publish=True, progress=self._progress
        )
        figures["different matches"] = self._different_matches(figures["by hand"]["answer"])
        wide = wide_queries(self._settings.published_warehouse.resolve(), self._size)
        figures["queries"] |= time_queries(self._settings, wide, self._size.repetitions, self._progress)
        _commit(self._settings, days[-1])
        figures["increment"] = build(
            self._settings, self._size.end, from_scratch=False, publish=True, progress=self._progress
        )
        figures["different marts"] = self._different_marts() if verify else None
        return figures

    def _by_hand(self) -> dict[str, Any]:
        self._progress("the core by hand")
        database = self._settings.home / "by-hand.duckdb"
        found = run_task(self._settings, "by_hand", database=str(database), as_of=self._last_day.isoformat())
        found["database_mb"] = database.stat().st_size / 1e6
        write_flat_files(self._settings, database, self._flat)
        database.unlink()
        return found

    def _short_history(self, days: list[list[LedgerEntry]]) -> dict[str, Any]:
        """The last days alone, in a home of their own that shares the raw files: what an increment costs on little history."""
        short = replace(self._settings, home=self._settings.home.with_name("short"))
        short.raw.mkdir(parents=True)
        for log in ("events", "inferences", "items", "users"):
            (short.raw / log).symlink_to(self._settings.raw / log)
        recent = days[-1 - self._size.short_history : -1]
        catalogue = [entry for entry in days[0] if entry.log in ("items", "users")]
        _commit(short, [*catalogue, *map(_without_earlier, (entry for day in recent for entry in day))])
        begun = prepare_and_run(short, self._last_day, from_scratch=True, progress=self._progress)
        found = self._hot_pair_in_the_model(short, begun["folder"])
        complete(short, begun, publish=True)
        _commit(short, [_without_earlier(entry) for entry in days[-1]])
        found["short increment"] = build(
            short, self._size.end, from_scratch=False, publish=False, progress=self._progress
        )
        shutil.rmtree(short.home)
        return found

    def _hot_pair_in_the_model(self, settings: Settings, folder: str) -> dict[str, Any]:
        """Run the compiled matching model with and without the planted bot; what it writes is rolled back."""
        (compiled,) = (target_folder(settings) / "compiled").rglob("models/**/int_events_matched.sql")
        timed = [f"create temp table matched as {compiled.read_text()}"]
        planted = hot_pair(
            "intermediate.int_impressions", "build.int_events_deduplicated", self._size, "logged_actor_id"
        )
        found = {}
        for name, setup in (("cold model", []), ("hot model", planted)):
            found[name] = run_task(
                settings,
                "query",
                database=f"{folder}/warehouse.duckdb",
                timed=timed,
                setup=setup,
                undo=True,
            )
        return found

    def _different_matches(self, by_hand: list[str]) -> int:
        """0 where the chain credits every event as the hand-written query does, else how many digests differ."""
        sql = f"select {MATCHES} from marts.fct_events"
        warehouse = str(self._settings.published_warehouse.resolve())
        chain = run_task(self._settings, "query", database=warehouse, timed=[sql], is_read_only=True)[
            "answer"
        ]
        return sum(one != other for one, other in zip(chain, by_hand, strict=True))

    def _different_marts(self) -> int:
        """Return how many marts of the day's increment, in service now, differ from a build from scratch."""
        scratch = build(
            self._settings,
            self._size.end,
            from_scratch=True,
            publish=False,
            audit=False,
            progress=self._progress,
        )
        files = (f"{scratch['folder']}/warehouse.duckdb", str(self._settings.published_warehouse.resolve()))
        one, other = (run_task(self._settings, "digests", database=file)["content"] for file in files)
        return sum(one.get(mart) != other.get(mart) for mart in one.keys() | other.keys())


def _commit(settings: Settings, entries: list[LedgerEntry]) -> None:
    for entry in entries:
        write_entry(settings, entry)


def _without_earlier(entry: LedgerEntry) -> LedgerEntry:
    """The entry in a ledger that starts late: what repeats a line of before its start is the first of its kind there."""
    return msgspec.structs.replace(entry, accepted=entry.received, duplicate=0)


def _describe(settings: Settings, days: list[list[LedgerEntry]]) -> dict[str, Any]:
    entries = [entry for day in days for entry in day]
    rows = {
        log: sum(entry.received for entry in entries if entry.log == log) for log in ("events", "inferences")
    }
    return {
        **rows,
        "files": sum(len(entry.outputs) for entry in entries),
        "raw_mb": raw_megabytes(settings.raw),
    }


def _machine(settings: Settings) -> dict[str, Any]:
    return {
        "cores": os.cpu_count(),
        "memory_gb": round(machine_megabytes() / 1024),
        "duckdb_memory_limit": settings.duckdb_memory_limit,
        "duckdb_threads": settings.duckdb_threads,
    }
