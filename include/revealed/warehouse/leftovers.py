"""What killed or abandoned builds leave on disk, removed without ever touching a build that is alive."""

from __future__ import annotations

import fcntl
import json
import os
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path

from revealed.clock import utc_now
from revealed.durable import remove_tree
from revealed.settings import Settings
from revealed.warehouse.pointer import current_generation, generation_folders, publishing

# A build's steps are separate processes with pauses between them, so that a lock alone cannot tell a living build.
_DOOMED_QUIET = timedelta(hours=1)
_PUBLISHABLE_QUIET = timedelta(days=1)


def clean_leftovers(settings: Settings) -> list[Path]:
    """Remove what no build will continue, and return it (docs/decisions/warehouse-leftovers.md).

    That is: candidates that can no longer be published and were not written for an hour; candidates, and
    generations newer than the one in service that nothing points at, not written for a day; and the temporary
    links of killed publishers. What a process is writing stays, whatever its age.

    Raises:
        LockedError: another process is publishing right now.
    """
    with publishing(settings):
        now = utc_now()
        removed = [*_candidates(settings, now), *_never_in_service(settings, now)]
        for folder in removed:
            remove_tree(folder)
        links = sorted(settings.published.glob(f".{settings.published_warehouse.name}.*.tmp"))
        for link in links:
            link.unlink()
    return [*removed, *links]


def _candidates(settings: Settings, now: datetime) -> Iterator[Path]:
    current = current_generation(settings)
    for folder in sorted(path for path in settings.candidates.glob("*") if path.is_dir()):
        limit = _PUBLISHABLE_QUIET if _base_of(folder) == current else _DOOMED_QUIET
        if _is_abandoned(folder, now, limit):
            yield folder


def _never_in_service(settings: Settings, now: datetime) -> Iterator[Path]:
    """Generations moved into place by a publisher that was killed before the pointer followed."""
    current = current_generation(settings)
    for folder in generation_folders(settings):
        if int(folder.name) > current and _is_abandoned(folder, now, _PUBLISHABLE_QUIET):
            yield folder


def _base_of(folder: Path) -> int | None:
    """Return the generation that a candidate started from; None where it was killed before it had a plan."""
    plan = folder / "plan.json"
    return int(json.loads(plan.read_bytes())["base_generation"]) if plan.is_file() else None


def _is_abandoned(folder: Path, now: datetime, quiet: timedelta) -> bool:
    try:
        written = max(path.lstat().st_mtime for path in [folder, *folder.rglob("*")])
    except FileNotFoundError:
        return False  # a file went while we looked: somebody is at work here
    is_quiet = now.timestamp() - written >= quiet.total_seconds()
    return is_quiet and not is_being_written(folder / "warehouse.duckdb")


def is_being_written(database: Path) -> bool:
    """Return whether another process has the file open for writing: DuckDB locks it for as long as it does."""
    if not database.is_file():
        return False
    fd = os.open(database, os.O_RDONLY)
    try:
        fcntl.lockf(fd, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except OSError:
        return True
    finally:
        os.close(fd)
    return False
