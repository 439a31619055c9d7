"""One source file judged and written aside, in the layout of raw: nothing of it exists for readers yet.

Lines of people who were erased are counted and dropped here, whatever they hold; no other line costs anything for it.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc

from revealed import durable
from revealed.contracts import Log, Row
from revealed.erasure.tombstones import Tombstones
from revealed.landing.files import FileStamp
from revealed.landing.ledger import Output, iso
from revealed.landing.mapping import Mapping
from revealed.landing.parsing import Batch, Refusal, parse_file
from revealed.landing.partitions import DayPartitions
from revealed.landing.quarantine import QuarantineWriter
from revealed.landing.raw_schema import table_of
from revealed.progress import Progress

_TABLE_ROWS = 50_000
_TABLE_BYTES = 32 << 20
_TELL_EVERY = 100_000


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


class StagedSource:
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
