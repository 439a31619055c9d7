"""What reading one list from a snapshot's file takes, counted in bytes and calls."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from revealed.publishing.sorted_file import SortedFile


def read_list(file: CountedFile, owner: str, key: str = "user_id") -> list[dict[str, Any]]:
    """Return the rows of one list by rank, as a service reads them: the footer, and the row group that holds it.

    Args:
        file: tells afterwards how much was read.
        owner: whose list: a user's id, an item's, or a segment's name.
        key: the column that says whose.

    Raises:
        DamagedFileError: it cannot be read.
    """
    columns = ("rank", "item_id", "score", "utility", "source")
    rows = SortedFile(file.path, key, columns, file=file).rows(owner)
    found: list[dict[str, Any]] = [] if rows is None else rows.to_pylist()
    return found


class CountedFile(io.RawIOBase):
    """A file that counts the bytes and the calls by which it is read."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._file = path.open("rb", buffering=0)
        self.bytes_read, self.reads = 0, 0

    def readable(self) -> bool:
        """Return True."""
        return True

    def seekable(self) -> bool:
        """Return True."""
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Move as a file does; nothing is read."""
        return self._file.seek(offset, whence)

    def tell(self) -> int:
        """Return the position."""
        return self._file.tell()

    def readinto(self, buffer: Any) -> int:
        """Read as a file does, and count."""
        read = self._file.readinto(buffer) or 0
        self.bytes_read += read
        self.reads += 1
        return read

    def close(self) -> None:
        """Close the file."""
        self._file.close()
        super().close()


def cost_of_one_list(path: Path) -> dict[str, int]:
    """Return what reading one list costs, by reading one from the middle: `list_bytes` of `file_bytes`, in `reads` calls.

    `footer_bytes` of it are the footer, which a service reads once.
    """
    metadata = pq.read_metadata(path)
    if not metadata.num_row_groups:
        return {"list_bytes": 0, "file_bytes": path.stat().st_size, "footer_bytes": 0, "reads": 0}
    middle = metadata.row_group(metadata.num_row_groups // 2).column(0).statistics.min
    with CountedFile(path) as file:
        read_list(file, middle)
        return {
            "list_bytes": file.bytes_read,
            "file_bytes": path.stat().st_size,
            "footer_bytes": metadata.serialized_size,
            "reads": file.reads,
        }
