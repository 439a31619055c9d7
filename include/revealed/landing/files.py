"""Which files landing reads: complete, regular, named as data; and whether one changed under the reader."""

from __future__ import annotations

import stat
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

LINE_SUFFIXES = (".jsonl", ".ndjson")
PARQUET_SUFFIX = ".parquet"
GZIP_SUFFIX = ".gz"
SUFFIXES = (*LINE_SUFFIXES, *(suffix + GZIP_SUFFIX for suffix in LINE_SUFFIXES), PARQUET_SUFFIX)
UNFINISHED_SUFFIXES = (".tmp", ".part", ".inprogress")


@dataclass(frozen=True)
class FileStamp:
    """What changes when somebody writes to a file, or puts another in its place."""

    device: int
    inode: int
    size: int
    modified_ns: int

    @classmethod
    def of(cls, file: Path) -> FileStamp | None:
        """Return the file's stamp, or None if it is gone."""
        try:
            status = file.lstat()
        except FileNotFoundError:
            return None
        return cls(status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns)

    def is_young(self, now: datetime, grace_seconds: float) -> bool:
        """Tell whether the file was written so lately that its writer may not be done."""
        return abs(now.timestamp() - self.modified_ns / 1e9) < grace_seconds


def format_of(file: Path) -> str | None:
    """Return `jsonl`, `jsonl.gz`, `ndjson`, `ndjson.gz` or `parquet` by the file's name, or None."""
    matches = [suffix for suffix in SUFFIXES if file.name.endswith(suffix)]
    return max(matches, key=len).removeprefix(".") if matches else None


def candidates(folder: Path) -> Iterator[Path]:
    """Yield the regular files under `folder` by path; hidden and unfinished ones are left out."""
    for path in sorted(folder.rglob("*")):
        parts = path.relative_to(folder).parts
        if any(part.startswith(".") for part in parts) or path.name.endswith(UNFINISHED_SUFFIXES):
            continue
        if _is_regular(path) and not any(parent.is_symlink() for parent in _between(path, folder)):
            yield path


def _between(path: Path, folder: Path) -> Iterator[Path]:
    for parent in path.parents:
        if parent == folder:
            return
        yield parent


def _is_regular(path: Path) -> bool:
    try:
        return stat.S_ISREG(path.lstat().st_mode)
    except FileNotFoundError:
        return False
