"""Lines that have not become raw, or that raw was made from: files under `landing/`, and the gateway's open segments."""

from __future__ import annotations

import gzip
import os
import time
import zlib
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pyarrow as pa
import pyarrow.parquet as pq

from revealed.clock import utc_now
from revealed.contracts import LOGS, log_named
from revealed.durable import sha256_file
from revealed.erasure.needles import Needles
from revealed.erasure.redacting import redacted
from revealed.erasure.search import search_file
from revealed.erasure.tombstones import Tombstones
from revealed.errors import LockedError
from revealed.faults import fault_point
from revealed.landing.files import (
    GZIP_SUFFIX,
    PARQUET_SUFFIX,
    UNFINISHED_SUFFIXES,
    FileStamp,
    candidates,
    format_of,
)
from revealed.landing.ledger import LedgerEntry, read_ledger
from revealed.landing.redaction import Mask, erased_lines, replace_source
from revealed.progress import Progress
from revealed.settings import Settings

_OPEN = "*.jsonl.open"
_GATEWAY_LINES = (_OPEN, "*.jsonl")


class _Identity(msgspec.Struct):
    user_id: str | None = None
    anonymous_id: str | None = None


def landing_files(settings: Settings) -> Iterator[tuple[Path, str]]:
    """Yield each file that landing reads, with its log's name; hidden and unfinished ones are their writers'."""
    for log in LOGS:
        folder = settings.landing / log
        for file in candidates(folder) if folder.is_dir() else ():
            if format_of(file) is not None:
                yield file, log


def is_landings(settings: Settings, path: Path) -> bool:
    """Return whether a file under `landing/` is one that landing reads, or one that its writer is not done with."""
    parts = path.relative_to(settings.landing).parts
    is_hidden = any(part.startswith(".") for part in parts)
    return (
        is_hidden
        or path.name.endswith(UNFINISHED_SUFFIXES)
        or (parts[0] in LOGS and format_of(path) is not None)
    )


def identities_waiting(settings: Settings) -> Iterator[tuple[str | None, str | None]]:
    """Yield the (user_id, anonymous_id) of each line that has not landed; what cannot be read names nobody."""
    landed = {sha for entry in read_ledger(settings) for sha in (entry.sha256, *entry.redacted_as)}
    for file, _ in landing_files(settings):
        if sha256_file(file) not in landed:
            yield from _identities_in(file)
    for segment in sorted((settings.gateway / "open").glob(_OPEN)):
        yield from _identities_in(segment)


def require_settled(settings: Settings, needles: Needles, progress: Progress) -> None:
    """Wait until no file that names the person is so young that somebody may still be writing it.

    Raises:
        LockedError: one is still being written.
    """
    grace = settings.landing_grace_seconds
    young = [file for file, _ in landing_files(settings) if _is_young(file, grace)]
    concerned = [file for file in young if search_file(settings, file, needles)]
    if not concerned:
        return
    progress(f"waiting {grace:.0f} seconds for files that may still be written", len(concerned))
    time.sleep(grace)
    for file in concerned:
        if _is_young(file, grace):
            raise LockedError(
                "a file that names the person is still being written",
                where=str(file),
                remedy="wait until its writer is done, then run this again",
            )


def erase_sources(settings: Settings, needles: Needles, tombstones: Tombstones, progress: Progress) -> None:
    """Blank the person's lines in `landing/` and in open segments; the caller holds landing's lock.

    Files are replaced in one step each. An open segment is another process's: there the lines are overwritten in place,
    with spaces of the same length, one write a line.
    """
    entries = {sha: entry for entry in read_ledger(settings) for sha in (entry.sha256, *entry.redacted_as)}
    mask = Mask(needles.mask, lambda table: redacted(table, needles)[0])
    _blank_gateway_lines(settings, needles)
    for file, log in landing_files(settings):
        if search_file(settings, file, needles):
            progress(f"landing: taking lines out of a file of {log}")
            entry: LedgerEntry | None = entries.get(sha256_file(file))
            replace_source(settings, file, entry, erased_lines(file, log_named(log), tombstones), mask)
            _rename(file, needles)
            fault_point("erasure_source_replaced")


def _rename(file: Path, needles: Needles) -> None:
    """Take the ids out of a file's name, where no other file has the name that is left."""
    plain = file.with_name(needles.mask_text(file.name).replace("*", "x"))
    if plain != file and not plain.exists():
        file.rename(plain)


def _blank_gateway_lines(settings: Settings, needles: Needles) -> None:
    """Blank lines in open segments, and in what the gateway keeps of hides and answered requests between its starts."""
    for segment in sorted(path for kind in _GATEWAY_LINES for path in settings.gateway.rglob(kind)):
        try:
            _blank_in_place(segment, needles)
        except FileNotFoundError:
            continue  # sealed meanwhile: it stands under `landing/` now


def _is_young(file: Path, grace: float) -> bool:
    stamp = FileStamp.of(file)
    return stamp is not None and stamp.is_young(utc_now(), grace)


def _identities_in(file: Path) -> Iterator[tuple[str | None, str | None]]:
    try:
        if file.name.endswith(PARQUET_SUFFIX):
            yield from _identities_in_parquet(file)
            return
        with gzip.open(file) if file.name.endswith(GZIP_SUFFIX) else file.open("rb") as lines:
            for line in lines:
                yield from _identity_of(line)
    except (OSError, EOFError, zlib.error, pa.ArrowException, ValueError):
        return


def _identity_of(line: bytes) -> Iterator[tuple[str | None, str | None]]:
    try:
        found = msgspec.json.decode(line, type=_Identity)
        yield found.user_id, found.anonymous_id
    except (msgspec.DecodeError, UnicodeDecodeError):
        return


def _identities_in_parquet(file: Path) -> Iterator[tuple[str | None, str | None]]:
    source = pq.ParquetFile(file)
    names = [name for name in ("user_id", "anonymous_id") if name in source.schema_arrow.names]
    for batch in source.iter_batches(columns=names):
        columns = {name: batch[name].to_pylist() for name in names}
        absent = [None] * batch.num_rows
        yield from zip(columns.get("user_id", absent), columns.get("anonymous_id", absent), strict=True)


def _blank_in_place(segment: Path, needles: Needles) -> None:
    """Overwrite the lines that name the person with spaces; the file keeps its length, its writer its place."""
    fd = os.open(segment, os.O_RDWR)
    try:
        with os.fdopen(os.dup(fd), "rb") as lines:
            offset = 0
            for line in lines:
                if line.endswith(b"\n") and needles.positions(line):
                    os.pwrite(fd, b" " * (len(line) - 1), offset)
                offset += len(line)
        os.fsync(fd)
    finally:
        os.close(fd)
