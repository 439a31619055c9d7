"""What a dataset knows at a moment: the feedback, the catalogue, and what people came to like of late."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from revealed.feedback import DatasetManifest
from revealed.settings import Settings
from revealed.training.item_content import read_item_content, with_content
from revealed.training.matrix import Interactions, read_interactions
from revealed.training.popularity import Popularity
from revealed.training.protocol import Recommender
from revealed.training.recent_likes import RecentLikes, read_recent_likes
from revealed.training.serving import Server


@dataclass(frozen=True)
class Known:
    """What models are fitted on, and what lists are made from.

    Attributes:
        data: the feedback, with the content of items attached.
        recent: what people came to like in the last days of it.
    """

    data: Interactions
    recent: RecentLikes

    def server(
        self, model: Recommender, popularity: Popularity, unavailable: frozenset[str] = frozenset()
    ) -> Server:
        """Return who makes lists from a model for the people of `data`: the same for tests and for snapshots.

        Args:
            model: fitted.
            popularity: fitted on `data`.
            unavailable: items that must not be shown.
        """
        blocked = np.array(sorted(unavailable), dtype=object)
        return Server(model, popularity, self.data, blocked, recent=self.recent)


def known_at_split(settings: Settings, dataset: DatasetManifest, *, times: bool = True) -> Known:
    """Return what was known when the holdout began; items that appeared later are not in the catalogue yet.

    Without `times` nothing that asks when people came to like things can be fitted, and a third less memory is needed.
    """
    path = dataset.file("fold_train.parquet")
    content = read_item_content(settings, dataset.file("items.parquet")).published_before(dataset.split)
    data = with_content(read_interactions(settings, path, times=times), content)
    return Known(data, read_recent_likes(settings, path))


def known_at_end(settings: Settings, dataset: DatasetManifest, *, times: bool = False) -> Known:
    """Return everything that the dataset knows; with `times` also when people came to like things."""
    path = dataset.file("interactions.parquet")
    content = read_item_content(settings, dataset.file("items.parquet"))
    data = with_content(read_interactions(settings, path, times=times), content)
    return Known(data, read_recent_likes(settings, path))
