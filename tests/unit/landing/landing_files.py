"""Small log files and a home to land them in."""

from __future__ import annotations

import gzip
import json
import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from revealed.landing import IngestReport, LedgerEntry, read_ledger
from revealed.settings import Settings

OLD = 1_700_000_000


def event(number: int, day: int = 1, **changes: Any) -> dict[str, Any]:
    return {
        "event_id": f"e{number}",
        "event_type": "click",
        "occurred_at": f"2024-03-{day:02d}T12:00:00Z",
        "user_id": f"u{number % 7}",
        "item_id": f"i{number % 5}",
    } | changes


def inference(number: int, day: int = 1, shown: int = 3) -> dict[str, Any]:
    return {
        "request_id": f"r{number}",
        "occurred_at": f"2024-03-{day:02d}T12:00:00Z",
        "received_at": f"2024-03-{day:02d}T12:00:30Z",
        "user_id": "u1",
        "surface": "home",
        "model_name": "als",
        "model_version": "1",
        "policy": "greedy",
        "context": {"hour": 12},
        "user_embedding": [0.5, -1.25],
        "items": [
            {"item_id": f"i{position}", "position": position, "score": 1 / position, "propensity": 0.5}
            for position in range(1, shown + 1)
        ],
    }


def as_lines(rows: Iterable[dict[str, Any] | bytes]) -> bytes:
    return b"".join((row if isinstance(row, bytes) else json.dumps(row).encode()) + b"\n" for row in rows)


def put(path: Path, content: bytes) -> Path:
    """Write a file that its writer finished long ago."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(gzip.compress(content, mtime=0) if path.suffix == ".gz" else content)
    os.utime(path, (OLD, OLD))
    return path


def raw_rows(settings: Settings, log: str = "events") -> list[dict[str, Any]]:
    """Every committed row of a log, in order of the day and the line."""
    outputs = [output for entry in read_ledger(settings) if entry.log == log for output in entry.outputs]
    tables = [pq.read_table(settings.raw / output.path, partitioning=None) for output in outputs]
    return [row for table in tables for row in table.to_pylist()]


def quarantined(settings: Settings) -> list[dict[str, Any]]:
    outputs = [entry.quarantine_output for entry in read_ledger(settings) if entry.quarantine_output]
    return [row for output in outputs for row in pq.read_table(settings.raw / output.path).to_pylist()]


def counts(report: IngestReport | LedgerEntry) -> tuple[int, int, int, int]:
    return report.received, report.accepted, report.duplicate, report.quarantined


def content(settings: Settings) -> dict[str, Any]:
    """What landing left: the ledger without its wall clock, and the checksums of what it lists."""
    return {
        entry.sha256: (counts(entry), entry.days, entry.touched_days, entry.outputs, entry.quarantine_output)
        for entry in read_ledger(settings)
    }
