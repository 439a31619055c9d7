"""Read the snapshot in service as a service would: through the pointer, one small read a user."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from revealed.errors import UsageError
from revealed.publishing.list_reads import cost_of_one_list
from revealed.publishing.manifest import RECOMMENDATIONS, SnapshotManifest
from revealed.publishing.opened import OpenSnapshot, checked_file
from revealed.settings import Settings


@dataclass(frozen=True)
class Recommendation:
    """One recommended item, and where it comes from.

    `source` is the model's name; `cold_item` for what the model has never seen, placed by its content; `content`,
    `topic_recent` or `popularity` where the model has too little to say; `pin` for what rules.toml puts there; `fallback`
    for people whom nobody knows. `utility` is what exploration draws by.
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
    snapshot = OpenSnapshot(settings)
    listed = snapshot.list_of(user_id)
    is_known = listed is not None
    if listed is None:
        listed = snapshot.list_for_strangers(topic)
    manifest = snapshot.manifest
    columns = zip(
        listed.item_ids[:k], listed.scores.tolist(), listed.sources, listed.utilities.tolist(), strict=False
    )
    return Recommendations(
        user_id=user_id,
        is_known=is_known,
        items=[
            Recommendation(rank, item, score, source, snapshot.items.title(item), utility)
            for rank, (item, score, source, utility) in enumerate(columns, start=1)
        ],
        generation=manifest.generation,
        snapshot_id=manifest.snapshot_id,
        model_version=manifest.model_version,
        model_id=manifest.model_id,
        as_of=manifest.as_of,
    )


def similar_to(settings: Settings, item_id: str) -> list[tuple[str, float]]:
    """Return the items most like an item with their cosines, the most alike first; empty for an unknown item."""
    return [(item, cosine) for item, cosine, _ in OpenSnapshot(settings).similar_to(item_id)]


def reading_cost(settings: Settings, manifest: SnapshotManifest) -> dict[str, int]:
    """Return `list_bytes`, `file_bytes`, `footer_bytes` and `reads`: what reading one user's list from a snapshot takes.

    Raises:
        DamagedFileError: the file is missing or is not as long as the manifest says.
    """
    return cost_of_one_list(checked_file(settings, manifest, RECOMMENDATIONS))
