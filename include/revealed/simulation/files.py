"""Writing the landing files: one file a log and day of receipt, in every format that landing takes."""

from __future__ import annotations

import gzip
import os
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from revealed.durable import staged_file
from revealed.simulation.config import DAY_MS, WorldConfig
from revealed.simulation.delivery import RETRIED, Deliveries
from revealed.simulation.lines import Record
from revealed.simulation.names import timestamps

_DAILY = (".jsonl", ".jsonl.gz", ".ndjson", ".ndjson.gz")
_HALVES = 2
_PARQUET_DAY = 5
_TIME = pa.timestamp("us")
_TYPES: dict[str, pa.DataType] = {
    "events": pa.schema(
        [(name, pa.string()) for name in ("event_id", "event_type")]
        + [(name, _TIME) for name in ("occurred_at", "received_at")]
        + [(n, pa.string()) for n in ("user_id", "anonymous_id", "session_id", "item_id", "request_id")]
        + [("position", pa.int32()), ("surface", pa.string()), ("dwell_ms", pa.int64())]
        + [("scroll_depth", pa.float64()), ("value", pa.float64()), ("currency", pa.string())]
        + [("quantity", pa.int64()), ("order_id", pa.string()), ("reverses_event_id", pa.string())]
        + [("rating", pa.float64()), ("query", pa.string()), ("user_agent", pa.string())]
        + [("properties", pa.string()), ("schema_version", pa.int32())]
    )
}


@dataclass(frozen=True)
class WrittenFile:
    """What one landing file holds: `lines` counts all of them, `malformed` those that no contract accepts."""

    log: str
    name: str
    lines: int
    malformed: int
    bytes: int


def write_log(
    folder: Path,
    log: str,
    records: Sequence[Record],
    deliveries: Deliveries,
    malformed: list[bytes],
    config: WorldConfig,
) -> list[WrittenFile]:
    """Write one log's files under `folder/log` and return what each holds, in order of name."""
    plan = _by_file(log, deliveries, config)
    bad = _scatter(plan, malformed, config.rng(20 + len(log)))
    written = []
    for (day, name), entries in plan.items():
        path = folder / log / name
        if name.endswith(".parquet"):
            _write_parquet(path, log, [_record(records, deliveries, n) for n in entries], config, day)
            lines = len(entries)
        else:
            body = [msgspec.json.encode(_record(records, deliveries, n)) for n in entries]
            for place, line in bad[name]:
                body.insert(place, line)
            _write_text(path, body, config, day)
            lines = len(body)
        size = path.stat().st_size
        written.append(WrittenFile(log, name, lines, lines - len(entries), size))
    return written


def _by_file(log: str, deliveries: Deliveries, config: WorldConfig) -> dict[tuple[int, str], list[int]]:
    """Assign the lines to files, in order of receipt within each."""
    files: dict[tuple[int, str], list[int]] = {}
    order = np.lexsort((deliveries.copy, deliveries.row, deliveries.received_ms, deliveries.day))
    hour = (deliveries.received_ms - config.start_ms) % DAY_MS // 3_600_000
    for n in order.tolist():
        day = int(deliveries.day[n])
        files.setdefault((day, _file_name(log, day, int(hour[n]), config)), []).append(n)
    return dict(sorted(files.items()))


def _file_name(log: str, day: int, hour: int, config: WorldConfig) -> str:
    stem = f"{log}-{config.day(day).isoformat()}"
    if day == _PARQUET_DAY and log in _TYPES:
        return f"{stem}.parquet"
    if day % len(_DAILY) == _HALVES and log in {"events", "inferences"}:
        stem += "T00" if hour < 12 else "T12"
    return stem + _DAILY[day % len(_DAILY)]


def _scatter(
    plan: dict[tuple[int, str], list[int]], malformed: list[bytes], rng: np.random.Generator
) -> dict[str, list[tuple[int, bytes]]]:
    """Give every malformed line a place in some text file."""
    names = [name for _, name in plan if not name.endswith(".parquet")]
    sizes = {name: len(entries) for (_, name), entries in plan.items()}
    places: dict[str, list[tuple[int, bytes]]] = {name: [] for name in names}
    for line in malformed:
        name = names[int(rng.integers(len(names)))]
        places[name].append((int(rng.integers(sizes[name] + 1)), line))
    return places


def _record(records: Sequence[Record], deliveries: Deliveries, n: int) -> Record:
    record = records[int(deliveries.row[n])]
    if deliveries.copy[n] != RETRIED:
        return record
    return {**record, "received_at": timestamps(deliveries.received_ms[n : n + 1])[0]}


def _write_text(path: Path, lines: list[bytes], config: WorldConfig, day: int) -> None:
    data = b"\n".join(lines) + b"\n"
    if path.suffix == ".gz":
        data = gzip.compress(data, compresslevel=6, mtime=0)
    with staged_file(path) as staged:
        staged.write_bytes(data)
        _date(staged, config, day)


def _write_parquet(path: Path, log: str, records: list[Record], config: WorldConfig, day: int) -> None:
    schema = _TYPES[log]
    columns = {
        name: [_cell(record.get(name), schema.field(name).type) for record in records]
        for name in schema.names
    }
    with staged_file(path) as staged:
        pq.write_table(pa.table(columns, schema=schema), staged, compression="zstd")
        _date(staged, config, day)


def _cell(value: Any, kind: pa.DataType) -> Any:
    if isinstance(value, dict):
        return msgspec.json.encode(value).decode()
    if kind == _TIME and value is not None:
        return datetime.fromisoformat(value)
    return value


def _date(path: Path, config: WorldConfig, day: int) -> None:
    """Give the file the time at which the outside system would have closed it: the end of its day."""
    closed = (config.start_ms + (day + 1) * DAY_MS) // 1000
    os.utime(path, (closed, closed))
