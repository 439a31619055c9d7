"""A snapshot opened for reading: one user's list, what goes for strangers, what is like an item."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from revealed.errors import DamagedFileError
from revealed.publishing.generations import current_snapshot, folder_of, verify_snapshot
from revealed.publishing.item_details import ItemDetails
from revealed.publishing.manifest import FALLBACKS, ITEMS, RECOMMENDATIONS, SIMILAR, SnapshotManifest
from revealed.publishing.rules import PIN, UNSCORED
from revealed.publishing.sorted_file import SortedFile
from revealed.publishing.utility import UNSCALED, utilities
from revealed.settings import Settings

Floats = NDArray[np.float64]
# Of fallbacks and similar items; a group of lists takes about 0.06 MB decoded.
_FEW_GROUPS = 32


@dataclass(frozen=True)
class RankedList:
    """Items, best first: `item_ids`, and for each its `scores` (comparable within a source), `utilities`, `sources`.

    Utilities are what exploration draws by: `revealed.publishing.utility`. `pinned` is position (from 0) to place in the
    list, of what rules put at exactly that position.
    """

    item_ids: list[str]
    scores: Floats
    utilities: Floats
    sources: list[str]
    pinned: dict[int, int] = field(default_factory=dict)

    def __len__(self) -> int:
        """Return how many items there are."""
        return len(self.item_ids)

    def without(self, item_ids: set[str]) -> RankedList:
        """Return the list without these items; order, utilities and the positions of pins stay."""
        if item_ids.isdisjoint(self.item_ids):
            return self
        return self.take([at for at, item in enumerate(self.item_ids) if item not in item_ids], self.pinned)

    def take(self, places: list[int], pinned: Mapping[int, int]) -> RankedList:
        """Return these places of the list, in this order; `pinned` by their places in this list, those not taken fall away."""
        moved = {place: at for at, place in enumerate(places)}
        return RankedList(
            [self.item_ids[place] for place in places],
            self.scores[places],
            self.utilities[places],
            [self.sources[place] for place in places],
            {position: moved[place] for position, place in pinned.items() if place in moved},
        )


class OpenSnapshot:
    """One generation. It stays readable when the generation is pruned. Not for several threads at once.

    Args:
        settings: where snapshots are.
        manifest: which one; by default the one in service.
        keep: how many row groups of users' lists are kept decoded, some 0.06 MB each.

    Raises:
        NothingPublishedError: nothing has been published yet.
        DamagedFileError: a file is missing, is not as long as the manifest says, or cannot be read.
    """

    def __init__(
        self, settings: Settings, manifest: SnapshotManifest | None = None, *, keep: int = 1
    ) -> None:
        self.manifest = manifest or current_snapshot(settings)
        names = (RECOMMENDATIONS, FALLBACKS, SIMILAR, ITEMS)
        paths = {name: checked_file(settings, self.manifest, name) for name in names}
        ranked = ("rank", "item_id", "score", "utility", "source")
        self.items = ItemDetails(paths[ITEMS])
        self._lists = SortedFile(paths[RECOMMENDATIONS], "user_id", ranked, keep=keep)
        self._fallbacks = SortedFile(paths[FALLBACKS], "segment", ranked, keep=_FEW_GROUPS)
        self._similar = SortedFile(
            paths[SIMILAR], "item_id", ("similar_item_id", "score", "source"), keep=_FEW_GROUPS
        )

    def decode(self, like: OpenSnapshot | None = None, *, go_on: Callable[[], bool] = lambda: True) -> int:
        """Decode users' lists, as many as are kept, so that who asks first need not wait; return how many row groups are.

        Args:
            like: the snapshot in service until now: the lists of those who asked for theirs last are decoded first.
            go_on: asked before each row group; the first no ends it, and what is left is decoded when it is asked for.

        Raises:
            DamagedFileError: a row group cannot be read.
        """
        return self._lists.decode(like._lists.keys_at_hand() if like else (), go_on=go_on)

    def list_of(self, user_id: str) -> RankedList | None:
        """Return a user's list; None for somebody whom nobody knows.

        Raises:
            DamagedFileError: it cannot be read.
        """
        rows = self._lists.rows(user_id)
        return _ranked([rows], [None]) if rows is not None else None

    def list_for_strangers(self, topic: str | None = None) -> RankedList:
        """Return the fallback lists one after the other, each item once; what is popular in all is called `fallback`.

        What is engaging of late in the topic comes first, then what is popular in it.

        Raises:
            DamagedFileError: it cannot be read.
        """
        segments = [f"recent:topic:{topic}", f"topic:{topic}"] if topic else []
        found = [self._fallbacks.rows(segment) for segment in (*segments, "all")]
        names = [None] * len(segments) + ["fallback"]
        pairs = [(rows, name) for rows, name in zip(found, names, strict=True) if rows is not None]
        return _ranked([rows for rows, _ in pairs], [name for _, name in pairs])

    def similar_to(self, item_id: str) -> list[tuple[str, float, str]]:
        """Return (item, cosine, source) of the items most like an item, the most alike first; none for an unknown item.

        Raises:
            DamagedFileError: it cannot be read.
        """
        rows = self._similar.rows(item_id)
        if rows is None:
            return []
        items, sources = (_texts(rows[name]) for name in ("similar_item_id", "source"))
        return list(zip(items, rows["score"].to_pylist(), sources, strict=True))


def open_verified(settings: Settings, *, keep: int) -> OpenSnapshot:
    """Return the snapshot in service, opened after every byte of it was checked.

    Raises:
        NothingPublishedError: nothing has been published yet.
        DamagedFileError: a file is missing or was changed.
    """
    manifest = current_snapshot(settings)
    verify_snapshot(settings, manifest.generation)
    return OpenSnapshot(settings, manifest, keep=keep)


def _texts(column: pa.DictionaryArray) -> list[str]:
    """Return a column's values. Its own `to_pylist` makes an object of a number first, and is ten times slower."""
    found: list[str] = column.dictionary.take(column.indices).to_pylist()
    return found


