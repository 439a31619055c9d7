"""What a snapshot says about itself."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from revealed.errors import DamagedFileError, NothingPublishedError

MANIFEST = "manifest.json"
RECOMMENDATIONS = "recommendations.parquet"
SIMILAR = "similar_items.parquet"
FALLBACKS = "fallbacks.parquet"
ITEMS = "items.parquet"
DIFFERENCE = "diff.json"
DATABASE = "snapshot.duckdb"
# Version and id of the model, version of the dataset, list length, digest of the rules.
Fingerprint = tuple[str, str, str, int, str]


@dataclass(frozen=True)
class SnapshotManifest:
    """One generation: from which model and data, how much of what, and the SHA-256, bytes and rows of each file.

    `k` is how many items a user's list was made for; `quality` is the audit's verdict; `cold_start` is what content was
    found good for (`cold_items`, `taste`), with the reason where it was refused. `rules` has the `digest` of the rules that
    were followed, the bounds of the audit, and pins that were `left_out`. `replaces` is the generation that was in service when
    this one was made, None of the first, and `changes` is what `diff.json` says of the difference.
    """

    generation: int
    model: str
    model_version: str
    model_id: str
    dataset_version: str
    as_of: str
    policy_version: str
    k: int
    counts: dict[str, int]
    files: dict[str, dict[str, Any]]
    quality: dict[str, Any]
    created_at: str
    cold_start: dict[str, Any] = field(default_factory=dict)
    rules: dict[str, Any] = field(default_factory=dict)
    replaces: int | None = None
    changes: dict[str, Any] = field(default_factory=dict)

    @property
    def snapshot_id(self) -> str:
        """The generation's folder name, which inference logs carry as `snapshot_id`."""
        return f"{self.generation:06d}"

    @property
    def fingerprint(self) -> Fingerprint:
        """What the content follows from: the same fingerprint gives the same lists."""
        return (
            self.model_version,
            self.model_id,
            self.dataset_version,
            self.k,
            self.rules.get("digest", ""),
        )

    def to_dict(self) -> dict[str, Any]:
        """Return plain JSON values; the inverse of `read_manifest`."""
        return asdict(self)


def read_manifest(folder: Path) -> SnapshotManifest:
    """Return the manifest of a generation's folder.

    Raises:
        NothingPublishedError: there is no such generation.
        DamagedFileError: the manifest is not what this version of the code writes.
    """
    path = folder / MANIFEST
    try:
        return SnapshotManifest(**json.loads(path.read_bytes()))
    except FileNotFoundError:
        raise NothingPublishedError(
            "there is no such snapshot",
            where=str(folder),
            remedy="`revealed snapshot list` shows those there are",
        ) from None
    except (ValueError, TypeError) as error:
        raise DamagedFileError(
            f"the snapshot's manifest cannot be read ({error})",
            where=str(path),
            remedy="roll back with `revealed snapshot rollback`, or publish again",
        ) from error
