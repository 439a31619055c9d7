"""Which warehouse is in service: the `published/warehouse.duckdb` link, read and moved."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

import duckdb

from revealed.durable import exclusive_lock
from revealed.engines.duckdb import connect
from revealed.errors import NothingPublishedError, StaleError
from revealed.settings import Settings


def folder_of(settings: Settings, generation: int) -> Path:
    """Return where a published generation is kept."""
    return settings.published / "warehouse" / f"{generation:06d}"


def generation_folders(settings: Settings) -> list[Path]:
    """Return the generations on disk, the oldest first; in service or not."""
    return sorted(folder_of(settings, 0).parent.glob("[0-9]*"))


@contextmanager
def publishing(settings: Settings) -> Iterator[None]:
    """Hold the lock under which generations appear, go, and are pointed at.

    Raises:
        LockedError: another process is publishing right now.
    """
    with exclusive_lock(settings.locks / "warehouse.lock", "publish the warehouse"):
        yield


def current_generation(settings: Settings) -> int:
    """Return the generation in service, 0 where none is."""
    pointer = settings.published_warehouse
    return int(pointer.resolve().parent.name) if pointer.is_symlink() else 0


def newest_generation(settings: Settings) -> int:
    """Return the highest generation ever written, in service or not."""
    return max((int(folder.name) for folder in generation_folders(settings)), default=0)


def read_manifest(settings: Settings) -> dict[str, Any]:
    """Return the manifest of the warehouse in service.

    Raises:
        NothingPublishedError: none is.
    """
    if not current_generation(settings):
        raise NothingPublishedError(
            "no warehouse has been published yet",
            where=str(settings.published_warehouse),
            remedy="run `revealed run --through DATE` or `make demo`",
        )
    manifest: dict[str, Any] = json.loads(
        (settings.published_warehouse.resolve().parent / "manifest.json").read_bytes()
    )
    return manifest


def refuse_older(settings: Settings, as_of: datetime) -> None:
    """Return where a build as of `as_of` would not go backwards.

    Raises:
        StaleError: the warehouse in service is as of a later moment.
    """
    if not current_generation(settings):
        return
    in_service = datetime.fromisoformat(read_manifest(settings)["as_of"])
    if as_of < in_service:
        raise StaleError(
            f"the warehouse in service is as of {in_service:%Y-%m-%d %H:%M}, newer than {as_of:%Y-%m-%d %H:%M}",
            where=str(settings.published_warehouse),
            remedy="build as of a later moment; late lines of an old day are part of every later build",
        )


def open_published(settings: Settings) -> duckdb.DuckDBPyConnection:
    """Open the warehouse in service for reading; it stays this version for as long as it is open.

    Raises:
        NothingPublishedError: none has been published yet.
    """
    return connect(settings, settings.published_warehouse, read_only=True)
