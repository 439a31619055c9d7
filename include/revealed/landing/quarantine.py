"""Refused lines as Parquet, written as they come, so that a file of nothing but faults needs no memory."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from revealed.landing.parsing import Refusal
from revealed.landing.raw_schema import QUARANTINE_SCHEMA

_BUFFERED_CHARACTERS = 8 << 20


class QuarantineWriter:
    """Writes one source file's refusals to `path`; no refusals, no file.

    Args:
        path: where to write.
        constants: the values of `log`, `source_file` and `source_name`, the same for each row.
    """

    def __init__(self, path: Path, constants: dict[str, str]) -> None:
        self.path = path
        self.reasons: Counter[str] = Counter()
        self._constants = constants
        self._buffer: list[Refusal] = []
        self._characters = 0
        self._writer: pq.ParquetWriter | None = None

    @property
    def rows(self) -> int:
        """How many lines were refused so far."""
        return self.reasons.total()

    def add(self, refusals: Sequence[Refusal]) -> None:
        """Take the next refusals."""
        self._buffer.extend(refusals)
        self.reasons.update(refusal.reason.value for refusal in refusals)
        self._characters += sum(len(refusal.raw) + 200 for refusal in refusals)
        if self._characters >= _BUFFERED_CHARACTERS:
            self._flush()

    def close(self) -> None:
        """Finish the file; safe to call when nothing was refused."""
        self._flush()
        if self._writer is not None:
            self._writer.close()

    def _flush(self) -> None:
        if not self._buffer:
            return
        if self._writer is None:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            self._writer = pq.ParquetWriter(self.path, QUARANTINE_SCHEMA, compression="zstd")
        self._writer.write_table(pa.Table.from_pydict(self._columns(), schema=QUARANTINE_SCHEMA))
        self._buffer.clear()
        self._characters = 0

    def _columns(self) -> dict[str, list[Any]]:
        size = len(self._buffer)
        return {
            **{name: [value] * size for name, value in self._constants.items()},
            "reason": [refusal.reason.value for refusal in self._buffer],
            "detail": [refusal.detail for refusal in self._buffer],
            "raw": [refusal.raw for refusal in self._buffer],
            "source_line": [refusal.line for refusal in self._buffer],
            "byte_offset": [refusal.offset for refusal in self._buffer],
        }
