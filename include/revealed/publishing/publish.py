"""Publish what the champion recommends: staged apart, audited, renamed into place, and only then pointed at."""

from __future__ import annotations

import os
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
import pyarrow.parquet as pq
from numpy.typing import NDArray

from revealed.clock import utc_now
from revealed.durable import exclusive_lock, publish_directory, remove_tree, sha256_file, write_json
from revealed.engines.duckdb import connect
from revealed.errors import StaleError
from revealed.faults import fault_point
from revealed.feedback import DatasetManifest, read_dataset
from revealed.progress import Progress, quiet
from revealed.publishing import files
from revealed.publishing.generations import (
    current_snapshot,
    folder_of,
    lock_path,
    newest_generation,
    pointer,
    prune,
    put_in_service,
    was_rolled_back,
)
from revealed.publishing.manifest import MANIFEST, SnapshotManifest
from revealed.registry import ModelVersion, fetch_model, require_champion
from revealed.settings import Settings
from revealed.training.artifact import load_model
from revealed.training.content_model import ContentModel
from revealed.training.device import Device
from revealed.training.known import Known, known_at_end
from revealed.training.popularity import Popularity
from revealed.training.protocol import NOTHING
from revealed.training.serving import Server

if TYPE_CHECKING:
    from revealed.quality import AuditResult


class SnapshotAudit(Protocol):
    """Audits a staged snapshot: `audit_snapshot`, or a process that does."""

    def __call__(self, settings: Settings, folder: Path, **expected: Any) -> AuditResult:
        """Return the verdict."""


def publish_snapshot(
    settings: Settings, *, audit: SnapshotAudit | None = None, progress: Progress = quiet
) -> SnapshotManifest:
    """Publish the champion's lists on the newest dataset and return the snapshot then in service.

    Users are solved anew from the newest dataset, so that newcomers and new behaviour count without a new
    model. When nothing changed since the last publish, or somebody has rolled back from exactly this,
    nothing is written.

    Args:
        settings: where everything is.
        audit: who audits, `audit_snapshot` by default.
        progress: told at each step.

    Raises:
        NothingPublishedError: no model has been approved yet.
        StaleError: what is in service knows more than the newest dataset, or somebody published in between.
        AuditFailedError: the lists broke an expectation; what was in service stays.
        DamagedModelError: the champion's files are not the ones that were approved.
        LockedError: another publish, or a rollback, is under way.
    """
    with exclusive_lock(lock_path(settings), "publish recommendations"):
        champion = require_champion(settings)
        dataset = read_dataset(settings)
        before = pointer(settings)
        settled = _settled(settings, champion, dataset, progress) if before else None
        if settled is not None:
            return settled
        _remove_leftovers(settings)
        staged = settings.published_recommendations / f".staged.{os.getpid()}"
        staged.mkdir(parents=True)
        try:
            manifest = _stage(settings, staged, champion, dataset, audit, progress)
            if pointer(settings) != before:
                raise StaleError(
                    "somebody published in between", where=str(settings.published_recommendations)
                )
            fault_point("snapshot_staged")
            publish_directory(staged, folder_of(settings, manifest.generation))
        finally:
            remove_tree(staged)
        fault_point("snapshot_renamed")
        put_in_service(settings, manifest)
        prune(settings)
    progress(f"published snapshot {manifest.snapshot_id}")
    return manifest


def _settled(
    settings: Settings, champion: ModelVersion, dataset: DatasetManifest, progress: Progress
) -> SnapshotManifest | None:
    """Return what is in service if it is to stay; None if there is something new to publish."""
    current = current_snapshot(settings)
    fingerprint = (
        champion.version,
        champion.model_id,
        dataset.version,
        settings.recommendations_per_user,
    )
    if current.fingerprint == fingerprint:
        put_in_service(settings, current)
        progress("nothing changed since the last publish")
        return current
    if was_rolled_back(settings, fingerprint):
        progress(f"somebody rolled back from exactly this; snapshot {current.snapshot_id} stays in service")
        return current
    if dataset.as_of < datetime.fromisoformat(current.as_of):
        raise StaleError(
            f"the snapshot in service is as of {current.as_of}, newer than the dataset's {dataset.as_of.isoformat()}",
            where=str(settings.published_recommendations),
            remedy="write a newer dataset, or roll back with `revealed snapshot rollback`",
        )
    return None


