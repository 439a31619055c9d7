"""The champion takes part in every trial, on equal terms: it must not have seen the days it is tested on."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from revealed.feedback import DatasetManifest
from revealed.settings import Settings
from revealed.training.artifact import load_model
from revealed.training.device import Device
from revealed.training.matrix import Interactions, read_interactions
from revealed.training.protocol import Recommender, create
from revealed.training.recency import Recency


@dataclass(frozen=True)
class ChampionEntry:
    """The champion as it took part: which version, and how (`as_published` or `refitted`)."""

    version: str
    name: str
    how: str
    model: Recommender

    def to_dict(self) -> dict[str, Any]:
        """Return plain JSON values, without the model."""
        return {key: value for key, value in vars(self).items() if key != "model"}


def enter_champion(
    settings: Settings, dataset: DatasetManifest, fold: Interactions, device: Device
) -> ChampionEntry | None:
    """Return the champion for the trial; None when there is none.

    A champion that knows nothing after the split is taken as published: that is what people get if the
    challenger is turned down. One that has seen test days would recall, not foresee, so that its recipe is
    fitted anew on the fold.

    Raises:
        RegistryError: MLflow is out of reach.
        DamagedModelError: the champion's files are damaged.
    """
    from revealed.registry import current_champion, fetch_model

    champion = current_champion(settings)
    if champion is None:
        return None
    model, saved = load_model(fetch_model(settings, champion.version))
    if datetime.fromisoformat(saved.card["lineage"]["as_of"]) <= dataset.split:
        return ChampionEntry(champion.version, model.name, "as_published", model)
    again = create(model.name, saved.card["parameters"])
    if again.name == Recency.name and fold.latest is None:
        fold = read_interactions(settings, dataset.file("fold_train.parquet"), times=True)
    again.fit(fold, device)
    return ChampionEntry(champion.version, again.name, "refitted", again)
