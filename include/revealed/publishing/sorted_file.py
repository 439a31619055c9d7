"""A Parquet file of lists, sorted by whose they are, read one row group at a time: one list is one small read."""

from __future__ import annotations

import io
from bisect import bisect_right
from collections import OrderedDict
from collections.abc import Sequence
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from revealed.errors import DamagedFileError


class SortedFile:
    """An open file, whose row groups are found by the statistics of the column that it is sorted by.

    It stays readable when the file is removed. Not for several threads at once.

    Args:
        path: the file; rows of one key follow one another.
        key: the column that the lists are looked up by.
        columns: what to read beside it.
        keep: how many decoded row groups are kept, the most recently used.
        file: the same file, if it is open already.

    Raises:
        DamagedFileError: it cannot be read as Parquet with these columns.
    """

    def __init__(
        self, path: Path, key: str, columns: Sequence[str], *, keep: int = 1, file: io.RawIOBase | None = None
    ) -> None:
        self._path, self._key, self._keep = path, key, keep
        self._decoded: OrderedDict[int, dict[str, pa.Table]] = OrderedDict()
        try:
            self._file = pq.ParquetFile(path if file is None else file)
            names = self._file.schema_arrow.names
            self.columns = [name for name in columns if name in names]
            self._groups, self._lows, self._highs = self._bounds(names.index(key))
        except (pa.ArrowException, OSError, ValueError) as error:
            raise _damaged(path, error) from error

    def rows(self, key: str) -> pa.Table | None:
        """Return the rows of one key in the file's order; None where there are none.

        Raises:
            DamagedFileError: the row group cannot be read.
        """
        # Groups are in order, and a list longer than a group goes on in the next.
        last = bisect_right(self._lows, key) - 1
        found: list[pa.Table] = []
        while last >= 0 and self._highs[last] >= key:
            rows = self._group(self._groups[last]).get(key)
            if rows is not None:
                found.insert(0, rows)
            last -= 1
        return pa.concat_tables(found).combine_chunks() if len(found) > 1 else found[0] if found else None

    def _bounds(self, column: int) -> tuple[list[int], list[str], list[str]]:
        """Return the row groups that are not empty, and the least and the greatest key of each."""
        groups, lows, highs = [], [], []
        for number in range(self._file.metadata.num_row_groups):
            if not self._file.metadata.row_group(number).num_rows:
                continue
            statistics = self._file.metadata.row_group(number).column(column).statistics
            if statistics is None or not statistics.has_min_max:
                raise ValueError(f"row group {number} says nothing of the {self._key} that it holds")
            groups.append(number)
            lows.append(str(statistics.min))
            highs.append(str(statistics.max))
        return groups, lows, highs

    def _group(self, number: int) -> dict[str, pa.Table]:
        """Return the lists of a row group by key."""
        if number in self._decoded:
            self._decoded.move_to_end(number)
            return self._decoded[number]
        try:
            table = self._file.read_row_group(number, columns=[self._key, *self.columns], use_threads=False)
        except (pa.ArrowException, OSError) as error:
            raise _damaged(self._path, error) from error
        self._decoded[number] = _by_key(table.combine_chunks(), self._key)
        if len(self._decoded) > self._keep:
            self._decoded.popitem(last=False)
        return self._decoded[number]


def _by_key(table: pa.Table, key: str) -> dict[str, pa.Table]:
    """Return the rows of each key of a sorted table, without the key itself."""
    if not table.num_rows:
        return {}
    runs = pc.run_end_encode(table[key].chunk(0))
    values = table.drop_columns([key])
    found, start = {}, 0
    for name, end in zip(runs.values.to_pylist(), runs.run_ends.to_pylist(), strict=True):
        found[name] = values.slice(start, end - start)
        start = end
    return found


def _damaged(path: Path, error: Exception) -> DamagedFileError:
    return DamagedFileError(
        f"this file cannot be read ({error})",
        where=str(path),
        remedy="see `revealed snapshot verify`, then `revealed snapshot rollback`",
    )
