"""The protocol by which a snapshot comes into service: staged apart, whole on disk, renamed, and only then pointed at."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from revealed.durable import exclusive_lock, publish_directory, remove_tree, sha256_file, write_json
from revealed.errors import StaleError
from revealed.faults import fault_point
from revealed.publishing.generations import (
    folder_of,
    lock_path,
    newest_generation,
    pointer,
    prune,
    put_in_service,
)
from revealed.publishing.manifest import MANIFEST, SnapshotManifest
from revealed.settings import Settings

Fill = Callable[[Path, int], SnapshotManifest]


@contextmanager
def publishing(settings: Settings) -> Iterator[None]:
    """Hold the lock under which generations appear, go, and are pointed at; it goes free by itself if the process dies.

    Raises:
        LockedError: another publish, or a rollback, is under way.
    """
    with exclusive_lock(lock_path(settings), "publish recommendations"):
        yield


def publish_generation(settings: Settings, fill: Fill) -> SnapshotManifest:
    """Put a new generation into service and return its manifest; call it within `publishing`.

    A kill at any point leaves what was in service before, or the new generation, each of them whole. What is in service
    is looked at again before the rename and before the pointer moves: should the lock ever fail, the later one loses.

    Args:
        settings: where snapshots are.
        fill: writes the files into the folder that it is given, for the generation's number, and returns the manifest. What
            it raises leaves what is in service as it is.

    Raises:
        StaleError: somebody published in between.
    """
    before = pointer(settings)
    _remove_leftovers(settings)
    generation = newest_generation(settings) + 1
    staged = settings.published_recommendations / f".staged.{os.getpid()}"
    staged.mkdir(parents=True)
    try:
        manifest = fill(staged, generation)
        fault_point("snapshot_filled")
        write_json(staged / MANIFEST, manifest.to_dict())
        fault_point("snapshot_staged")
        _refuse_overtaken(settings, before)
        publish_directory(staged, folder_of(settings, generation))
    finally:
        remove_tree(staged)
    fault_point("snapshot_renamed")
    _refuse_overtaken(settings, before)
    put_in_service(settings, manifest)
    prune(settings)
    return manifest


def describe_files(folder: Path) -> dict[str, dict[str, Any]]:
    """Return the SHA-256 and bytes of each file in a folder, and the rows of those that are Parquet."""
    return {path.name: _describe(path) for path in sorted(folder.iterdir()) if path.name != MANIFEST}


def _describe(path: Path) -> dict[str, Any]:
    entry: dict[str, Any] = {"sha256": sha256_file(path), "bytes": path.stat().st_size}
    if path.suffix == ".parquet":
        entry["rows"] = int(pq.read_metadata(path).num_rows)
    return entry


def _refuse_overtaken(settings: Settings, before: str | None) -> None:
    now = pointer(settings)
    if now != before:
        raise StaleError(
            f"somebody published in between: {now} is in service, and this began when it was {before}",
            where=str(settings.published_recommendations),
            remedy="publish again",
        )


def _remove_leftovers(settings: Settings) -> None:
    """Remove what killed publishers left; a generation renamed but never pointed at is whole, and stays to be pruned."""
    for folder in settings.published_recommendations.glob(".staged.*"):
        remove_tree(folder)
    for pattern in (".*.tmp", "../.recommendations.duckdb.*.tmp"):
        for path in settings.published_recommendations.glob(pattern):
            path.unlink(missing_ok=True)
