"""The person out of the questions that were published, and out of what a reward model said of what they were shown.

Older query tables are kept because they say who was asked what lately; so they are written again without the person's rows,
each with its new checksum, while a newer table is in service. Reward scores are made again by the next training.
"""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from revealed.active_learning import publish_queries
from revealed.active_learning.published import MANIFEST, QUERIES, QueriesManifest, folder_of, list_queries
from revealed.durable import exclusive_lock, publish_directory, remove_tree, sha256_file, write_json
from revealed.erasure.derived import holds, remove_hidden
from revealed.erasure.needles import Needles
from revealed.erasure.redacting import rows_of_person, without
from revealed.errors import NoDataError, NothingPublishedError
from revealed.faults import fault_point
from revealed.feedback import list_datasets
from revealed.progress import Progress
from revealed.reward import train_reward
from revealed.settings import Settings

_STAGED = ".staged.without"


def erase_queries(settings: Settings, needles: Needles, progress: Progress) -> list[str]:
    """Put a query table without the person into service, take their rows out of the older ones, and return these."""
    finish_replacing(settings)
    doomed = [
        found
        for found in list_queries(settings)
        if holds(settings, folder_of(settings, found.generation), needles)
    ]
    if doomed:
        try:
            publish_queries(settings, progress=progress)
        except (NoDataError, NothingPublishedError) as error:
            progress(f"queries: no new table: {error.what}")
        with exclusive_lock(settings.locks / "queries.lock", "take an erased person out of the queries"):
            for manifest in doomed:
                _write_without(settings, manifest, needles)
    fault_point("erasure_queries_done")
    return [f"{found.generation:06d}" for found in doomed]


def finish_replacing(settings: Settings) -> None:
    """Move a table into its place that a killed erasure had written and not moved."""
    root = settings.published / "queries"
    for staged in sorted(root.glob(f"{_STAGED}.*")):
        final = root / staged.name.rsplit(".", 1)[1]
        if (staged / MANIFEST).is_file() and not final.exists():
            publish_directory(staged, final)
        remove_tree(staged)


def erase_reward_scores(settings: Settings, erased_datasets: list[str], progress: Progress) -> list[str]:
    """Remove the scores of reward models that were trained on an erased dataset, train anew, and return the models' ids."""
    kept = {manifest.version for manifest in list_datasets(settings)}
    removed = []
    for manifest in sorted((settings.home / "rewards").glob(f"[!.]*/{MANIFEST}")):
        if _dataset_of(manifest) not in kept:
            remove_tree(manifest.parent)
            removed.append(manifest.parent.name)
    if removed and erased_datasets:
        try:
            train_reward(settings, None, progress=progress)
        except NoDataError as error:
            progress(f"no reward model: {error.what}")
    return removed


def _dataset_of(manifest: Path) -> str:
    return str(json.loads(manifest.read_bytes()).get("dataset_version", ""))


def _write_without(settings: Settings, manifest: QueriesManifest, needles: Needles) -> None:
    folder = folder_of(settings, manifest.generation)
    staged = folder.with_name(f"{_STAGED}.{folder.name}")
    remove_tree(staged)
    staged.mkdir()
    table = pq.read_table(folder / QUERIES)
    left = without(table, rows_of_person(table, needles))
    pq.write_table(left, staged / QUERIES, compression="zstd")
    write_json(staged / MANIFEST, _described(manifest, left, staged / QUERIES).to_dict())
    remove_hidden(folder)
    publish_directory(staged, folder)


def _described(manifest: QueriesManifest, table: pa.Table, path: Path) -> QueriesManifest:
    reasons = {entry["values"]: entry["counts"] for entry in table["reason"].value_counts().to_pylist()}
    return dataclasses.replace(
        manifest,
        rows=table.num_rows,
        people=len(table["user_id"].unique()),
        reasons=reasons,
        sha256=sha256_file(path),
        bytes=path.stat().st_size,
    )