def _ranked(tables: list[pa.RecordBatch], names: list[str | None]) -> RankedList:
    """Return tables one after the other as one list, each item once; a table with a name has that for its source."""
    parts = [_part(table, name) for table, name in zip(tables, names, strict=True)]
    if len(parts) == 1 and "utility" in tables[0].schema.names:
        utility = tables[0]["utility"].to_numpy()
        return RankedList(
            parts[0][0], parts[0][1], utility.astype(np.float64), parts[0][2], _pins(tables[0], parts[0][2])
        )
    item_ids: list[str] = []
    sources: list[str] = []
    scores: list[float] = []
    scales: list[int] = []
    seen: set[str] = set()
    for scale, (items, own_scores, own_sources) in enumerate(parts):
        kept = [at for at, item in enumerate(items) if item not in seen]
        seen.update(items)
        item_ids += [items[at] for at in kept]
        sources += [own_sources[at] for at in kept]
        scores += own_scores[kept].tolist()
        scales += [UNSCALED if own_sources[at] in UNSCORED else scale for at in kept]
    # Lists after the first begin further down than where their pins belong.
    pinned = _pins(tables[0], parts[0][2]) if parts else {}
    return RankedList(item_ids, np.asarray(scores), _utilities(scores, scales), sources, pinned)


def _part(table: pa.RecordBatch, name: str | None) -> tuple[list[str], Floats, list[str]]:
    """Return a table's items, scores and sources."""
    sources = _texts(table["source"])
    if name is not None:
        sources = [source if source in UNSCORED else name for source in sources]
    return _texts(table["item_id"]), table["score"].to_numpy().astype(np.float64), sources


def _pins(table: pa.RecordBatch, sources: list[str]) -> dict[int, int]:
    """Return position to place of what is pinned in a table."""
    if PIN not in sources:
        return {}
    ranks = table["rank"].to_pylist()
    return {ranks[at] - 1: at for at, source in enumerate(sources) if source == PIN}


def _utilities(scores: list[float], scales: list[int]) -> Floats:
    """Return utilities where the file has none: fallback lists, and lists of generations before there were any."""
    if not scales:
        return np.empty(0)
    scale = np.array([scales], dtype=np.int8)
    found = utilities(np.array([scores], dtype=np.float32), scale, max(scales) + 1)
    return np.asarray(found[0], dtype=np.float64)


def checked_file(settings: Settings, manifest: SnapshotManifest, name: str) -> Path:
    """Return the path of a snapshot's file; `verify_snapshot` checks every byte.

    Raises:
        DamagedFileError: it is missing or is not as long as the manifest says.
    """
    path = folder_of(settings, manifest.generation) / name
    expected = manifest.files.get(name, {}).get("bytes")
    if not path.is_file() or path.stat().st_size != expected:
        raise DamagedFileError(
            "this file is not the one that the snapshot's manifest describes",
            where=str(path),
            remedy="roll back with `revealed snapshot rollback`, or publish again",
        )
    return path
