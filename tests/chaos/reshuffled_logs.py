"""The same logs as they might have come another day: other files, other order, some lines twice."""

from __future__ import annotations

import gzip
import json
from datetime import datetime, timedelta
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq


def reshuffle(source: Path, target: Path, *, seed: int, parts: int, duplicates: float) -> int:
    """Write the lines of `source`'s files into `parts` other files a log, in random order; return the lines added.

    A share `duplicates` of the lines is written twice, every other one as if received a day and a half later: only the
    first received copy may count, whatever file it is in. Parquet rows stay Parquet. Names sort in random order, so
    that files land in another order too.
    """
    random = np.random.default_rng(seed)
    added = 0
    for folder in sorted(path for path in source.iterdir() if path.is_dir()):
        texts = [path for path in sorted(folder.iterdir()) if path.suffix != ".parquet"]
        lines = [line for path in texts for line in _lines(path)]
        for part, chosen in enumerate(_deal(random, len(lines), parts, duplicates)):
            _write_lines(target / folder.name, random, part, [_copy(lines[n], n < 0) for n in chosen])
            added += len(chosen)
        added -= len(lines)
        for path in sorted(folder.glob("*.parquet")):
            table = pq.read_table(path)
            for chosen in _deal(random, len(table), 2, duplicates):
                _write_table(
                    target / folder.name, random, table.take(pa.array([n % len(table) for n in chosen]))
                )
                added += len(chosen)
            added -= len(table)
    return added


def _lines(path: Path) -> list[bytes]:
    data = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
    return data.removesuffix(b"\n").split(b"\n")


def _copy(line: bytes, is_late: bool) -> bytes:
    """Return the line; a late copy (index counted from the end) says that it was received later, where it says at all."""
    if not is_late or b'"received_at"' not in line:
        return line
    try:
        value = json.loads(line)
        received = datetime.fromisoformat(value["received_at"]) + timedelta(hours=36)
    except (ValueError, TypeError):
        return line  # malformed lines are malformed in both copies
    return json.dumps(value | {"received_at": received.isoformat()}).encode()


def _deal(random: np.random.Generator, lines: int, parts: int, duplicates: float) -> list[list[int]]:
    again = random.choice(lines, int(lines * duplicates), replace=False)
    again[::2] -= lines  # counted from the end: a late copy
    order = random.permutation(np.concatenate([np.arange(lines), again]))
    cuts = np.sort(random.choice(len(order), parts - 1, replace=False))
    return [part.tolist() for part in np.split(order, cuts)]


def _write_lines(folder: Path, random: np.random.Generator, part: int, lines: list[bytes]) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    data = b"\n".join(lines) + b"\n"
    stem = folder / random.bytes(6).hex()
    if part % 2:
        stem.with_suffix(".jsonl.gz").write_bytes(gzip.compress(data, mtime=0))
    else:
        stem.with_suffix(".ndjson").write_bytes(data)


def _write_table(folder: Path, random: np.random.Generator, table: pa.Table) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    pq.write_table(table, folder / f"{random.bytes(6).hex()}.parquet")
