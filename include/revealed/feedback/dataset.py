"""Write and read feedback datasets: immutable folders, named by their content, with one pointer to the newest."""

from __future__ import annotations

import hashlib
import json
import os
from datetime import datetime
from pathlib import Path
from typing import Any

from revealed.clock import utc_now
from revealed.durable import (
    exclusive_lock,
    publish_directory,
    remove_tree,
    sha256_file,
    write_bytes,
    write_json,
)
from revealed.engines.duckdb import connect
from revealed.errors import DamagedFileError, MissingInputError, NoDataError, UsageError
from revealed.faults import fault_point
from revealed.feedback.erased import refuse_erased
from revealed.feedback.export import export_tables
from revealed.feedback.lineage import (
    folds_of,
    identity,
    inputs_of,
    maturity_of,
    parameters_of,
    split_of,
    warehouse_manifest,
)
from revealed.feedback.manifest import MANIFEST, DatasetManifest, FileEntry, read_manifest
from revealed.feedback.negatives import NegativeSampling
from revealed.feedback.revision import code_revision
from revealed.settings import Settings

LATEST = "LATEST"
LOCK = "datasets.lock"


def write_dataset(settings: Settings, warehouse: Path) -> DatasetManifest:
    """Freeze the feedback marts of `warehouse` as a dataset and point `LATEST` at it.

    The version is the content: the same rows, as of the same moment, give the same version and write
    nothing again. Pass the published warehouse: its manifest beside it is what proves that the rows were
    audited.

    Raises:
        NothingPublishedError: the warehouse does not exist.
        NoDataError: the warehouse holds no feedback.
        BuildFailedError: a mart is missing, or was built as of several moments.
        LockedError: another process writes a dataset.
    """
    settings.datasets.mkdir(parents=True, exist_ok=True)
    with exclusive_lock(settings.locks / LOCK, "write a feedback dataset"):
        staged = settings.datasets / f".staged.{os.getpid()}"
        _remove_leftovers(settings)
        staged.mkdir()
        try:
            manifest = _stage(settings, warehouse, staged)
            fault_point("dataset_staged")
            return _commit(settings, staged, manifest)
        finally:
            remove_tree(staged)


def read_dataset(settings: Settings, version: str | None = None) -> DatasetManifest:
    """Return a dataset, the newest when no version is given, after checking its files against their checksums.

    Raises:
        NoDataError: no dataset has been written yet.
        MissingInputError: there is no such version.
        DamagedFileError: a file does not match the manifest.
    """
    manifest = find_dataset(settings, version)
    verify_dataset(manifest)
    return manifest


def find_dataset(settings: Settings, version: str | None = None) -> DatasetManifest:
    """Return a dataset by its version or the first digits of it, the newest written without; files are not checked.

    Raises:
        NoDataError: no dataset has been written yet.
        MissingInputError: there is no such version.
        UsageError: several versions begin like this.
    """
    wanted = version or _latest(settings)
    folders = {path.parent.name: path.parent for path in settings.datasets.glob(f"[!.]*/{MANIFEST}")}
    begun = sorted(name for name in folders if name.startswith(wanted))
    if len(begun) > 1 and wanted not in folders:
        raise UsageError(
            f"{len(begun)} datasets begin with {wanted}: {', '.join(begun)}",
            where=str(settings.datasets),
            remedy="give more digits",
        )
    if not begun:
        refuse_erased(settings, wanted)
        raise MissingInputError(
            f"there is no feedback dataset {wanted}",
            where=str(settings.datasets),
            remedy="`revealed dataset list` says which there are; `revealed run` writes one",
        )
    return read_manifest(folders[begun[0]])


def verify_dataset(manifest: DatasetManifest) -> None:
    """Check every file of the dataset against its checksum.

    Raises:
        DamagedFileError: a file is missing or was changed.
    """
    for name, entry in manifest.files.items():
        path = manifest.file(name)
        if not path.is_file() or sha256_file(path) != entry.sha256:
            raise DamagedFileError(
                "this file is not the one that the dataset's manifest describes",
                where=str(path),
                remedy=f"delete {manifest.path} and write the dataset again: `revealed run`",
            )


def list_datasets(settings: Settings) -> list[DatasetManifest]:
    """Return every dataset, the oldest as-of first; files are not checked."""
    folders = [path.parent for path in settings.datasets.glob(f"[!.]*/{MANIFEST}")]
    return sorted(map(read_manifest, folders), key=lambda found: (found.as_of, found.created_at))


def _stage(settings: Settings, warehouse: Path, staged: Path) -> DatasetManifest:
    sampling = NegativeSampling.of(settings)
    con = connect(settings, warehouse, read_only=True)
    try:
        files = export_tables(con, staged, sampling)
        as_of, policy_version = identity(con, staged, warehouse)
        split = split_of(con, staged, as_of, settings)
        inputs, maturity_hours = inputs_of(con), maturity_of(con)
    finally:
        con.close()
    parameters = parameters_of(settings, sampling, (as_of - split).days)
    return DatasetManifest(
        path=staged,
        version=_version(files, as_of, policy_version, parameters),
        as_of=as_of,
        split=split,
        holdout_days=(as_of - split).days,
        policy_version=policy_version,
        files=files,
        warehouse=warehouse_manifest(warehouse),
        code_revision=code_revision(settings.project_root),
        created_at=utc_now().isoformat(),
        parameters=parameters,
        folds=folds_of(as_of, split, files, maturity_hours),
        inputs=inputs,
    )


def _commit(settings: Settings, staged: Path, manifest: DatasetManifest) -> DatasetManifest:
    final = settings.datasets / manifest.version
    if not final.exists():
        write_json(staged / MANIFEST, manifest.to_dict())
        publish_directory(staged, final)
        fault_point("dataset_renamed")
    write_bytes(settings.datasets / LATEST, f"{manifest.version}\n".encode())
    return read_manifest(final)


def _version(
    files: dict[str, FileEntry], as_of: datetime, policy_version: str, parameters: dict[str, Any]
) -> str:
    """The content, the moment and the rules; not the source files: the same lines in other files are the same data."""
    parts = [f"{name} {files[name].sha256}" for name in sorted(files)]
    rules = json.dumps(parameters, sort_keys=True)
    text = "\n".join([*parts, as_of.isoformat(), policy_version, rules])
    return hashlib.sha256(text.encode()).hexdigest()[:12]


def _latest(settings: Settings) -> str:
    try:
        return (settings.datasets / LATEST).read_text().strip()
    except FileNotFoundError:
        raise NoDataError(
            "no feedback dataset has been written yet",
            where=str(settings.datasets),
            remedy="run `revealed run`, or the DAG build_feedback",
        ) from None


def _remove_leftovers(settings: Settings) -> None:
    """Remove what a killed writer left; only called while the lock is held."""
    for folder in settings.datasets.glob(".staged.*"):
        remove_tree(folder)
