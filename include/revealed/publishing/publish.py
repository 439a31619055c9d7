"""Publish what the champion recommends: staged apart, audited, renamed into place, and only then pointed at."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import duckdb

from revealed.clock import utc_now
from revealed.durable import write_json
from revealed.engines.duckdb import connect
from revealed.errors import StaleError
from revealed.feedback import read_dataset
from revealed.feedback.export import INTERACTIONS
from revealed.progress import Progress, quiet
from revealed.publishing.bounds import bounds_for
from revealed.publishing.database import write_database
from revealed.publishing.difference import compare_snapshots
from revealed.publishing.generations import (
    current_snapshot,
    folder_of,
    pointer,
    put_in_service,
    was_rolled_back,
)
from revealed.publishing.making import MadeLists, Work, make_lists
from revealed.publishing.manifest import DIFFERENCE, SnapshotManifest
from revealed.publishing.publication import describe_files, publish_generation, publishing
from revealed.publishing.rules import read_rules
from revealed.registry import require_champion
from revealed.settings import Settings

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
        InvalidInputError: `rules.toml` says what cannot be followed.
        LockedError: another publish, or a rollback, is under way.
    """
    with publishing(settings):
        work = Work(
            settings, require_champion(settings), read_dataset(settings), read_rules(settings), progress
        )
        current = current_snapshot(settings) if pointer(settings) else None
        if current is not None and _stays(work, current):
            return current
        manifest = publish_generation(
            settings, lambda staged, number: _fill(work, staged, number, current, audit)
        )
    progress(f"published snapshot {manifest.snapshot_id}")
    return manifest


def _stays(work: Work, current: SnapshotManifest) -> bool:
    """Return whether what is in service is to stay, since there is nothing new to publish.

    Raises:
        StaleError: what is in service knows more than the newest dataset.
    """
    if current.fingerprint == work.fingerprint:
        put_in_service(work.settings, current)
        work.progress("nothing changed since the last publish")
        return True
    if was_rolled_back(work.settings, work.fingerprint):
        work.progress(
            f"somebody rolled back from exactly this; snapshot {current.snapshot_id} stays in service"
        )
        return True
    as_of = work.dataset.as_of
    if as_of < datetime.fromisoformat(current.as_of):
        raise StaleError(
            f"the snapshot in service is as of {current.as_of}, newer than the dataset's {as_of.isoformat()}",
            where=str(work.settings.published_recommendations),
            remedy="write a newer dataset, or roll back with `revealed snapshot rollback`",
        )
    return False


def _fill(
    work: Work, staged: Path, generation: int, current: SnapshotManifest | None, audit: SnapshotAudit | None
) -> SnapshotManifest:
    """Write every file of the snapshot, have them audited, and return the manifest."""
    made = make_lists(work, staged)
    changes = _difference(work, staged, generation, current)
    facts = work.facts(generation, made.model)
    # Whoever waits for an audit in a process of its own waits for the file at the same time.
    with ThreadPoolExecutor(1) as beside:
        writing = beside.submit(write_database, work.settings, staged, facts)
        quality = _audited(work, staged, made, changes, current, audit)
        writing.result()
    files = describe_files(staged)
    return SnapshotManifest(
        **facts,
        counts=made.counts
        | {Path(name).stem: entry["rows"] for name, entry in files.items() if "rows" in entry},
        files=files,
        quality=quality,
        created_at=utc_now().isoformat(),
        cold_start=made.cold_start,
        rules=made.rules,
        replaces=current.generation if current else None,
        changes=changes,
    )


def _difference(
    work: Work, staged: Path, generation: int, current: SnapshotManifest | None
) -> dict[str, Any]:
    """Return how the new lists differ from those in service, and keep it beside them; empty for the first snapshot."""
    if current is None:
        return {}
    work.progress("comparing with what is in service")
    con = connect(work.settings)
    try:
        old = (current.generation, folder_of(work.settings, current.generation))
        found = compare_snapshots(con, old, (generation, staged)).to_dict()
    except duckdb.IOException as error:
        # What is in service is damaged: all the more reason to publish.
        work.progress(f"snapshot {current.snapshot_id} cannot be compared with: {error}")
        return {}
    finally:
        con.close()
    write_json(staged / DIFFERENCE, found)
    return found


def _audited(
    work: Work,
    staged: Path,
    made: MadeLists,
    changes: dict[str, Any],
    current: SnapshotManifest | None,
    audit: SnapshotAudit | None,
) -> dict[str, Any]:
    """Return the audit's verdict: everybody who can be shown anything has a list, as long as catalogue and rules allow."""
    from revealed.quality import audit_snapshot

    work.progress("auditing the snapshot")
    result = (audit or audit_snapshot)(
        work.settings,
        staged,
        users_expected=made.users,
        k=made.shortest,
        sources=made.sources,
        similar_sources=made.similar_sources,
        interactions=str(work.dataset.file(INTERACTIONS)),
        bounds=bounds_for(work.rules.audit, made.model, work.fingerprint, current if changes else None),
    )
    result.require_pass()
    return result.to_dict()
