"""The generations on disk and the pointer to the one in service: list, verify, go back."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from revealed.clock import utc_now
from revealed.durable import exclusive_lock, remove_tree, sha256_file, swap_link, write_bytes, write_json
from revealed.errors import DamagedFileError, NothingPublishedError, UsageError
from revealed.faults import fault_point
from revealed.publishing.manifest import DATABASE, MANIFEST, Fingerprint, SnapshotManifest, read_manifest
from revealed.settings import Settings

CURRENT = "CURRENT"
ROLLBACKS = "rollbacks.json"


def folder_of(settings: Settings, generation: int) -> Path:
    """Return where a generation is kept."""
    return settings.published_recommendations / f"{generation:06d}"


def current_snapshot(settings: Settings) -> SnapshotManifest:
    """Return the snapshot in service.

    Raises:
        NothingPublishedError: nothing has been published yet.
        DamagedFileError: the pointer or the manifest is damaged.
    """
    name = pointer(settings)
    if name is None:
        raise NothingPublishedError(
            "no recommendations have been published yet",
            where=str(settings.published_recommendations),
            remedy="run `revealed run` or `make demo`; a champion must have been approved",
        )
    manifest = read_manifest(settings.published_recommendations / name)
    if manifest.snapshot_id != name:
        raise DamagedFileError(
            f"the manifest says generation {manifest.generation}, the pointer {name}",
            where=str(settings.published_recommendations / CURRENT),
            remedy="roll back with `revealed snapshot rollback`",
        )
    return manifest


def read_snapshot_manifest(settings: Settings, generation: int | None = None) -> SnapshotManifest:
    """Return a generation's manifest, by default of the one in service; files are not checked.

    Raises:
        NothingPublishedError: there is no such generation.
        DamagedFileError: the pointer or the manifest is damaged.
    """
    if generation is None:
        return current_snapshot(settings)
    return read_manifest(folder_of(settings, generation))


def list_snapshots(settings: Settings) -> list[dict[str, Any]]:
    """Return one row of plain values a kept generation, the newest last; files are not checked."""
    in_service = pointer(settings)
    found = map(read_manifest, _folders(settings))
    return [
        {
            "generation": manifest.generation,
            "in_service": manifest.snapshot_id == in_service,
            "as_of": manifest.as_of,
            "model": manifest.model,
            "model_version": manifest.model_version,
            "model_id": manifest.model_id,
            "dataset_version": manifest.dataset_version,
            "users": manifest.counts["users"],
            "created_at": manifest.created_at,
        }
        for manifest in found
    ]


def verify_snapshot(settings: Settings, generation: int | None = None) -> dict[str, int]:
    """Return `generation`, `files` and `bytes` after checking every file of a generation (the one in service).

    Raises:
        NothingPublishedError: there is no such generation.
        DamagedFileError: a file is missing or was changed.
    """
    manifest = read_snapshot_manifest(settings, generation)
    folder = folder_of(settings, manifest.generation)
    for name, entry in manifest.files.items():
        if not (folder / name).is_file() or sha256_file(folder / name) != entry["sha256"]:
            raise DamagedFileError(
                "this file is not the one that the snapshot's manifest describes",
                where=str(folder / name),
                remedy="roll back to another generation: `revealed snapshot rollback`",
            )
    sizes = [int(entry["bytes"]) for entry in manifest.files.values()]
    return {"generation": manifest.generation, "files": len(sizes), "bytes": sum(sizes)}


def rollback_snapshot(
    settings: Settings, generation: int | None = None, *, rolled_back_by: str = ""
) -> SnapshotManifest:
    """Put an older generation back in service, by default the one that the current one replaced, and return it.

    What was rolled back from is noted: publishing the same model on the same data again leaves the older
    one in place.

    Raises:
        NothingPublishedError: there is no such generation, or none before the current one.
        UsageError: the generation is not older than the current one.
        DamagedFileError: the older generation is damaged.
        LockedError: a publish is under way.
    """
    with exclusive_lock(lock_path(settings), "roll back the recommendations"):
        current = current_snapshot(settings)
        wanted = _previous(settings, current) if generation is None else generation
        if wanted >= current.generation:
            raise UsageError(
                f"generation {wanted} is not older than {current.generation}, which is in service"
            )
        verify_snapshot(settings, wanted)
        manifest = read_snapshot_manifest(settings, wanted)
        entry = {
            "from": current.generation,
            "to": wanted,
            "fingerprint": list(current.fingerprint),
            "at": utc_now().isoformat(),
            "by": rolled_back_by,
        }
        write_json(_rollbacks_path(settings), [*_rollbacks(settings), entry])
        put_in_service(settings, manifest)
    return manifest


def put_in_service(settings: Settings, manifest: SnapshotManifest) -> None:
    """Swap the pointer to a generation, then what follows it: the link to its DuckDB file, the copy of its manifest.

    Services read through the pointer alone, so that a kill in between shows them nothing mixed; the next publish, also one that
    finds nothing to do, brings the rest after.
    """
    root = settings.published_recommendations
    write_bytes(root / CURRENT, f"{manifest.snapshot_id}\n".encode())
    fault_point("snapshot_pointed")
    database = root / manifest.snapshot_id / DATABASE
    if database.exists():
        swap_link(settings.published_snapshot_database, database)
    write_json(root / MANIFEST, manifest.to_dict())


def pointer(settings: Settings) -> str | None:
    """Return the folder name in `CURRENT`; None when nothing has been published.

    Raises:
        DamagedFileError: it is not a generation's name.
    """
    path = settings.published_recommendations / CURRENT
    try:
        name = path.read_text(errors="replace").strip()
    except FileNotFoundError:
        return None
    if not (name.isascii() and name.isdigit()):
        raise DamagedFileError(
            f"the pointer holds {name[:40]!r}, not a generation",
            where=str(path),
            remedy="write a generation's folder name into it, such as 000001",
        )
    return name


def newest_generation(settings: Settings) -> int:
    """Return the greatest generation number that is kept; 0 when there is none."""
    return max((int(folder.name) for folder in _folders(settings)), default=0)


def was_rolled_back(settings: Settings, fingerprint: Fingerprint) -> bool:
    """Return whether somebody has rolled back from what has this fingerprint."""
    return any(tuple(entry["fingerprint"]) == fingerprint for entry in _rollbacks(settings))


def prune(settings: Settings) -> None:
    """Keep the newest generations, and the one in service however old it is."""
    in_service = pointer(settings)
    for folder in _folders(settings)[: -settings.keep_generations]:
        if folder.name != in_service:
            remove_tree(folder)


def lock_path(settings: Settings) -> Path:
    """Return the lock that everybody who changes what is in service holds."""
    return settings.locks / "recommendations.lock"


def _folders(settings: Settings) -> list[Path]:
    return sorted(path for path in settings.published_recommendations.glob("[0-9]*") if path.is_dir())


def _previous(settings: Settings, current: SnapshotManifest) -> int:
    """Return the generation that the current one replaced; where that is gone or unknown, the newest before the current one.

    What a killed publisher renamed and never pointed at, and what somebody has rolled back from, was replaced by nothing.
    """
    older = [int(folder.name) for folder in _folders(settings) if int(folder.name) < current.generation]
    if current.replaces in older:
        return int(current.replaces or 0)
    if not older:
        raise NothingPublishedError(
            f"there is no generation before {current.generation}",
            where=str(settings.published_recommendations),
        )
    return max(older)


def _rollbacks_path(settings: Settings) -> Path:
    return settings.published_recommendations / ROLLBACKS


def _rollbacks(settings: Settings) -> list[dict[str, Any]]:
    try:
        return list(json.loads(_rollbacks_path(settings).read_bytes()))
    except FileNotFoundError:
        return []
