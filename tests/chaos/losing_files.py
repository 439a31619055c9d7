"""A disk for the journal that forgets, at a power cut, what nobody made durable; and that fails where it is told to.

It keeps two images of the same files: what a process sees, and what would be there after a power cut. Bytes reach the second
image by `sync` of their file, names by `sync_folder` of their folder, as POSIX has it. After a failed `sync` the pages that
were lost are clean: another `sync` says yes and saves nothing (as Linux does).
"""

from __future__ import annotations

import random
from dataclasses import dataclass
from pathlib import Path

from revealed.gateway.files import JournalFiles


class PowerCut(BaseException):
    """Not an `Exception`: nothing may go on after it."""


@dataclass
class _File:
    seen: bytes = b""
    durable: bytes = b""
    is_lost: bool = False


class LosingFiles(JournalFiles):
    """Counts its operations; at number `cut_at` the power goes, at number `fail_at` the operation fails.

    Args:
        chance: decides how much of a failing write is written.
        cut_at: which operation the power cut comes before.
        fail_at: which operation fails, with `error`.
        error: the errno.
    """

    def __init__(
        self, chance: random.Random, *, cut_at: int | None = None, fail_at: int | None = None, error: int = 0
    ) -> None:
        self.operations: list[str] = []
        self._chance = chance
        self._cut_at = cut_at
        self._fail_at = fail_at
        self._error = error
        self._seen: dict[Path, _File] = {}
        self._durable: dict[Path, _File] = {}
        self._open: dict[int, _File] = {}

    def create(self, path: Path) -> int:
        self._step("create")
        fd = 1_000 + len(self.operations)
        self._seen[path] = self._open[fd] = _File()
        return fd

    def write(self, fd: int, data: bytes) -> None:
        part = data[: self._chance.randrange(len(data) + 1)]
        file = self._open[fd]
        before = file.seen
        file.seen = before + part
        self._step("write")
        file.seen = before + data

    def sync(self, fd: int) -> None:
        file = self._open[fd]
        try:
            self._step("sync")
        except OSError:
            file.is_lost = True
            raise
        if not file.is_lost:
            file.durable = file.seen

    def truncate(self, fd: int, size: int) -> None:
        self._step("truncate")
        self._open[fd].seen = self._open[fd].seen[:size]

    def close(self, fd: int) -> None:
        self._step("close")
        del self._open[fd]

    def rename(self, path: Path, target: Path) -> None:
        self._step("rename")
        self._seen[target] = self._seen.pop(path)

    def remove(self, path: Path) -> None:
        self._step("remove")
        del self._seen[path]

    def sync_folder(self, folder: Path) -> None:
        self._step("sync_folder")
        for path in {*self._seen, *self._durable}:
            if path.parent == folder:
                if path in self._seen:
                    self._durable[path] = self._seen[path]
                else:
                    del self._durable[path]

    def salvage(self, path: Path, size: int, target: Path) -> None:
        self._step("salvage")
        content = self._seen[path].seen[:size]
        self._seen[target] = self._durable[target] = _File(content, content)

    def leave(self, chance: random.Random | None) -> None:
        """Write what is there after a power cut to the real disk.

        Args:
            chance: decides which part of the unsynced bytes made it all the same, and which names; None: nothing did.
        """
        names = dict(self._durable)
        if chance:
            names |= {path: file for path, file in self._seen.items() if chance.random() < 0.5}
        for path, file in names.items():
            extra = file.seen[len(file.durable) :] if file.seen.startswith(file.durable) else b""
            kept = chance.randrange(len(extra) + 1) if chance else 0
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(file.durable + extra[:kept])

    def _step(self, operation: str) -> None:
        self.operations.append(operation)
        number = len(self.operations)
        if number == self._cut_at:
            raise PowerCut
        if number == self._fail_at:
            raise OSError(self._error, "injected")


class NeverSyncs(LosingFiles):
    """The control: a journal that trusts the page cache."""

    def sync(self, fd: int) -> None:
        self._step("sync")


class NeverSyncsFolders(LosingFiles):
    """The control: a journal whose files may have no names after a power cut."""

    def sync_folder(self, folder: Path) -> None:
        self._step("sync_folder")


class SyncsAgain(LosingFiles):
    """The control: after a failed sync, another one is believed."""

    def sync(self, fd: int) -> None:
        try:
            super().sync(fd)
        except OSError:
            super().sync(fd)


class NeverCuts(LosingFiles):
    """The control: torn lines stay where they are."""

    def truncate(self, fd: int, size: int) -> None:
        self._step("truncate")

    def salvage(self, path: Path, size: int, target: Path) -> None:
        super().salvage(path, len(self._seen[path].seen), target)
