"""Which warehouse is in service: the `published/warehouse.duckdb` link, read and moved."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import duckdb

from revealed.engines.duckdb import connect
from revealed.errors import NothingPublishedError
from revealed.settings import Settings


def generations_folder(settings: Settings) -> Path:
    """Return the folder that holds one folder a published generation."""
    return settings.published / "warehouse"


def current_generation(settings: Settings) -> int:
    """Return the generation in service, 0 where none is."""
    pointer = settings.published_warehouse
    return int(pointer.resolve().parent.name) if pointer.is_symlink() else 0


def newest_generation(settings: Settings) -> int:
    """Return the highest generation ever written, in service or not."""
    folder = generations_folder(settings)
    numbers = [int(path.name) for path in folder.glob("[0-9]*")] if folder.is_dir() else []
    return max(numbers, default=0)


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


def open_published(settings: Settings) -> duckdb.DuckDBPyConnection:
    """Open the warehouse in service for reading; it stays this version for as long as it is open.

    Raises:
        NothingPublishedError: none has been published yet.
    """
    return connect(settings, settings.published_warehouse, read_only=True)
