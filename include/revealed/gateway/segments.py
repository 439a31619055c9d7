"""One log's append-only segments: written and synced under `open/`, then renamed to where they are read.

Everything here blocks, and one thread at a time calls it (docs/decisions/gateway-journal.md).
"""

from __future__ import annotations

import os
import secrets
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from revealed.gateway.files import JournalFiles

OPEN_SUFFIX = ".jsonl.open"
SEALED_SUFFIX = ".jsonl"
_TAIL_CHUNK = 1 << 16


@dataclass
class _Segment:
    """The segment being written; the first `durable` bytes of its file are synced."""

    path: Path
    fd: int
    durable: int
    opened: float


class SegmentWriter:
    """Appends one log's batches; a batch is durable when `commit` returns, and otherwise not in the log.

    Args:
        log: what the segments' names begin with.
        open_folder: where segments are written.
        sealed_folder: where they are renamed to, on the same file system.
        largest: bytes after which a segment is sealed.
        oldest: seconds after which a segment is sealed.
        files: the file operations.
        clock: the present moment, for names.
    """

    def __init__(
        self,
        log: str,
        open_folder: Path,
        sealed_folder: Path,
        *,
        largest: int,
        oldest: float,
        files: JournalFiles,
        clock: Callable[[], datetime],
    ) -> None:
        self._log = log
        self._open_folder = open_folder
        self._sealed_folder = sealed_folder
        self._largest = largest
        self._oldest = oldest
        self._files = files
        self._clock = clock
        self._segment: _Segment | None = None
        self._retired: list[tuple[Path, int]] = []

    def commit(self, data: bytes) -> None:
        """Append `data` (whole lines) and sync it.

        Raises:
            OSError: it is not in the log; the next commit goes to a new segment.
        """
        segment = self._segment or self._open()
        try:
            self._files.write(segment.fd, data)
            self._files.sync(segment.fd)
        except OSError:
            self._retire(segment)
            raise
        segment.durable += len(data)
        if segment.durable >= self._largest:
            self._try_to_seal()

    def seal_if_old(self) -> None:
        """Seal the segment if it is old enough, and what could not be sealed before."""
        segment = self._segment
        if segment and time.monotonic() - segment.opened >= self._oldest:
            self._try_to_seal()
        self._seal_retired()

    def seal(self) -> None:
        """Seal what there is. What the system refuses to rename stays, and is sealed at the next start."""
        if self._segment:
            self._try_to_seal()
        self._seal_retired()

    def _open(self) -> _Segment:
        stamp = self._clock().strftime("%Y%m%dT%H%M%S%fZ")
        path = self._open_folder / f"{self._log}-{stamp}-{secrets.token_hex(4)}{OPEN_SUFFIX}"
        fd = self._files.create(path)
        self._segment = _Segment(path, fd, 0, time.monotonic())
        try:
            self._files.sync_folder(self._open_folder)
        except OSError:
            self._retire(self._segment)
            raise
        return self._segment

    def _retire(self, segment: _Segment) -> None:
        """Abandon a segment after an error: never sync it again, keep what was durable, drop the rest.

        A failed fsync may have marked lost pages as clean, so that another one would lie; and a torn line would be glued to
        the next one. The cut may fail, too: what is kept is copied out later, and a start cuts torn tails.
        """
        self._segment = None
        with suppress(OSError):
            self._files.truncate(segment.fd, segment.durable)
        with suppress(OSError):
            self._files.close(segment.fd)
        self._retired.append((segment.path, segment.durable))
        self._seal_retired()

    def _seal_retired(self) -> None:
        waiting, self._retired = self._retired, []
        for path, size in waiting:
            try:
                if size:
                    self._files.salvage(path, size, self._sealed_folder / sealed_name(path))
                self._files.remove(path)
            except OSError:
                self._retired.append((path, size))

    def _try_to_seal(self) -> None:
        segment = self._segment
        if segment is None:
            return
        try:
            seal_file(segment.path, self._sealed_folder, self._files)
        except OSError:
            return
        self._segment = None
        with suppress(OSError):  # everything in it is durable
            self._files.close(segment.fd)


def sealed_name(path: Path) -> str:
    """Return the name under which a segment is read once it is sealed."""
    return path.name.removesuffix(OPEN_SUFFIX) + SEALED_SUFFIX


def seal_file(path: Path, folder: Path, files: JournalFiles) -> None:
    """Rename a segment into `folder`.

    Raises:
        OSError: the system refuses.
    """
    files.rename(path, folder / sealed_name(path))
    with suppress(
        OSError
    ):  # a rename that a power cut undoes is done again at the next start, under the same name
        files.sync_folder(folder)
        files.sync_folder(path.parent)


def recover(log: str, open_folder: Path, sealed_folder: Path, files: JournalFiles) -> int:
    """Cut the torn tails of the segments that a killed gateway left, and seal them; return how many.

    Only tails are read. Whole lines that nobody was told of stay: their senders send them again, under the same key.

    Raises:
        OSError: the system refuses; what is left is left whole.
    """
    found = sorted(open_folder.glob(f"{log}-*{OPEN_SUFFIX}"))
    for path in found:
        fd = os.open(path, os.O_RDWR)
        try:
            size = _whole_lines(fd)
            files.truncate(fd, size)
            files.sync(fd)
        finally:
            files.close(fd)
        if size:
            seal_file(path, sealed_folder, files)
        else:
            files.remove(path)
    return len(found)


def _whole_lines(fd: int) -> int:
    """Return the size of the file up to its last newline."""
    end = os.fstat(fd).st_size
    while end > 0:
        start = max(0, end - _TAIL_CHUNK)
        found = os.pread(fd, end - start, start).rfind(b"\n")
        if found >= 0:
            return start + found + 1
        end = start
    return 0
