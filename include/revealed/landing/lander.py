"""One source file into raw: staged aside, counted, moved into place, and committed by its ledger entry.

Nothing outside the staging folder changes before every line has been judged, and what was moved does not
exist for readers before the ledger entry does. Landing a file again after a kill writes the same bytes.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc

from revealed import durable
from revealed.clock import utc_now
from revealed.contracts import Log, Row
from revealed.erasure.tombstones import Tombstones
from revealed.errors import DamagedFileError, MissingInputError
from revealed.faults import fault_point
from revealed.landing.files import FileStamp, format_of
from revealed.landing.keys import KeyCounts, KeyIndex
from revealed.landing.ledger import LedgerEntry, Output, iso, write_entry
from revealed.landing.mapping import Mapping
from revealed.landing.parsing import Batch, Refusal, parse_file
from revealed.landing.partitions import DayPartitions, day_text
from revealed.landing.quarantine import QuarantineWriter
from revealed.landing.raw_schema import table_of
from revealed.landing.redaction import blank_erased
from revealed.progress import Progress
from revealed.settings import Settings

_TABLE_ROWS = 50_000
_TABLE_BYTES = 32 << 20
_TELL_EVERY = 100_000


class Left(StrEnum):
    """Why a file was left as it is, with nothing recorded."""

    ALREADY_LANDED = "already_landed"
    STILL_BEING_WRITTEN = "still_being_written"


@dataclass(frozen=True)
class Source:
    """A file to land, as it was when its bytes were hashed."""

    file: Path
    log: Log
    mapping: Mapping | None
    stamp: FileStamp
    sha256: str

    @property
    def source_file(self) -> str:
        """What its rows call their source."""
        return self.sha256[:16]

    @property
    def name(self) -> str:
        """The file's name as text, whatever its bytes."""
        return os.fsencode(self.file.name).decode(errors="replace")

    @property
    def mapping_sha256(self) -> str | None:
        """The mapping that it is read with."""
        return self.mapping.sha256 if self.mapping else None


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
            staged = _StagedFile(source, self._staging, self._progress, self._tombstones)
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

    def _commit(self, source: Source, staged: _StagedFile) -> LedgerEntry:
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


class _StagedFile:
    """One source file judged and written under the staging folder, in the layout of raw."""

    def __init__(self, source: Source, staging: Path, progress: Progress, tombstones: Tombstones) -> None:
        self._source = source
        self._staging = staging
        self._progress = progress
        self._tombstones = tombstones
        self.erased = 0
        self._pending = Batch()
        self._received_at: list[tuple[datetime, datetime]] = []
        self.received = 0
        spill = staging / "spill"
        spill.mkdir(parents=True)
        self.days = DayPartitions(source.log, spill)
        name = f"{source.source_file}.parquet"
        constants = {"log": source.log.name, "source_file": source.source_file, "source_name": source.name}
        self.quarantine = QuarantineWriter(staging / "quarantine" / source.log.name / name, constants)
        for batch in parse_file(source.file, source.log, source.mapping, source.source_file):
            self._take(batch)
        self._flush()
        self.quarantine.close()
        self.paths = self.days.write(staging / source.log.name, name)

    @property
    def all_paths(self) -> list[Path]:
        """Every Parquet file to move into raw."""
        return [*self.paths, *([self.quarantine.path] if self.quarantine.rows else [])]

    @property
    def received_span(self) -> tuple[str | None, str | None]:
        """The first and last `received_at` of the kept rows, ISO with Z."""
        if not self._received_at:
            return None, None
        firsts, lasts = zip(*self._received_at, strict=True)
        return iso(min(firsts)), iso(max(lasts))

    def output(self, path: Path, rows: int) -> Output:
        """Describe a staged file as it will stand in raw."""
        return Output(
            path=path.relative_to(self._staging).as_posix(), sha256=durable.sha256_file(path), rows=rows
        )

    def _take(self, batch: Batch) -> None:
        before = self.received // _TELL_EVERY
        self.received += batch.received
        if self.received // _TELL_EVERY > before:
            self._progress(f"{self._source.name}: lines", self.received)
        self.quarantine.add(self._admitted(batch.refusals))
        if batch.table is not None:
            self._flush()
            self._keep(batch.table)
            return
        self._pending.rows += batch.rows
        self._pending.line_numbers += batch.line_numbers
        self._pending.size += batch.size
        if len(self._pending.rows) >= _TABLE_ROWS or self._pending.size >= _TABLE_BYTES:
            self._flush()

    def _flush(self) -> None:
        rows: list[Row] = self._pending.rows
        if rows:
            numbers = self._pending.line_numbers
            self._keep(table_of(self._source.log, rows, numbers, self._source.source_file))
        self._pending = Batch()

    def _admitted(self, refusals: list[Refusal]) -> list[Refusal]:
        if not self._tombstones:
            return refusals
        kept = [refusal for refusal in refusals if not self._tombstones.mentioned_in(refusal.raw)]
        self.erased += len(refusals) - len(kept)
        return kept

    def _keep(self, table: pa.Table) -> None:
        theirs = self._tombstones.rows_of(table)
        if theirs is not None:
            rows = table.num_rows
            table = table.filter(pc.invert(pc.fill_null(theirs, False)))
            self.erased += rows - table.num_rows
        if not table.num_rows:
            return
        self.days.add(table)
        span = pc.min_max(table["received_at"]).as_py()
        if span["min"] is not None:
            self._received_at.append((span["min"], span["max"]))


def _entry(source: Source, staged: _StagedFile, counts: KeyCounts) -> LedgerEntry:
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


def _quarantine_output(staged: _StagedFile) -> Output | None:
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
