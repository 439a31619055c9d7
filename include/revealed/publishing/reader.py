"""Read the snapshot in service as a service would: through the pointer, one small read a user."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from revealed.errors import DamagedFileError, UsageError
from revealed.publishing.generations import current_snapshot, folder_of
from revealed.publishing.list_reads import cost_of_one_list, read_list
from revealed.publishing.manifest import FALLBACKS, ITEMS, RECOMMENDATIONS, SIMILAR, SnapshotManifest
from revealed.settings import Settings


@dataclass(frozen=True)
class Recommendation:
    """One recommended item, and where it comes from.

    `source` is the model's name; `cold_item` for what the model has never seen, placed by its content; `content`,
    `topic_recent` or `popularity` where the model has too little to say; `pin` for what rules.toml puts there; `fallback`
    for people whom nobody knows. `utility` is what exploration draws by, 0 where there is none.
    """

    rank: int
    item_id: str
    score: float
    source: str
    title: str | None
    utility: float = 0.0


@dataclass(frozen=True)
class Recommendations:
    """One user's list and where it comes from."""

    user_id: str
    is_known: bool
    items: list[Recommendation]
    generation: int
    snapshot_id: str
    model_version: str
    model_id: str
    as_of: str

    def to_dict(self) -> dict[str, Any]:
        """Return plain JSON values; the list is under `recommendations`."""
        value = asdict(self)
        return value | {"recommendations": value.pop("items")}


def read_recommendations(
    settings: Settings, user_id: str, k: int, *, topic: str | None = None
) -> Recommendations:
    """Return the best `k` items for a user from the snapshot in service.

    Somebody whom nobody knows gets what is engaging of late, then what is popular, in `topic` where one is given (of the
    page they are on, say), and then what is popular in all.

    Raises:
        NothingPublishedError: nothing has been published yet.
        DamagedFileError: a file is missing or is not as long as the manifest says.
        UsageError: `k` is not positive.
    """
    if k < 1:
        raise UsageError(f"{k} recommendations cannot be given", where="k", remedy="ask for one or more")
    manifest = current_snapshot(settings)
    found = _rows(settings, manifest, RECOMMENDATIONS, user_id)
    is_known = bool(found)
    if not is_known:
        found = _for_strangers(settings, manifest, topic)
    titles = _titles(settings, manifest, [row["item_id"] for row in found[:k]])
    return Recommendations(
        user_id=user_id,
        is_known=is_known,
        items=[
            Recommendation(
                rank,
                row["item_id"],
                row["score"],
                row["source"],
                titles.get(row["item_id"]),
                row.get("utility", 0.0),
            )
            for rank, row in enumerate(found[:k], start=1)
        ],
        generation=manifest.generation,
        snapshot_id=manifest.snapshot_id,
        model_version=manifest.model_version,
        model_id=manifest.model_id,
        as_of=manifest.as_of,
    )


def _for_strangers(settings: Settings, manifest: SnapshotManifest, topic: str | None) -> list[dict[str, Any]]:
    """Return the fallback lists one after the other, each item once; what is popular in all is called `fallback`."""
    segments = [f"recent:topic:{topic}", f"topic:{topic}"] if topic else []
    found: dict[str, dict[str, Any]] = {}
    for segment in segments:
        for row in _rows(settings, manifest, FALLBACKS, segment):
            found.setdefault(row["item_id"], {"source": "popularity"} | row)
    for row in _rows(settings, manifest, FALLBACKS, "all"):
        found.setdefault(row["item_id"], row | {"source": "fallback"})
    return list(found.values())


def similar_to(settings: Settings, item_id: str) -> list[tuple[str, float]]:
    """Return the items most like an item with their cosines, the most alike first; empty for an unknown item."""
    rows = _rows(settings, current_snapshot(settings), SIMILAR, item_id)
    return [(row["similar_item_id"], row["score"]) for row in rows]


def _titles(settings: Settings, manifest: SnapshotManifest, items: list[str]) -> dict[str, str]:
    path = _checked(settings, manifest, ITEMS)
    table = (
        pq.read_table(path, columns=["item_id", "title"], filters=[("item_id", "in", items)])
        if items
        else None
    )
    return {row["item_id"]: row["title"] for row in table.to_pylist()} if table else {}


def _rows(settings: Settings, manifest: SnapshotManifest, name: str, owner: str) -> list[dict[str, Any]]:
    path = _checked(settings, manifest, name)
    try:
        with path.open("rb") as file:
            return read_list(file, owner)
    except (pa.ArrowException, OSError) as error:
        raise DamagedFileError(
            f"this file cannot be read ({error})",
            where=str(path),
            remedy="see `revealed snapshot verify`, then `revealed snapshot rollback`",
        ) from error


def _checked(settings: Settings, manifest: SnapshotManifest, name: str) -> Path:
    """Return the file's path if it is as long as the manifest says; `verify_snapshot` checks every byte."""
    path = folder_of(settings, manifest.generation) / name
    expected = manifest.files[name]["bytes"]
    if not path.is_file() or path.stat().st_size != expected:
        raise DamagedFileError(
            "this file is not the one that the snapshot's manifest describes",
            where=str(path),
            remedy="roll back with `revealed snapshot rollback`, or publish again",
        )
    return path


def reading_cost(settings: Settings, manifest: SnapshotManifest) -> dict[str, int]:
    """Return `list_bytes`, `file_bytes`, `footer_bytes` and `reads`: what reading one user's list from a snapshot takes.

    Raises:
        DamagedFileError: the file is missing or is not as long as the manifest says.
    """
    return cost_of_one_list(_checked(settings, manifest, RECOMMENDATIONS))
