"""What a reader of foreign log formats offers to landing."""

from __future__ import annotations

from pathlib import Path
from typing import Protocol

from revealed.progress import Progress


class Adapter(Protocol):
    """Turns one foreign format into Parquet files in the contracts' columns.

    Attributes:
        name: what people write after `--format`.
        describe: one line that says which format this is.
    """

    name: str
    describe: str

    def convert(self, source: Path, target: Path, progress: Progress) -> list[tuple[Path, str]]:
        """Write contract Parquet files under `target` and return each with its log's name.

        The same source must give the same names and bytes, because landing knows a file by its bytes.
        """
        ...
