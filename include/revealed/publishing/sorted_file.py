"""A Parquet file of lists, sorted by whose they are, read one row group at a time: one list is one small read."""

from __future__ import annotations

import io
from bisect import bisect_right
from collections import OrderedDict
from collections.abc import Callable, Iterable, Sequence
from itertools import islice
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from revealed.errors import DamagedFileError


class _Group(NamedTuple):
    """A decoded row group. Nothing is made of a list before it is asked for; the collector of garbage finds three objects here.

    Attributes:
        rows: all its rows, without the key.
        lists: the place of each key's list among the group's.
        bounds: where each list begins in `rows`, and where the last one ends.
    """

    rows: pa.RecordBatch
    lists: dict[str, int]
    bounds: list[int]

    def rows_of(self, key: str) -> pa.RecordBatch | None:
        """Return the rows of one key; None where there are none."""
        at = self.lists.get(key)
        return None if at is None else self.rows.slice(self.bounds[at], self.bounds[at + 1] - self.bounds[at])


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
        self._decoded: OrderedDict[int, _Group] = OrderedDict()
        try:
            source = pa.OSFile(str(path)) if file is None else file
            footer = pq.read_metadata(source)
            names = footer.schema.names
            self.columns = [name for name in columns if name in names]
            # Ids and sources repeat: as numbers into what there is of them they are decoded in half the time.
            texts = [key, *self.columns]
            self._file = pq.ParquetFile(source, metadata=footer, read_dictionary=texts)
            self._groups, self._lows, self._highs = self._bounds(names.index(key))
        except (pa.ArrowException, OSError, ValueError) as error:
            raise _damaged(path, error) from error

    def rows(self, key: str) -> pa.RecordBatch | None:
        """Return the rows of one key in the file's order; None where there are none.

        Raises:
            DamagedFileError: the row group cannot be read.
        """
        # Groups are in order, and a list longer than a group goes on in the next.
        last = bisect_right(self._lows, key) - 1
        found: list[pa.RecordBatch] = []
        while last >= 0 and self._highs[last] >= key:
            rows = self._group(last).rows_of(key)
            if rows is not None:
                found.insert(0, rows)
            last -= 1
        return pa.concat_batches(found) if len(found) > 1 else found[0] if found else None

    def decode(self, first: Iterable[str] = (), *, go_on: Callable[[], bool] = lambda: True) -> int:
        """Decode as many row groups as are kept, so that who asks first need not wait; return how many are decoded then.

        Args:
            first: keys whose groups are decoded before the others, which follow in the file's order.
            go_on: asked before each group; the first no ends it.

        Raises:
            DamagedFileError: a row group cannot be read.
        """
        asked = (bisect_right(self._lows, key) - 1 for key in first)
        wanted = dict.fromkeys(max(at, 0) for at in asked) | dict.fromkeys(range(len(self._groups)))
        for at in islice(wanted, min(self._keep, len(self._groups))):
            if not go_on():
                break
            self._group(at)
        return len(self._decoded)

    def keys_at_hand(self) -> list[str]:
        """Return one key of each decoded row group, the one that was used last first; also for another thread to ask."""
        return [self._lows[at] for at in list(reversed(self._decoded))]

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

    def _group(self, at: int) -> _Group:
        """Return a row group by its place among those that are not empty."""
        if at in self._decoded:
            self._decoded.move_to_end(at)
            return self._decoded[at]
        names = [self._key, *self.columns]
        try:
            table = self._file.read_row_group(self._groups[at], columns=names, use_threads=False)
        except (pa.ArrowException, OSError) as error:
            raise _damaged(self._path, error) from error
        self._decoded[at] = _by_key(table, self._key)
        if len(self._decoded) > self._keep:
            self._decoded.popitem(last=False)
        return self._decoded[at]


def _by_key(table: pa.Table, key: str) -> _Group:
    """Return a sorted table's rows by key."""
    rows = table.combine_chunks().to_batches()[0]
    codes = rows[key].indices.to_numpy()
    starts = np.flatnonzero(np.diff(codes, prepend=-1))
    names = rows[key].dictionary.take(pa.array(codes[starts])).to_pylist()
    lists = {name: at for at, name in enumerate(names)}
    return _Group(rows.drop_columns([key]), lists, [*starts.tolist(), len(codes)])


def _damaged(path: Path, error: Exception) -> DamagedFileError:
    return DamagedFileError(
        f"this file cannot be read ({error})",
        where=str(path),
        remedy="see `revealed snapshot verify`, then `revealed snapshot rollback`",
    )
