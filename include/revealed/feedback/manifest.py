"""What a feedback dataset says about itself: enough to train again and to know where every number came from."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from revealed.errors import DamagedFileError, MissingInputError

MANIFEST = "manifest.json"


@dataclass(frozen=True)
class FileEntry:
    """One data file: its SHA-256 (64 hexadecimal digits) and its number of rows."""

    sha256: str
    rows: int


@dataclass(frozen=True)
class DatasetManifest:
    """One feedback dataset.

    `as_of` is the end of what the data knows and `split` the end of what its training fold knows, both UTC
    without a zone. `warehouse` holds what the published warehouse's manifest said (generation, hashes,
    quality result), and is empty when the dataset was written from a file without one.
    """

    path: Path
    version: str
    as_of: datetime
    split: datetime
    holdout_days: int
    policy_version: str
    files: dict[str, FileEntry]
    warehouse: dict[str, Any]
    code_revision: str
    created_at: str

    @property
    def rows(self) -> int:
        """Rows of `interactions.parquet`."""
        return self.files["interactions.parquet"].rows

    @property
    def is_audited(self) -> bool:
        """Whether the rows came from a published warehouse; nothing is published there unaudited."""
        return "generation" in self.warehouse

    def file(self, name: str) -> Path:
        """Return the path of one of the dataset's files."""
        return self.path / name

    def to_dict(self) -> dict[str, Any]:
        """Return plain JSON values; the inverse of `read_manifest`."""
        value = asdict(self)
        del value["path"]
        return value | {"as_of": self.as_of.isoformat(), "split": self.split.isoformat(), "rows": self.rows}


def read_manifest(folder: Path) -> DatasetManifest:
    """Return the manifest in `folder`.

    Raises:
        MissingInputError: there is no such dataset.
        DamagedFileError: the manifest is not what this version of the code writes.
    """
    path = folder / MANIFEST
    try:
        value = json.loads(path.read_bytes())
        del value["rows"]
        value["files"] = {name: FileEntry(**entry) for name, entry in value["files"].items()}
        value["as_of"] = datetime.fromisoformat(value["as_of"])
        value["split"] = datetime.fromisoformat(value["split"])
        return DatasetManifest(path=folder, **value)
    except FileNotFoundError:
        raise MissingInputError(
            "there is no such feedback dataset",
            where=str(folder),
            remedy="run `revealed run`, or leave the version out",
        ) from None
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise DamagedFileError(
            f"the dataset's manifest cannot be read ({error})",
            where=str(path),
            remedy="delete this folder and write the dataset again",
        ) from error
