"""What a feedback dataset says about itself: enough to train again and to know where every number came from."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from revealed.errors import DamagedFileError, MissingInputError

MANIFEST = "manifest.json"


@dataclass(frozen=True)
class FileEntry:
    """One data file: its SHA-256 (64 hexadecimal digits), its number of rows, and its size (0: not recorded)."""

    sha256: str
    rows: int
    bytes: int = 0


@dataclass(frozen=True)
class DatasetManifest:
    """One feedback dataset.

    `as_of` is the end of what the data knows and `split` the end of what its training fold knows, both UTC
    without a zone. `warehouse` holds what the published warehouse's manifest said (generation, hashes,
    quality result), and is empty when the dataset was written from a file without one.

    Attributes:
        parameters: every setting that decided which rows are in it and what they weigh.
        folds: the time split, with the gap between its sides.
        inputs: the landed source files it was made from (`files`, one `digest` of all, and each `sha256`).
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
    parameters: dict[str, Any] = field(default_factory=dict)
    folds: dict[str, Any] = field(default_factory=dict)
    inputs: dict[str, Any] = field(default_factory=dict)

    @property
    def rows(self) -> int:
        """Rows of `interactions.parquet`."""
        return self.rows_of("interactions.parquet")

    @property
    def bytes(self) -> int:
        """Size of all files, in bytes."""
        return sum(entry.bytes for entry in self.files.values())

    @property
    def is_audited(self) -> bool:
        """Whether the rows came from a published warehouse; nothing is published there unaudited."""
        return "generation" in self.warehouse

    @property
    def project_digest(self) -> str:
        """Digest of the SQL and settings that computed the marts; empty where no warehouse was published."""
        return str(self.warehouse.get("project_digest", ""))

    @property
    def audit(self) -> dict[str, Any]:
        """What Great Expectations found on the warehouse: `passed`, `checks`, `failures`; empty where unaudited."""
        found = self.warehouse.get("audit")
        return found if isinstance(found, dict) else {}

    def rows_of(self, name: str) -> int:
        """Return the rows of one file, 0 where this dataset has no such file."""
        return self.files[name].rows if name in self.files else 0

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
            remedy="`revealed dataset list` says which there are; `revealed run` writes one",
        ) from None
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise DamagedFileError(
            f"the dataset's manifest cannot be read ({error})",
            where=str(path),
            remedy="delete this folder and write the dataset again",
        ) from error
