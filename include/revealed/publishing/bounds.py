"""Which bounds an audit holds a snapshot to: those of the rules that make sense for what was published before."""

from __future__ import annotations

from revealed.publishing.manifest import Fingerprint, SnapshotManifest
from revealed.publishing.rules import AuditBounds
from revealed.training.popularity import Popularity


def bounds_for(
    bounds: AuditBounds, model: str, fingerprint: Fingerprint, current: SnapshotManifest | None
) -> dict[str, float]:
    """Return the bounds that are asked of a snapshot, by the names of `AuditBounds`.

    Nothing is compared for a first snapshot. Lists of another model, list length or other rules may differ from those in
    service as they like, unless `min_overlap_after_change` says otherwise. Coverage is not asked of popularity, which shows
    everybody the same on purpose.

    Args:
        bounds: of the rules.
        model: the champion's name.
        fingerprint: what the new lists follow from.
        current: what is in service and was compared with; None for a first snapshot.
    """
    asked = {} if model == Popularity.name else {"min_coverage": bounds.min_coverage}
    if current is None:
        return asked
    version, model_id, _, k, rules = current.fingerprint
    is_same = (version, model_id, k, rules) == (*fingerprint[:2], *fingerprint[3:])
    overlap = bounds.min_overlap if is_same else bounds.min_overlap_after_change
    return asked | {"min_overlap": overlap, "max_users_lost": bounds.max_users_lost}
