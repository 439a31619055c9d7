"""What a snapshot says of items: held in memory as Arrow, some sixty bytes an item and its title."""

from __future__ import annotations

from bisect import bisect_left
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from revealed.errors import DamagedFileError


class Catalogue:
    """The items of a snapshot by id: which there are, their titles and topics.

    Args:
        path: `items.parquet`, sorted by `item_id`.

    Raises:
        DamagedFileError: it cannot be read as Parquet with these columns.
    """

    def __init__(self, path: Path) -> None:
        try:
            table = pq.read_table(path, columns=["item_id", "title", "topic"]).combine_chunks()
            self._ids, self._titles, self._topics = (_one_chunk(table[name]) for name in table.column_names)
        except (pa.ArrowException, OSError, ValueError) as error:
            raise DamagedFileError(
                f"this file cannot be read ({error})",
                where=str(path),
                remedy="see `revealed snapshot verify`, then `revealed snapshot rollback`",
            ) from error

    def __contains__(self, item_id: str) -> bool:
        """Tell whether there is such an item."""
        return self._place(item_id) is not None

    def title(self, item_id: str) -> str | None:
        """Return an item's title; None where there is no such item, or no title."""
        return self._at(self._titles, item_id)

    def topic(self, item_id: str) -> str | None:
        """Return an item's topic; None where there is no such item, or no topic."""
        return self._at(self._topics, item_id)

    def _at(self, column: pa.StringArray, item_id: str) -> str | None:
        place = self._place(item_id)
        value: str | None = None if place is None else column[place].as_py()
        return value

    def _place(self, item_id: str) -> int | None:
        # Byte order of UTF-8, by which the file is sorted, is the order of Python's strings.
        place = bisect_left(range(len(self._ids)), item_id, key=lambda at: self._ids[at].as_py())
        is_there = place < len(self._ids) and self._ids[place].as_py() == item_id
        return place if is_there else None


def _one_chunk(column: pa.ChunkedArray) -> pa.StringArray:
    return column.chunk(0) if column.num_chunks else pa.array([], pa.string())
