"""Recommendation snapshots: what the champion would show everybody, written whole, checked, and swapped in by a pointer."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from revealed.publishing.generations import (
    current_snapshot,
    list_snapshots,
    read_snapshot_manifest,
    rollback_snapshot,
    verify_snapshot,
)
from revealed.publishing.manifest import SnapshotManifest
from revealed.publishing.reader import (
    Recommendation,
    Recommendations,
    read_recommendations,
    reading_cost,
    similar_to,
)
from revealed.publishing.rules import Rules, read_rules

if TYPE_CHECKING:
    from revealed.publishing.difference import SnapshotDifference
    from revealed.publishing.differences import snapshot_difference
    from revealed.publishing.publish import publish_snapshot

__all__ = [
    "Recommendation",
    "Recommendations",
    "Rules",
    "SnapshotDifference",
    "SnapshotManifest",
    "current_snapshot",
    "list_snapshots",
    "publish_snapshot",
    "read_recommendations",
    "read_rules",
    "read_snapshot_manifest",
    "reading_cost",
    "rollback_snapshot",
    "similar_to",
    "snapshot_difference",
    "verify_snapshot",
]


# What trains, audits and compares is imported for who does: a gateway, which reads, must be up in a second.
_LATE = {
    "SnapshotDifference": "revealed.publishing.difference",
    "publish_snapshot": "revealed.publishing.publish",
    "snapshot_difference": "revealed.publishing.differences",
}


def __getattr__(name: str) -> Any:
    """Return a late import."""
    if name in _LATE:
        return getattr(import_module(_LATE[name]), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
