"""A source file's rows as one Parquet file a day, in bounded memory, and the same bytes every time."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from datetime import date, timedelta
from itertools import pairwise
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from revealed.contracts import Log
from revealed.landing.raw_schema import SCHEMAS, dictionary_columns

_BUFFERED_ROWS = 500_000
_ROW_GROUP = 122_880
_EPOCH = date(1970, 1, 1)


class DayPartitions:
    """Collects tables and cuts them by the UTC day of the log's day column; no day means 1970-01-01.

    Args:
        log: whose rows these are.
        folder: an empty folder for what memory does not hold.
    """

    def __init__(self, log: Log, folder: Path) -> None:
        self._log = log
        self._folder = folder
        self._buffers: dict[int, list[pa.Table]] = defaultdict(list)
        self._buffered = 0
        self._spills: dict[int, list[Path]] = defaultdict(list)
        self.rows_by_day: dict[int, int] = defaultdict(int)

    def add(self, table: pa.Table) -> None:
        """Take the next rows; their order within a day is kept."""
        days = pc.fill_null(pc.cast(table[self._log.day], pa.date32()).cast(pa.int32()), 0).to_numpy()
        order = np.argsort(days, kind="stable")
        table, days = table.take(pa.array(order)), days[order]
        starts = [0, *(np.flatnonzero(np.diff(days)) + 1).tolist(), len(days)]
        for start, end in pairwise(starts):
            self._buffers[int(days[start])].append(table.slice(start, end - start))
            self.rows_by_day[int(days[start])] += end - start
        self._buffered += table.num_rows
        if self._buffered >= _BUFFERED_ROWS:
            self._spill()

    def write(self, target: Path, file_name: str) -> list[Path]:
        """Write `target`/event_date=YYYY-MM-DD/`file_name` for each day; return the paths by day."""
        written = []
        for day in sorted(self.rows_by_day):
            path = target / f"event_date={day_text(day)}" / file_name
            path.parent.mkdir(parents=True)
            self._write_day(day, path)
            written.append(path)
        return written

    def _write_day(self, day: int, path: Path) -> None:
        schema = SCHEMAS[self._log.name]
        dictionaries = dictionary_columns(schema)
        with pq.ParquetWriter(path, schema, compression="zstd", use_dictionary=dictionaries) as writer:
            for table in self._tables(day):
                writer.write_table(table.combine_chunks(), row_group_size=_ROW_GROUP)

    def _tables(self, day: int) -> Iterator[pa.Table]:
        for path in self._spills[day]:
            with pa.OSFile(str(path)) as source:
                yield pa.ipc.open_file(source).read_all()
        if self._buffers[day]:
            yield pa.concat_tables(self._buffers.pop(day))

    def _spill(self) -> None:
        for day, tables in self._buffers.items():
            path = self._folder / f"{day}.{len(self._spills[day])}.arrow"
            table = pa.concat_tables(tables)
            with pa.OSFile(str(path), "wb") as sink, pa.ipc.new_file(sink, table.schema) as writer:
                writer.write_table(table)
            self._spills[day].append(path)
        self._buffers.clear()
        self._buffered = 0


def day_text(day: int) -> str:
    """Return the day that is `day` days after 1970-01-01 as YYYY-MM-DD."""
    return (_EPOCH + timedelta(days=day)).isoformat()
