"""Read one list from a snapshot's file: the footer, and the row groups that can hold it."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any, BinaryIO

import pyarrow as pa
import pyarrow.parquet as pq


def read_list(file: BinaryIO | io.RawIOBase, owner: str) -> list[dict[str, Any]]:
    """Return the rows of one list by rank, of a file that is sorted by its first column, the list's owner.

    Reads the footer and the row groups whose statistics include the owner: one, unless a list is longer than a row group.

    Args:
        file: open for reading; a `CountedFile` tells how much was read.
        owner: whose list: a user's id, an item's, or a segment's name.
    """
    parquet = pq.ParquetFile(file)
    found = _row_groups(parquet.metadata, owner)
    if not found:
        return []
    table = parquet.read_row_groups(found, use_threads=False)
    rows = table.filter(pa.compute.equal(table.column(0), owner)).to_pylist()
    return sorted(rows, key=lambda row: int(row["rank"]))


def _row_groups(metadata: pq.FileMetaData, owner: str) -> list[int]:
    """Return the row groups that can hold the owner's rows, by bisection: the file is sorted."""
    first = _first_ending_at(metadata, owner)
    found = []
    for group in range(first, metadata.num_row_groups):
        if metadata.row_group(group).column(0).statistics.min > owner:
            break
        found.append(group)
    return found


def _first_ending_at(metadata: pq.FileMetaData, owner: str) -> int:
    """Return the first row group whose greatest owner is not less than this one."""
    low, high = 0, metadata.num_row_groups
    while low < high:
        middle = (low + high) // 2
        if metadata.row_group(middle).column(0).statistics.max < owner:
            low = middle + 1
        else:
            high = middle
    return low


class CountedFile(io.RawIOBase):
    """A file that counts the bytes and the calls by which it is read."""

    def __init__(self, path: Path) -> None:
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
