"""The few file operations that the journal is made of, in one place, so that a test can lose what was not synced."""

from __future__ import annotations

import os
from pathlib import Path

from revealed import durable


class JournalFiles:
    """Operations on the real file system. Each raises `OSError` where the system refuses."""

    def create(self, path: Path) -> int:
        """Return a descriptor of a new, empty file; its name is not durable before `sync_folder`."""
        return os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND, 0o640)

    def write(self, fd: int, data: bytes) -> None:
        """Append all of `data`; after an error, any part of it may have been written."""
        view = memoryview(data)
        while view:
            view = view[os.write(fd, view) :]

    def sync(self, fd: int) -> None:
        """Make what was written durable."""
        os.fdatasync(fd)

    def truncate(self, fd: int, size: int) -> None:
        """Cut the file to `size` bytes."""
        os.ftruncate(fd, size)

    def close(self, fd: int) -> None:
        """Let the descriptor go."""
        os.close(fd)

    def rename(self, path: Path, target: Path) -> None:
        """Rename; durable after `sync_folder` of both folders."""
        path.rename(target)

    def remove(self, path: Path) -> None:
        """Remove a file."""
        path.unlink()

    def sync_folder(self, folder: Path) -> None:
        """Make the folder's entries durable."""
        durable.fsync_directory(folder)

    def salvage(self, path: Path, size: int, target: Path) -> None:
        """Copy the first `size` bytes of `path` to `target`, whole and durable."""
        with durable.staged_file(target) as staged, path.open("rb") as source, staged.open("wb") as copy:
            while size > 0 and (chunk := source.read(min(size, 1 << 20))):
                copy.write(chunk)
                size -= len(chunk)