def _stage(
    settings: Settings,
    staged: Path,
    champion: ModelVersion,
    dataset: DatasetManifest,
    audit: SnapshotAudit | None,
    progress: Progress,
) -> SnapshotManifest:
    model, _ = load_model(fetch_model(settings, champion.version))
    progress("reading what the catalogue says of items")
    known = known_at_end(settings, dataset)
    unavailable = _write_catalogue(settings, staged, known, dataset)
    progress("learning where items that the model has never seen belong")
    popularity = Popularity()
    popularity.fit(known.data, Device("cpu", "counting"))
    server = known.server(model, popularity, unavailable)
    k = settings.recommendations_per_user
    counts = files.write_recommendations(staged, server, known.data, k, progress)
    files.write_similar_items(staged, server)
    progress("auditing the snapshot")
    written = {path.name: _describe(path) for path in sorted(staged.glob("*.parquet"))}
    manifest = SnapshotManifest(
        generation=newest_generation(settings) + 1,
        model=model.name,
        model_version=champion.version,
        model_id=champion.model_id,
        dataset_version=dataset.version,
        as_of=dataset.as_of.isoformat(),
        policy_version=dataset.policy_version,
        k=k,
        counts=counts | {name.removesuffix(".parquet"): entry["rows"] for name, entry in written.items()},
        files=written,
        quality=_audited(settings, staged, server, audit),
        created_at=utc_now().isoformat(),
        cold_start=_cold_start(server),
    )
    write_json(staged / MANIFEST, manifest.to_dict())
    return manifest


def _write_catalogue(
    settings: Settings, staged: Path, known: Known, dataset: DatasetManifest
) -> frozenset[str]:
    """Write the items and the lists for people whom nothing is known of; return the items that must not be shown."""
    content = known.data.content
    assert content is not None
    con = connect(settings)
    try:
        files.write_items(con, staged, dataset, content.items[content.is_described])
        files.write_fallbacks(con, staged, dataset, settings.recommendations_per_user)
        return files.unavailable_items(con, staged)
    finally:
        con.close()


def _cold_start(server: Server) -> dict[str, Any]:
    """Return what content was found good for: placing items that the model has never seen, and telling people's taste."""
    found = {"cold_items": server.cold_items, "taste": server.taste}
    return {name: report.to_dict() for name, report in found.items() if report is not None}


def _audited(settings: Settings, staged: Path, server: Server, audit: SnapshotAudit | None) -> dict[str, Any]:
    """Return the audit's verdict: everybody who can be shown anything has a list, as long as the catalogue allows."""
    from revealed.quality import audit_snapshot

    lengths = _lengths(server, settings.recommendations_per_user)
    result = (audit or audit_snapshot)(
        settings,
        staged,
        users_expected=len(lengths),
        k=int(lengths.min(initial=settings.recommendations_per_user)),
        sources=server.names,
        similar_sources=tuple(dict.fromkeys((server.model.name, ContentModel.name))),
    )
    result.require_pass()
    return result.to_dict()


def _lengths(server: Server, k: int) -> NDArray[np.int64]:
    """Return how long the list of each user must be who can be shown anything.

    Who has met all that anybody likes can still be shown what nobody has met, where content places it.
    """
    lengths = np.minimum(server.servable(), k)
    rest = np.flatnonzero(lengths == 0)
    lengths[rest] = (server.items_for(rest, k) != NOTHING).sum(axis=1)
    found: NDArray[np.int64] = lengths[lengths > 0]
    return found


def _describe(path: Path) -> dict[str, Any]:
    rows = int(pq.read_metadata(path).num_rows)
    return {"sha256": sha256_file(path), "bytes": path.stat().st_size, "rows": rows}


def _remove_leftovers(settings: Settings) -> None:
    """Remove what killed publishers left; a generation renamed but never pointed at is whole, and stays to be pruned."""
    for folder in settings.published_recommendations.glob(".staged.*"):
        remove_tree(folder)
