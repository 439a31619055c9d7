"""What a snapshot says of items: held in memory as Arrow, some sixty bytes an item and its title."""

from __future__ import annotations

from bisect import bisect_left
from functools import lru_cache, partial
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from revealed.errors import DamagedFileError

# Where items stand, of those that were asked for last: popular ones are asked for all the time.
_PLACES_KEPT = 20_000
_RULED, _SAYS_MAY = ("topic", "format", "author"), ("is_available", "is_allowed")
# Generations of before there were rules lack some of them.
_COLUMNS = ("item_id", "title", *_RULED, *_SAYS_MAY)


class ItemDetails:
    """The items of a snapshot by id: which there are, their titles, and what rules speak of.

    Args:
        path: `items.parquet`, sorted by `item_id`.

    Raises:
        DamagedFileError: it cannot be read as Parquet with these columns.
    """

    def __init__(self, path: Path) -> None:
        try:
            known = pq.read_schema(path).names
            table = pq.read_table(path, columns=[name for name in _COLUMNS if name in known])
            columns = {name: _one_chunk(table[name]) for name in table.column_names}
            self._ids, self._columns = columns.pop("item_id"), columns
        except (pa.ArrowException, OSError, KeyError) as error:
            raise DamagedFileError(
                f"this file cannot be read ({error})",
                where=str(path),
                remedy="see `revealed snapshot verify`, then `revealed snapshot rollback`",
            ) from error
        self._place = lru_cache(_PLACES_KEPT)(self._find)
        self._title = lru_cache(_PLACES_KEPT)(partial(self._at, "title"))

    def __contains__(self, item_id: str) -> bool:
        """Tell whether there is such an item."""
        return self._place(item_id) is not None

    def title(self, item_id: str) -> str | None:
        """Return an item's title; None where there is no such item, or no title."""
        title: str | None = self._title(item_id)
        return title

    def topic(self, item_id: str) -> str | None:
        """Return an item's topic; None where there is no such item, or no topic."""
        topic: str | None = self._at("topic", item_id)
        return topic

    def fields(self, item_id: str) -> dict[str, str | None]:
        """Return what rules speak of: `item_id`, `topic`, `format` and `author`, None where it is unknown."""
        return {name: self._at(name, item_id) for name in _RULED} | {"item_id": item_id}

    def may_be_shown(self, item_id: str) -> bool:
        """Return whether there is such an item, it is available, and no filter that holds everywhere refuses it."""
        said = (self._at(name, item_id) for name in _SAYS_MAY if name in self._columns)
        return item_id in self and all(said)

    def _at(self, name: str, item_id: str) -> Any:
        place, column = self._place(item_id), self._columns.get(name)
        return None if place is None or column is None else column[place].as_py()

    def _find(self, item_id: str) -> int | None:
        # Byte order of UTF-8, by which the file is sorted, is the order of Python's strings.
        place = bisect_left(range(len(self._ids)), item_id, key=lambda at: self._ids[at].as_py())
        is_there = place < len(self._ids) and self._ids[place].as_py() == item_id
        return place if is_there else None


def _one_chunk(column: pa.ChunkedArray) -> pa.Array:
    whole = column.combine_chunks()
    return pa.concat_arrays(whole.chunks) if isinstance(whole, pa.ChunkedArray) else whole
