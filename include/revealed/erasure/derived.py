"""What is made from raw, made again without the person and through the usual doors; then every older copy goes.

Each function looks for what still holds the ids, and does nothing where nothing does: calling all of them again after a kill
finishes what was begun.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

from revealed.durable import exclusive_lock, remove_tree
from revealed.erasure.dataset_notes import note_erased
from revealed.erasure.needles import Needles
from revealed.erasure.search import Hit, files_of, search_file
from revealed.errors import LockedError, NoDataError, NothingPublishedError, StaleError
from revealed.faults import fault_point
from revealed.feedback import list_datasets, write_dataset
from revealed.feedback.dataset import LOCK
from revealed.progress import Progress, quiet
from revealed.publishing import generations, list_snapshots, publish_snapshot
from revealed.publishing.manifest import MANIFEST
from revealed.registry import current_champion
from revealed.settings import Settings
from revealed.warehouse import current_generation, read_manifest
from revealed.warehouse.leftovers import is_being_written
from revealed.warehouse.pointer import generation_folders, publishing

_ATTEMPTS = 3


def holds(settings: Settings, folder: Path, needles: Needles) -> bool:
    """Return whether one of the ids stands in a file of the folder, or in a file that cannot be read."""
    return any(_hits(settings, folder, needles))


def erase_warehouse(settings: Settings, needles: Needles, progress: Progress = quiet) -> list[str]:
    """Put a warehouse into service that was built from scratch without the person, and remove those that hold the ids.

    The rest is for the audit and for whoever reads: the build goes through the same audit and publication as any other.
    Returns the names of what was removed. Where raw holds nothing any more, nothing is left in service.

    Raises:
        LockedError: a build is being written, or another process publishes.
        AuditFailedError, BuildFailedError: as any build; what is in service stays.
    """
    with_ids = [folder for folder in generation_folders(settings) if holds(settings, folder, needles)]
    in_service = settings.published_warehouse.resolve().parent if current_generation(settings) else None
    if in_service in with_ids:
        _rebuild(settings, progress)
        fault_point("erasure_warehouse_published")
    removed = [*_remove_generations(settings, with_ids), *_remove_candidates(settings, needles)]
    fault_point("erasure_warehouse_done")
    return removed


def refuse_during_build(settings: Settings) -> None:
    """Return where no build is being written.

    Raises:
        LockedError: one is: it would carry the person into the next generation.
    """
    for folder in settings.candidates.glob("*"):
        if is_being_written(folder / "warehouse.duckdb"):
            raise LockedError(
                "a warehouse is being built",
                where=str(folder),
                remedy="wait until it has finished, then run this again",
            )


def erase_datasets(
    settings: Settings, needles: Needles, receipt: str, progress: Progress = quiet
) -> list[str]:
    """Write a dataset from the erased warehouse and remove the versions that hold the ids; return these.

    A version is never changed: its name is its content. `datasets/erased.json` keeps what the removed ones were, and
    models that were trained on one get a note (`revealed dataset show`, MLflow's tag `dataset_erased`).
    """
    doomed = [manifest for manifest in list_datasets(settings) if holds(settings, manifest.path, needles)]
    if doomed:
        progress("datasets: writing one without the person")
        fresh = _fresh_dataset(settings)
        fault_point("erasure_dataset_written")
        note_erased(settings, doomed, fresh, receipt)
        with exclusive_lock(settings.locks / LOCK, "remove feedback datasets that hold an erased person"):
            for manifest in doomed:
                remove_hidden(manifest.path)
    fault_point("erasure_datasets_done")
    return [manifest.version for manifest in doomed]


def erase_snapshots(settings: Settings, needles: Needles, progress: Progress = quiet) -> list[str]:
    """Publish a snapshot from the newest dataset and remove those that hold the ids; return their names.

    Where no model has been approved nothing can be published: then no list may be left in service either.
    """
    doomed = [generations.folder_of(settings, int(row["generation"])) for row in list_snapshots(settings)]
    doomed = [folder for folder in doomed if holds(settings, folder, needles)]
    if not doomed:
        return []
    if current_champion(settings) and _has_dataset(settings):
        publish_snapshot(settings, progress=progress)
        fault_point("erasure_snapshot_published")
    with exclusive_lock(generations.lock_path(settings), "remove snapshots that hold an erased person"):
        if generations.pointer(settings) in {folder.name for folder in doomed}:
            for name in (generations.CURRENT, MANIFEST):
                (settings.published_recommendations / name).unlink(missing_ok=True)
        for folder in doomed:
            remove_hidden(folder)
    _remove_dangling(settings)
    return [folder.name for folder in doomed]


def _remove_dangling(settings: Settings) -> None:
    """Remove links to what is gone: readers are to hear that nothing is published, not that a file is missing."""
    for link in settings.published.rglob("*"):
        if link.is_symlink() and not link.exists():
            link.unlink()


def _rebuild(settings: Settings, progress: Progress) -> None:
    """Publish a build from scratch as of the moment in service; again where somebody published in between."""
    from revealed.loop import build_warehouse

    for attempt in range(1, _ATTEMPTS + 1):
        as_of = datetime.fromisoformat(read_manifest(settings)["as_of"])
        progress(f"warehouse: building it again from scratch, as of {as_of:%Y-%m-%d %H:%M} UTC")
        try:
            build_warehouse(settings, as_of, from_scratch=True, progress=progress)
            return
        except StaleError:
            if attempt == _ATTEMPTS:
                raise
        except NoDataError:
            progress("warehouse: nothing is left to build from; nothing stays in service")
            with publishing(settings):
                settings.published_warehouse.unlink()
            return


def _remove_generations(settings: Settings, folders: list[Path]) -> list[str]:
    with publishing(settings):
        pointer = settings.published_warehouse
        in_service = pointer.resolve().parent if pointer.is_symlink() else None
        if in_service in folders:
            raise NothingPublishedError(
                "the warehouse in service still holds the person", where=str(pointer), remedy="run this again"
            )
        for folder in folders:
            remove_hidden(folder)
    return [f"warehouse/{folder.name}" for folder in folders]


def _remove_candidates(settings: Settings, needles: Needles) -> list[str]:
    """Remove candidates that hold the ids: what is in service is newer than what they started from."""
    doomed = [
        path for path in settings.candidates.glob("*") if path.is_dir() and holds(settings, path, needles)
    ]
    for folder in doomed:
        if is_being_written(folder / "warehouse.duckdb"):
            raise LockedError(
                "a warehouse is being built", where=str(folder), remedy="wait, then run this again"
            )
        remove_tree(folder)
    return [f"candidate/{folder.name}" for folder in doomed]


def _fresh_dataset(settings: Settings) -> str:
    """Return the version written from the warehouse in service; nothing where there is none, or no feedback is left."""
    try:
        return write_dataset(settings, settings.published_warehouse).version
    except (NoDataError, NothingPublishedError):
        (settings.datasets / "LATEST").unlink(missing_ok=True)
        return ""


def _has_dataset(settings: Settings) -> bool:
    return (settings.datasets / "LATEST").is_file()


def remove_hidden(folder: Path) -> None:
    """Remove a folder in one step for readers: hidden first, under a name that every writer clears away.

    One that is gone is fine: what was published in its place keeps only so many generations.
    """
    hidden = folder.with_name(f".staged.erased.{folder.name}")
    remove_tree(hidden)
    if not folder.exists():
        return
    folder.rename(hidden)
    remove_tree(hidden)


def _hits(settings: Settings, folder: Path, needles: Needles) -> Iterator[Hit]:
    for path in sorted(files_of(folder)):
        yield from search_file(settings, path, needles)
