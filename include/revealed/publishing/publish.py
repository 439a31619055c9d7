"""Publish what the champion recommends: staged apart, audited, renamed into place, and only then pointed at."""

from __future__ import annotations

import os
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
from numpy.typing import NDArray

from revealed.clock import utc_now
from revealed.durable import exclusive_lock, publish_directory, remove_tree, sha256_file, write_json
from revealed.engines.duckdb import connect
from revealed.errors import NothingPublishedError, StaleError
from revealed.faults import fault_point
from revealed.feedback import DatasetManifest, read_dataset
from revealed.progress import Progress, quiet
from revealed.publishing import content
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
from revealed.registry import ModelVersion, current_champion, fetch_model
from revealed.settings import Settings
from revealed.training.artifact import load_model
from revealed.training.device import Device
from revealed.training.matrix import Interactions, read_interactions
from revealed.training.popularity import Popularity
from revealed.training.protocol import Recommender
from revealed.training.serving import Server


def publish_snapshot(settings: Settings, *, progress: Progress = quiet) -> SnapshotManifest:
    """Publish the champion's lists on the newest dataset and return the snapshot then in service.

    Users are solved anew from the newest dataset, so that newcomers and new behaviour count without a new
    model. When nothing changed since the last publish, or somebody has rolled back from exactly this,
    nothing is written.

    Raises:
        NothingPublishedError: no model has been approved yet.
        StaleError: what is in service knows more than the newest dataset, or somebody published in between.
        AuditFailedError: the lists broke an expectation; what was in service stays.
        DamagedModelError: the champion's files are not the ones that were approved.
        LockedError: another publish, or a rollback, is under way.
    """
    with exclusive_lock(lock_path(settings), "publish recommendations"):
        champion = _champion(settings)
        dataset = read_dataset(settings)
        before = pointer(settings)
        settled = _settled(settings, champion, dataset, progress) if before else None
        if settled is not None:
            return settled
        _remove_leftovers(settings)
        staged = settings.published_recommendations / f".staged.{os.getpid()}"
        staged.mkdir(parents=True)
        try:
            manifest = _stage(settings, staged, champion, dataset, progress)
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


def _champion(settings: Settings) -> ModelVersion:
    champion = current_champion(settings)
    if champion is None:
        raise NothingPublishedError(
            "no model has been approved yet, so there is nothing to publish",
            where="MLflow's alias `champion`",
            remedy="approve the challenger in Airflow's required actions",
        )
    return champion


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
    settings: Settings, staged: Path, champion: ModelVersion, dataset: DatasetManifest, progress: Progress
) -> SnapshotManifest:
    model, _ = load_model(fetch_model(settings, champion.version))
    data = read_interactions(settings, dataset.file("interactions.parquet"))
    counts, servable = _write_files(settings, staged, model, data, dataset, progress)
    progress("auditing the snapshot")
    manifest = SnapshotManifest(
        generation=newest_generation(settings) + 1,
        model=model.name,
        model_version=champion.version,
        model_id=champion.model_id,
        dataset_version=dataset.version,
        as_of=dataset.as_of.isoformat(),
        policy_version=dataset.policy_version,
        k=settings.recommendations_per_user,
        counts=counts,
        files={path.name: _describe(path) for path in sorted(staged.glob("*.parquet"))},
        quality=_audited(settings, staged, servable),
        created_at=utc_now().isoformat(),
    )
    write_json(staged / MANIFEST, manifest.to_dict())
    return manifest


def _write_files(
    settings: Settings,
    staged: Path,
    model: Recommender,
    data: Interactions,
    dataset: DatasetManifest,
    progress: Progress,
) -> tuple[dict[str, int], NDArray[np.int64]]:
    """Write the Parquet files; return counts, and how many items each user could be shown."""
    k = settings.recommendations_per_user
    con = connect(settings)
    try:
        items = content.write_items(con, staged, dataset)
        fallbacks = content.write_fallbacks(con, staged, dataset, k)
        unavailable = content.unavailable_items(con, staged)
    finally:
        con.close()
    popularity = Popularity()
    popularity.fit(data, Device("cpu", "counting"))
    server = Server(model, popularity, data, np.array(sorted(unavailable), dtype=object))
    counts = content.write_recommendations(staged, server, data, k, progress)
    similar = content.write_similar_items(staged, model, unavailable)
    return counts | {"items": items, "fallbacks": fallbacks, "similar_items": similar}, server.servable()


def _audited(settings: Settings, staged: Path, servable: NDArray[np.int64]) -> dict[str, Any]:
    """Return the audit's verdict: everybody who can be shown anything has a list, as long as the catalogue allows."""
    from revealed.quality import audit_snapshot

    reachable = servable[servable > 0]
    k = settings.recommendations_per_user
    shortest = int(reachable.min(initial=k))
    result = audit_snapshot(settings, staged, users_expected=len(reachable), k=shortest)
    result.require_pass()
    return result.to_dict()


def _describe(path: Path) -> dict[str, Any]:
    rows = int(pq.read_metadata(path).num_rows)
    return {"sha256": sha256_file(path), "bytes": path.stat().st_size, "rows": rows}


def _remove_leftovers(settings: Settings) -> None:
    """Remove what killed publishers left; a generation renamed but never pointed at is whole, and stays to be pruned."""
    for folder in settings.published_recommendations.glob(".staged.*"):
        remove_tree(folder)
