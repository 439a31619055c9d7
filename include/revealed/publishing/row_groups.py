"""Row groups that end where a list ends, so that one list is one small read."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

# Some twenty lists: little to read for one of them, and few enough groups for a small footer.
ROWS_IN_A_GROUP = 2_000


def write_row_groups(writer: pq.ParquetWriter, table: pa.Table, ends: NDArray[np.int64]) -> None:
    """Write whole lists in row groups of at most `ROWS_IN_A_GROUP` rows; only a longer list is split.

    Args:
        writer: open.
        table: lists one after the other.
        ends: where each list ends, ascending; the last is the table's length.
    """
    for start, end in row_groups(ends):
        writer.write_table(table.slice(start, end - start), row_group_size=ROWS_IN_A_GROUP)


def row_groups(ends: NDArray[np.int64], most: int = ROWS_IN_A_GROUP) -> Iterator[tuple[int, int]]:
    """Yield (start, end) of groups of whole lists with at most `most` rows each; a longer list is a group of its own."""
    start, at = 0, 0
    while at < len(ends):
        last = max(int(np.searchsorted(ends, start + most, side="right")) - 1, at)
        yield start, int(ends[last])
        start, at = int(ends[last]), last + 1
