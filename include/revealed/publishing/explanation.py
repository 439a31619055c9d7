"""Why a version of the model ranks what it ranks for a person, on what is known of them in the newest dataset."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from revealed.feedback import read_dataset
from revealed.registry import fetch_model, read_model_version
from revealed.settings import Settings
from revealed.training.artifact import load_model
from revealed.training.explained_list import ExplainedItem, explain_list
from revealed.training.item_titles import read_titles, read_unavailable
from revealed.training.matrix import read_interactions


@dataclass(frozen=True)
class RankingExplanation:
    """A person's items with the reasons, and by which model on which data."""

    user_id: str
    model: str
    model_version: str
    model_id: str
    dataset_version: str
    items: list[ExplainedItem]

    def to_dict(self) -> dict[str, Any]:
        """Return plain JSON values."""
        return dict(vars(self)) | {"items": [item.to_dict() for item in self.items]}


def explain_ranking(
    settings: Settings, user_id: str, item_id: str | None = None, *, version: str = "champion", k: int = 10
) -> RankingExplanation:
    """Return why the model's first `k` items for a user rank, or why one item has its score.

    The scores are the model's own; what serving adds where it has too little to say is not in them.

    Args:
        settings: where everything is.
        user_id: whose list.
        item_id: explain this item alone, whether or not it is among the first `k`.
        version: a version's number or alias.
        k: how many items.

    Raises:
        MissingInputError: nothing is known of the user, or the model does not know the item.
        RegistryError: there is no such version. NoDataError: there is no dataset.
        DamagedModelError: the model's files are not the ones that were registered.
    """
    found = read_model_version(settings, version)
    model, saved = load_model(fetch_model(settings, found.version))
    dataset = read_dataset(settings)
    items = explain_list(
        model,
        read_interactions(settings, dataset.file("interactions.parquet")),
        user_id,
        k,
        read_titles(dataset),
        unavailable=read_unavailable(dataset),
        only_item=item_id,
    )
    return RankingExplanation(user_id, model.name, found.version, saved.model_id, dataset.version, items)
