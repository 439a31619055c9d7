"""The one writer of durable files: whole or not there, also after a kill or a power cut.

The protocol is the usual one: write under a temporary name in the same folder, fsync the file, rename it over the
final name, fsync the folder. Readers therefore see the old bytes or the new ones, never a part.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from revealed.errors import LockedError, StaleError

_CHUNK = 1 << 20


def sha256_file(path: Path) -> str:
    """Return the file's SHA-256 as 64 hexadecimal digits."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK):
            digest.update(chunk)
    return digest.hexdigest()


def fsync_directory(folder: Path) -> None:
    """Make the folder's entries (creations, renames) durable."""
    fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


def fsync_file(path: Path) -> None:
    """Make the file's bytes durable; libraries that write files (DuckDB, pyarrow) do not."""
    fd = os.open(path, os.O_RDONLY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


@contextmanager
def staged_file(path: Path) -> Iterator[Path]:
    """Yield a temporary path to write; on success it becomes `path` durably, on failure it is removed."""
    path.parent.mkdir(parents=True, exist_ok=True)
    staged = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        yield staged
        fsync_file(staged)
        staged.replace(path)
        fsync_directory(path.parent)
    finally:
        staged.unlink(missing_ok=True)


def write_bytes(path: Path, data: bytes) -> None:
    """Write `data` to `path`, whole and durable."""
    with staged_file(path) as staged:
        staged.write_bytes(data)


def canonical_json(value: Any) -> bytes:
    """Return `value` as readable JSON whose bytes depend on the value alone (sorted keys, one final newline)."""
    text = json.dumps(value, indent=2, sort_keys=True, ensure_ascii=False, allow_nan=False)
    return text.encode() + b"\n"


def write_json(path: Path, value: Any) -> None:
    """Write `value` to `path` as canonical JSON, whole and durable."""
    write_bytes(path, canonical_json(value))


def publish_directory(staged: Path, final: Path) -> None:
    """Rename the complete folder `staged` to `final`, durably.

    Raises:
        StaleError: `final` exists already; generations are written once.
    """
    if final.exists():
        raise StaleError("this generation exists already", where=str(final))
    final.parent.mkdir(parents=True, exist_ok=True)
    for entry in sorted(staged.rglob("*")):
        if entry.is_dir():
            fsync_directory(entry)
        else:
            fsync_file(entry)
    fsync_directory(staged)
    staged.rename(final)
    fsync_directory(final.parent)


def swap_link(pointer: Path, target: Path) -> None:
    """Point the symbolic link `pointer` at `target` (relative to it) in one atomic step."""
    pointer.parent.mkdir(parents=True, exist_ok=True)
    staged = pointer.with_name(f".{pointer.name}.{os.getpid()}.tmp")
    staged.unlink(missing_ok=True)
    staged.symlink_to(os.path.relpath(target, pointer.parent))
    staged.replace(pointer)
    fsync_directory(pointer.parent)


def remove_tree(folder: Path) -> None:
    """Remove a folder that is no longer, or never was, in service; a folder that is gone already is fine."""
    shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def exclusive_lock(path: Path, doing: str) -> Iterator[None]:
    """Hold the lock file `path` while the body runs; it goes free by itself if this process dies.

    Airflow's `max_active_runs` and pools are not mutual exclusion after a crash, so every writer takes this.

    Raises:
        LockedError: another process holds it; the message names its process id and what it does.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    fd = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = os.pread(fd, 200, 0).decode(errors="replace").strip() or "another process"
            raise LockedError(
                f"cannot {doing}: {holder} is at it",
                where=str(path),
                remedy="wait until it has finished, then run this again",
            ) from None
        os.ftruncate(fd, 0)
        os.pwrite(fd, f"process {os.getpid()} ({doing})\n".encode(), 0)
        yield
    finally:
        os.close(fd)
