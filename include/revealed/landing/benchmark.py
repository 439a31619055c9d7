"""How fast landing is: `revealed bench landing`.

The lines are ordinary event lines (about 400 bytes, a month of days); the figures are of everything that landing does:
hashing, decoding, judging, finding duplicates, Parquet, fsync, the ledger.
"""

from __future__ import annotations

import gzip
import json
import random
import tempfile
import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from revealed.landing.ingest import ingest_path
from revealed.progress import Progress, quiet
from revealed.settings import Settings

_START = datetime(2024, 3, 1, tzinfo=UTC)
_DAYS = 30
_DIRTY_EVERY = 100
_TYPES = ("impression", "view", "click", "heartbeat", "scroll", "add_to_cart", "purchase", "save")


def bench_landing(
    lines: int = 300_000, *, seed: int = 7, folder: Path | None = None, progress: Progress = quiet
) -> dict[str, dict[str, float]]:
    """Land generated event lines in a temporary home and return the rates, one entry a kind of file.

    Each entry holds `lines`, `megabytes` (uncompressed), `wall_s`, `cpu_s`, `lines_per_s`, `lines_per_cpu_s` and
    `quarantined`. CPU seconds are this process's, all threads together.

    Args:
        lines: lines in each file.
        seed: of the generator.
        folder: where the temporary home goes; the system's temporary folder where it is None.
        progress: told what is being measured.
    """
    with tempfile.TemporaryDirectory(dir=folder) as place:
        home = Path(place)
        clean = b"".join(_event_lines(lines, seed, dirty=False))
        dirty = b"".join(_event_lines(lines, seed, dirty=True))
        files = {
            "jsonl": _put(home / "events.jsonl", clean),
            "jsonl.gz": _put(home / "events.jsonl.gz", gzip.compress(clean, 6, mtime=0)),
            "jsonl, 1 % faulty": _put(home / "dirty.jsonl", dirty),
        }
        size = len(clean) / 1e6
        del clean, dirty
        return {kind: _measure(home / "home", kind, file, size, progress) for kind, file in files.items()}


def _measure(home: Path, kind: str, file: Path, size: float, progress: Progress) -> dict[str, float]:
    progress(f"landing {kind}")
    settings = replace(Settings.from_env(), home=home / file.name)
    wall, cpu = time.perf_counter(), time.process_time()
    report = ingest_path(settings, file, "events")
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    return {
        "lines": report.received,
        "megabytes": round(size, 1),
        "wall_s": round(wall, 3),
        "cpu_s": round(cpu, 3),
        "lines_per_s": round(report.received / wall),
        "lines_per_cpu_s": round(report.received / cpu),
        "quarantined": report.quarantined,
    }


def _put(path: Path, data: bytes) -> Path:
    path.write_bytes(data)
    return path


def _event_lines(lines: int, seed: int, *, dirty: bool) -> Iterator[bytes]:
    seeded = random.Random(seed)  # noqa: S311 - a benchmark, not a secret
    for number in range(lines):
        row = _event(seeded, _START + timedelta(days=_DAYS) * (number / lines))
        text = json.dumps(row).encode()
        if dirty and number % _DIRTY_EVERY == 0:
            text = seeded.choice((text[:-9], text.replace(b'"event_id"', b'"id"'), b"\xff" + text))
        yield text + b"\n"


def _event(seeded: random.Random, moment: datetime) -> dict[str, Any]:
    user = int(seeded.paretovariate(0.8)) % 50_000
    return {
        "event_id": f"{seeded.getrandbits(128):032x}",
        "event_type": seeded.choice(_TYPES),
        "occurred_at": moment.isoformat(timespec="milliseconds"),
        "received_at": (moment + timedelta(seconds=seeded.expovariate(1))).isoformat(timespec="milliseconds"),
        "user_id": f"u{user}",
        "session_id": f"s{user}-{moment:%d%H}",
        "item_id": f"i{int(seeded.paretovariate(0.7)) % 20_000}",
        "request_id": f"{seeded.getrandbits(128):032x}",
        "position": seeded.randint(1, 20),
        "surface": seeded.choice(("home", "search", "article")),
        "dwell_ms": int(seeded.lognormvariate(9, 1)),
        "scroll_depth": round(seeded.random(), 3),
        "properties": {"app": "web", "build": 1204},
        "schema_version": 1,
    }
