"""Lines of erased people taken out of source files under `landing/`, every other byte left where it is.

In text a line becomes spaces of its own length, which landing skips: the other lines keep their numbers and offsets. From
Parquet the rows are left out. The ledger knows the new checksum before the file has it, so that nothing lands twice.
"""

from __future__ import annotations

import gzip
import shutil
import zlib
from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import msgspec
import pyarrow as pa
import pyarrow.parquet as pq

from revealed import durable
from revealed.contracts import Log, log_named
from revealed.erasure.tombstones import Tombstones
from revealed.landing.files import GZIP_SUFFIX, PARQUET_SUFFIX
from revealed.landing.ledger import LedgerEntry, write_entry
from revealed.landing.parsing import Batch, parse_file
from revealed.settings import Settings

_DAMAGED_GZIP = (EOFError, gzip.BadGzipFile, zlib.error)


@dataclass(frozen=True)
class Mask:
    """What to do with a line of text (the length stays), and with rows of Parquet."""

    line: Callable[[bytes], bytes]
    rows: Callable[[pa.Table], pa.Table]


def blank_erased(settings: Settings, file: Path, entry: LedgerEntry, tombstones: Tombstones) -> LedgerEntry:
    """Take the lines of erased people out of a landed file, and return its ledger entry, which then knows both files."""
    lines = erased_lines(file, log_named(entry.log), tombstones)
    return (replace_source(settings, file, entry, lines) if lines else None) or entry


def erased_lines(file: Path, log: Log, tombstones: Tombstones) -> set[int]:
    """Return the numbers (from 1) of the lines or rows of somebody who was erased, refused ones that name them included."""
    return {
        number
        for batch in parse_file(file, log, None, "")
        for number in (*_of_rows(batch, tombstones), *_of_refusals(batch, tombstones))
    }


def replace_source(
    settings: Settings,
    file: Path,
    entry: LedgerEntry | None,
    lines: Collection[int],
    mask: Mask | None = None,
) -> LedgerEntry | None:
    """Write a source file again without some lines, atomically, and return its ledger entry, if it has landed.

    Args:
        settings: where the ledger is.
        file: a file that landing reads, by its name.
        entry: its ledger entry; None where it has not landed.
        lines: the numbers (from 1) of the lines or rows to leave out.
        mask: what to do with the other lines; None leaves them as they are.
    """
    with durable.staged_file(file) as staged:
        _write_without(file, staged, frozenset(lines), mask)
        shutil.copystat(file, staged)
        sha256 = durable.sha256_file(staged)
        if entry is not None and sha256 not in (entry.sha256, *entry.redacted_as):
            entry = msgspec.structs.replace(entry, redacted_as=(*entry.redacted_as, sha256))
            write_entry(settings, entry)
    return entry


def _of_rows(batch: Batch, tombstones: Tombstones) -> Iterable[int]:
    if batch.table is not None:
        theirs = tombstones.rows_of(batch.table)
        return [] if theirs is None else batch.table["source_line"].filter(theirs).to_pylist()
    pairs = zip(batch.rows, batch.line_numbers, strict=True)
    return [
        number
        for row, number in pairs
        if tombstones.holds(getattr(row, "user_id", None), getattr(row, "anonymous_id", None))
    ]


def _of_refusals(batch: Batch, tombstones: Tombstones) -> Iterable[int]:
    return [refusal.line for refusal in batch.refusals if tombstones.mentioned_in(refusal.raw)]


def _write_without(file: Path, staged: Path, lines: frozenset[int], mask: Mask | None) -> None:
    if file.name.endswith(PARQUET_SUFFIX):
        _write_parquet_without(file, staged, lines, mask)
    elif file.name.endswith(GZIP_SUFFIX):
        with gzip.open(file) as source, gzip.GzipFile(staged, "wb", mtime=0) as target:
            target.writelines(_lines_without(source, lines, mask))
    else:
        with file.open("rb") as source, staged.open("wb") as target:
            target.writelines(_lines_without(source, lines, mask))


def _lines_without(
    source: IO[bytes] | gzip.GzipFile, lines: frozenset[int], mask: Mask | None
) -> Iterator[bytes]:
    """Yield the lines; what stands behind the damage of a gzip file cannot be read, and is left out."""
    try:
        for number, line in enumerate(source, start=1):
            if number in lines:
                ending = b"\n" if line.endswith(b"\n") else b""
                yield b" " * (len(line) - len(ending)) + ending
            else:
                yield mask.line(line) if mask else line
    except _DAMAGED_GZIP:
        return


def _write_parquet_without(file: Path, staged: Path, lines: frozenset[int], mask: Mask | None) -> None:
    """Copy the rows batch by batch; a file that cannot be read holds nothing that anybody could land."""
    source, number = pq.ParquetFile(file), 0
    with pq.ParquetWriter(staged, source.schema_arrow, compression="zstd") as writer:
        for batch in source.iter_batches():
            kept = [number + index + 1 not in lines for index in range(batch.num_rows)]
            table = pa.Table.from_batches([batch.filter(pa.array(kept, pa.bool_()))])
            writer.write_table(mask.rows(table) if mask else table)
            number += batch.num_rows
