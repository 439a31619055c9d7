"""Recommendation snapshots: what the champion would show everybody, written whole, checked, and swapped in by a pointer."""

from __future__ import annotations

from revealed.publishing.generations import (
    current_snapshot,
    list_snapshots,
    read_snapshot_manifest,
    rollback_snapshot,
    verify_snapshot,
)
from revealed.publishing.manifest import SnapshotManifest
from revealed.publishing.publish import publish_snapshot
from revealed.publishing.reader import Recommendation, Recommendations, read_recommendations, similar_to

__all__ = [
    "Recommendation",
    "Recommendations",
    "SnapshotManifest",
    "current_snapshot",
    "list_snapshots",
    "publish_snapshot",
    "read_recommendations",
    "read_snapshot_manifest",
    "rollback_snapshot",
    "similar_to",
    "verify_snapshot",
]
