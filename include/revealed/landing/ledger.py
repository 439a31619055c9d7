"""Which files have landed: one JSON file each, whose appearance commits that file's rows."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

import msgspec

from revealed import durable
from revealed.errors import DamagedFileError
from revealed.settings import Settings


class Output(msgspec.Struct, kw_only=True, frozen=True):
    """One Parquet file that a landing wrote; `path` is relative to `Settings.raw`."""

    path: str
    sha256: str
    rows: int


class LedgerEntry(msgspec.Struct, kw_only=True, frozen=True):
    """One landed source file. `received = accepted + duplicate + quarantined + erased`, checked before it is written.

    Attributes:
        days: rows (accepted and duplicate) by event day.
        touched_days: the days whose result this file may change: its own rows', and those of earlier copies.
        outputs: the rows' Parquet files, one a day.
        quarantine_output: the rejected lines' Parquet file, if any line was rejected.
        mapping_sha256: the mapping file that it was read with, if any.
        erased: lines of people who were erased, before it landed or since; nothing of them is kept.
        redacted_as: the file's checksums after lines of it were blanked, so that nobody lands it again.
        revision: how often its outputs were written again by an erasure.
    """

    sha256: str
    name: str
    log: str
    format: str
    bytes: int
    received: int
    accepted: int
    duplicate: int
    quarantined: int
    reasons: dict[str, int]
    days: dict[str, int]
    touched_days: list[str]
    outputs: list[Output]
    quarantine_output: Output | None = None
    mapping_sha256: str | None = None
    first_received_at: str | None = None
    last_received_at: str | None = None
    landed_at: str
    erased: int = 0
    redacted_as: tuple[str, ...] = ()
    revision: int = 0

    @property
    def accounted(self) -> int:
        """The lines of which it is known what became of them: as many as were received."""
        return self.accepted + self.duplicate + self.quarantined + self.erased

    @property
    def source_file(self) -> str:
        """What rows call their source: the first 16 digits of its SHA-256."""
        return self.sha256[:16]

    @property
    def kept(self) -> int:
        """Rows written to raw: accepted and duplicate."""
        return self.accepted + self.duplicate


def read_ledger(settings: Settings) -> list[LedgerEntry]:
    """Return every landed file, ordered by log, name and checksum; empty where nothing has landed.

    Raises:
        DamagedFileError: an entry is not what landing writes.
    """
    entries = [_read_entry(path) for path in settings.ledger.glob("*.json")]
    return sorted(entries, key=lambda entry: (entry.log, entry.name, entry.sha256))


def write_entry(settings: Settings, entry: LedgerEntry) -> None:
    """Commit: from here on the file's rows exist."""
    durable.write_json(settings.ledger / f"{entry.sha256}.json", msgspec.to_builtins(entry))


def iso(moment: datetime) -> str:
    """Return a moment of raw, which is UTC without a zone, as the ledger writes it."""
    return f"{moment.isoformat()}Z"


def _read_entry(path: Path) -> LedgerEntry:
    try:
        return msgspec.json.decode(path.read_bytes(), type=LedgerEntry)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise DamagedFileError(
            f"this ledger entry cannot be read: {error}",
            where=str(path),
            remedy="remove it and ingest the source file again: landing it twice gives the same rows",
        ) from error
