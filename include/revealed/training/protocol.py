"""What every recommender can do, and the list of those there are: the place where another engine plugs in."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from revealed.errors import DamagedModelError
from revealed.evaluation.metrics import NOTHING, Csr
from revealed.training.device import Device
from revealed.training.matrix import Ids, Interactions

__all__ = ["NOTHING", "Ranking", "Recommender", "create"]


@dataclass(frozen=True)
class Ranking:
    """Lists of items, best first: positions in the model's items (`NOTHING` where a list is short), and scores."""

    items: NDArray[np.int32]
    scores: NDArray[np.float32]


class Recommender(Protocol):
    """A model over its own item space `items`.

    Users are not stored: what to recommend is a function of what is known of the user at the time of
    asking, so that people who arrived after the training, or went on since, are served from the newest
    dataset.
    """

    name: str
    parameters: dict[str, Any]
    items: Ids

    def fit(self, data: Interactions, device: Device) -> None:
        """Learn from `data`; the model's items become the data's."""

    def recommend(
        self, confidence: Csr, seen: Csr, k: int, blocked: NDArray[np.bool_] | None = None
    ) -> Ranking:
        """Return the best `k` items for each row, leaving out what the row has `seen` and what is `blocked`."""

    def similar(self, k: int, blocked: NDArray[np.bool_] | None = None) -> Ranking:
        """Return the `k` items most like each item, itself and `blocked` ones left out; empty where no likeness is known."""

    def arrays(self) -> dict[str, NDArray[Any]]:
        """Return what has to be saved, by name."""

    def restore(self, items: Ids, arrays: Mapping[str, NDArray[Any]]) -> None:
        """Take back what `arrays` gave."""


def create(name: str, parameters: dict[str, Any]) -> Recommender:
    """Return an unfitted recommender by its registered name: `als`, `content`, `ials` or `popularity`.

    Raises:
        DamagedModelError: no recommender has this name, or it does not know a parameter.
    """
    from revealed.training.als import ImplicitALS
    from revealed.training.content_model import ContentModel
    from revealed.training.ials import FrequencyScaledALS
    from revealed.training.popularity import Popularity

    kinds: dict[str, Callable[..., Recommender]] = {
        kind.name: kind for kind in (ImplicitALS, ContentModel, FrequencyScaledALS, Popularity)
    }
    try:
        return kinds[name](**parameters)
    except (KeyError, TypeError) as error:
        raise DamagedModelError(
            f"this version knows no model {name!r} with the parameters {sorted(parameters)}",
            remedy=f"known models: {', '.join(sorted(kinds))}; train again with this version",
        ) from error
