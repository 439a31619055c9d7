"""Small logs in which one person occurs in every way that logs know, and the same logs without the person."""

from __future__ import annotations

import gzip
import json
import os
import subprocess
import sys
from datetime import datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from revealed.erasure.identity import find_person
from revealed.erasure.raw import erase_raw
from revealed.erasure.sources import erase_sources
from revealed.erasure.tombstones import bury
from revealed.landing import read_ledger
from revealed.progress import quiet
from revealed.settings import Settings

ID, VISITOR, SHARED, OTHER = "user-0030", "anon-30f1", "anon-shared", "user-00301"
_OLD = 1_700_000_000


def event(number: int, user: str | None, visitor: str | None = None, **changes: Any) -> dict[str, Any]:
    row = {
        "event_id": f"e{number}",
        "event_type": "click",
        "occurred_at": f"2026-01-{1 + number % 3:02d}T12:00:00Z",
        "item_id": f"i{number % 5}",
        "user_id": user,
        "anonymous_id": visitor,
    }
    return {name: value for name, value in (row | changes).items() if value is not None}


def others() -> list[bytes]:
    """Lines of other people: one whose id is longer by a digit, one that mentions the person, one that is broken."""
    rows = [event(number, OTHER if number % 2 else "user-0001") for number in range(40)]
    rows += [event(50, "user-0002", SHARED), event(51, None, SHARED)]
    broken = b'{"event_id": "b1", "user_id": "user-0001", "event_type": "cli'
    return [*(json.dumps(row).encode() for row in rows), broken]


def persons() -> list[bytes]:
    """The person's lines: by id, as a visitor before the login, on a shared device, twice, broken."""
    rows = [event(100 + number, ID, VISITOR if number == 3 else None) for number in range(9)]
    rows += [event(120, None, VISITOR), event(121, ID, SHARED), event(100, ID)]
    broken = b'{"event_id": "b2", "user_id": "user-0030", "event_type": "cli'
    return [*(json.dumps(row).encode() for row in rows), broken]


def mixed(*, with_person: bool) -> list[bytes]:
    """Both kinds in turn; without the person there are blanks of the same length in their place."""
    theirs = [line if with_person else b" " * len(line) for line in persons()]
    found = []
    for number, line in enumerate(others()):
        found += [line, *theirs[number : number + 1]]
    return found


def write_logs(settings: Settings, *, with_person: bool = True) -> None:
    """Write the lines as text, as gzip with another cut, and as Parquet."""
    lines = mixed(with_person=with_person)
    folder = settings.landing / "events"
    put(folder / "a.jsonl", b"\n".join(lines) + b"\n")
    again = [line for number, line in enumerate(lines) if number % 4]
    put(folder / "b.ndjson.gz", gzip.compress(b"\n".join(again) + b"\n", mtime=0))
    rows = [
        event(200 + n, user)
        for n, user in enumerate((ID, OTHER, "user-0001", ID))
        if with_person or user != ID
    ]
    for row in rows:
        row["occurred_at"] = datetime.fromisoformat(row["occurred_at"])
    pq.write_table(pa.Table.from_pylist(rows), folder / "c.parquet")
    os.utime(folder / "c.parquet", (_OLD, _OLD))


def put(path: Path, data: bytes) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    os.utime(path, (_OLD, _OLD))
    return path


def erase_logs(settings: Settings) -> None:
    """The part of an erasure that concerns logs."""
    needles = find_person(settings, ID).needles
    erase_sources(settings, needles, bury(settings, needles.ids), quiet)
    erase_raw(settings, needles, quiet)


def raw_rows(settings: Settings) -> list[dict[str, Any]]:
    """Every committed row, without which file it came from."""
    outputs = [output for entry in read_ledger(settings) for output in entry.outputs]
    rows = [
        row for o in outputs for row in pq.read_table(settings.raw / o.path, partitioning=None).to_pylist()
    ]
    plain = [{name: value for name, value in row.items() if name != "source_file"} for row in rows]
    return sorted(plain, key=lambda row: (row["event_id"], row["source_line"]))


def quarantined(settings: Settings) -> list[tuple[Any, ...]]:
    outputs = [entry.quarantine_output for entry in read_ledger(settings) if entry.quarantine_output]
    rows = [
        row for o in outputs for row in pq.read_table(settings.raw / o.path, partitioning=None).to_pylist()
    ]
    return sorted((row["raw"], row["reason"], row["source_line"], row["byte_offset"]) for row in rows)


def sums(settings: Settings) -> dict[str, int]:
    names = ("received", "accepted", "duplicate", "quarantined", "erased")
    return {name: sum(getattr(entry, name) for entry in read_ledger(settings)) for name in names}


def child(settings: Settings, code: str, *, fault: str) -> subprocess.CompletedProcess[str]:
    """Run code in a process of its own that dies at a fault point; `settings` is there."""
    frame = (
        "import sys\nfrom dataclasses import replace\nfrom revealed.settings import Settings\n"
        "settings = replace(Settings.from_env({'REVEALED_HOME': sys.argv[1]}), landing_grace_seconds=0.0)\n"
    )
    return subprocess.run(
        [sys.executable, "-c", frame + code, str(settings.home)],
        env={**os.environ, "REVEALED_FAULT": fault, "PYTHONPATH": os.pathsep.join(sys.path)},
        capture_output=True,
        text=True,
        check=False,
    )
