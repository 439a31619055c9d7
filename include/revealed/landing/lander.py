"""One source file into raw: staged aside, counted, moved into place, and committed by its ledger entry.

Nothing outside the staging folder changes before every line has been judged, and what was moved does not
exist for readers before the ledger entry does. Landing a file again after a kill writes the same bytes.
"""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path

from revealed import durable
from revealed.clock import utc_now
from revealed.contracts import Log
from revealed.erasure.tombstones import Tombstones
from revealed.errors import DamagedFileError, MissingInputError
from revealed.faults import fault_point
from revealed.landing.files import FileStamp, format_of
from revealed.landing.keys import KeyCounts, KeyIndex
from revealed.landing.ledger import LedgerEntry, Output, write_entry
from revealed.landing.mapping import Mapping
from revealed.landing.partitions import day_text
from revealed.landing.redaction import blank_erased
from revealed.landing.staged_source import Source, StagedSource
from revealed.progress import Progress
from revealed.settings import Settings


class Left(StrEnum):
    """Why a file was left as it is, with nothing recorded."""

    ALREADY_LANDED = "already_landed"
    STILL_BEING_WRITTEN = "still_being_written"


class Lander:
    """Lands files one by one, under a lock that the caller holds.

    Args:
        settings: where raw is.
        entries: the ledger.
        keys: the keys of the committed rows.
        staging: an empty folder on the file system of raw.
        progress: told every 100,000 lines or so.
    """

    def __init__(
        self,
        settings: Settings,
        entries: list[LedgerEntry],
        keys: KeyIndex,
        staging: Path,
        progress: Progress,
    ) -> None:
        self._settings = settings
        self._landed = {sha256: entry for entry in entries for sha256 in (*entry.redacted_as, entry.sha256)}
        self._tombstones = Tombstones.load(settings)
        self._keys = keys
        self._staging = staging
        self._progress = progress

    def land(self, file: Path, log: Log, mapping: Mapping | None = None) -> LedgerEntry | Left:
        """Return the committed ledger entry, or why the file was left."""
        stamp = FileStamp.of(file)
        if stamp is None:
            return Left.STILL_BEING_WRITTEN
        source = Source(file, log, mapping, stamp, _checksum(file))
        if self._has_landed(source):
            if self._landed[source.sha256].sha256 == source.sha256:
                self._redact(source, self._landed[source.sha256])
            return Left.ALREADY_LANDED
        fault_point("after_claim")
        try:
            staged = StagedSource(source, self._staging, self._progress, self._tombstones)
            if FileStamp.of(file) != stamp:
                return Left.STILL_BEING_WRITTEN
            return self._redact(source, self._commit(source, staged))
        finally:
            durable.remove_tree(self._staging)
            self._staging.mkdir(parents=True)

    def _redact(self, source: Source, entry: LedgerEntry) -> LedgerEntry:
        """Blank the lines of erased people in a file of ours, under `landing/`; what stands elsewhere is not ours to write."""
        if not entry.erased or not source.file.is_relative_to(self._settings.landing):
            return entry
        redacted = blank_erased(self._settings, source.file, entry, self._tombstones)
        self._landed |= dict.fromkeys((*redacted.redacted_as, redacted.sha256), redacted)
        return redacted

    def _has_landed(self, source: Source) -> bool:
        """A file of which no line was kept may be tried again as another log or with another mapping."""
        entry = self._landed.get(source.sha256)
        if entry is None:
            return False
        is_same_reading = (entry.log, entry.mapping_sha256) == (source.log.name, source.mapping_sha256)
        return is_same_reading or entry.kept > 0 or entry.received == 0

    def _commit(self, source: Source, staged: StagedSource) -> LedgerEntry:
        counts = self._keys.count(source.log, staged.paths)
        entry = _entry(source, staged, counts)
        fault_point("before_rename")
        for path in staged.all_paths:
            move_into_place(path, self._settings.raw / path.relative_to(self._staging))
        fault_point("before_ledger")
        write_entry(self._settings, entry)
        fault_point("after_ledger")
        self._landed[source.sha256] = entry
        self._keys.remember(source.log)
        return entry


def _entry(source: Source, staged: StagedSource, counts: KeyCounts) -> LedgerEntry:
    """Return the ledger entry.

    Raises:
        DamagedFileError: the lines do not add up; nothing has been committed.
    """
    rows = list(staged.days.rows_by_day.items())
    days = {day_text(day): count for day, count in sorted(rows)}
    first, last = staged.received_span
    entry = LedgerEntry(
        sha256=source.sha256,
        name=source.name,
        log=source.log.name,
        format=format_of(source.file) or "",
        bytes=source.stamp.size,
        received=staged.received,
        accepted=counts.new,
        duplicate=counts.rows - counts.new,
        quarantined=staged.quarantine.rows,
        erased=staged.erased,
        reasons=dict(sorted(staged.quarantine.reasons.items())),
        days=days,
        touched_days=sorted({*days, *counts.earlier_days}),
        outputs=[staged.output(*pair) for pair in zip(staged.paths, days.values(), strict=True)],
        quarantine_output=_quarantine_output(staged),
        mapping_sha256=source.mapping_sha256,
        first_received_at=first,
        last_received_at=last,
        landed_at=utc_now().isoformat(),
    )
    _require_sum(entry, source.file)
    return entry


def _quarantine_output(staged: StagedSource) -> Output | None:
    rows = staged.quarantine.rows
    return staged.output(staged.quarantine.path, rows) if rows else None


def _require_sum(entry: LedgerEntry, file: Path) -> None:
    if entry.received != entry.accounted or entry.kept != sum(entry.days.values()):
        raise DamagedFileError(
            f"{entry.received} lines came in, but {entry.accepted} accepted + {entry.duplicate} duplicate"
            f" + {entry.quarantined} quarantined + {entry.erased} erased do not make as many;"
            " nothing of this file was kept",
            where=str(file),
            remedy="run it again; if it happens twice, this is a bug in landing",
        )


def _checksum(file: Path) -> str:
    try:
        return durable.sha256_file(file)
    except OSError as error:
        raise MissingInputError(
            f"this file cannot be read: {error.strerror}",
            where=str(file),
            remedy="make it readable, or move it away",
        ) from error


def move_into_place(staged: Path, final: Path) -> None:
    """Move a staged file into place, durably; the folders that this makes are made durable too."""
    missing = [folder for folder in final.parents if not folder.exists()]
    final.parent.mkdir(parents=True, exist_ok=True)
    durable.fsync_file(staged)
    staged.replace(final)
    durable.fsync_directory(final.parent)
    for folder in missing:
        durable.fsync_directory(folder.parent)
