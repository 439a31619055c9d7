"""Write what a model makes of a snapshot: the lists of users, and the items most like each item."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from revealed.progress import Progress
from revealed.publishing.list_files import RECOMMENDATION_SCHEMA, SIMILAR_SCHEMA, sorted_file, write_lists
from revealed.publishing.manifest import RECOMMENDATIONS, SIMILAR
from revealed.publishing.ruled_lists import Rows, RuledLists
from revealed.publishing.rules import Pin
from revealed.training.matrix import Ids, Interactions, positions
from revealed.training.protocol import NOTHING
from revealed.training.serving import Server

SIMILAR_ITEMS = 20
_USERS_AT_ONCE = 4_096


def write_recommendations(
    folder: Path, lists: RuledLists, users: Ids, k: int, progress: Progress
) -> dict[str, int]:
    """Write the top `k` of every user and return counts: users, recommendations, and `from_<source>` for each source."""
    places = np.zeros(len(lists.names), dtype=np.int64)
    with sorted_file(folder / RECOMMENDATIONS, RECOMMENDATION_SCHEMA) as writer:
        for start in range(0, len(users), _USERS_AT_ONCE):
            rows = np.arange(start, min(start + _USERS_AT_ONCE, len(users)), dtype=np.int64)
            served = lists.lists(rows, k)
            write_lists(writer, users[rows], lists.space, served)
            places += np.bincount(served.source[served.items != NOTHING], minlength=len(places))
            progress("scoring users", int(rows[-1]) + 1, len(users))
    counts = {f"from_{name}": int(count) for name, count in zip(lists.names, places, strict=True)}
    return {"users": len(users), "recommendations": int(places.sum())} | counts


def write_similar_items(folder: Path, server: Server) -> int:
    """Write the items most like each item, those left out that must not be shown, and return how many rows that is."""
    with sorted_file(folder / SIMILAR, SIMILAR_SCHEMA) as writer:
        return write_lists(writer, server.space, server.space, server.similar(SIMILAR_ITEMS))


def had_by(data: Interactions, pins: tuple[Pin, ...]) -> Callable[[Rows], NDArray[np.bool_]]:
    """Return who tells of rows of `data` which pinned items they have consumed, hidden or disliked: `[rows, pins]`."""
    at = positions([pin.item for pin in pins], data.items)

    def has_had(rows: Rows) -> NDArray[np.bool_]:
        found = np.zeros((len(rows), len(pins)), dtype=bool)
        known = np.flatnonzero(at >= 0)
        if len(known):
            found[:, known] = data.seen[rows][:, at[known]].toarray() > 0
        return found

    return has_had
