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

__all__ = ["NOTHING", "AfterSweep", "Ranking", "Recommender", "create"]

# Hears the number of a finished sweep, from 1, and the training loss after it; None where the loss is not known. It may look
# at the model; what it raises ends the training, and the model stays that of the finished sweeps.
AfterSweep = Callable[[int, float | None], None]


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

    Attributes:
        name: under which `create` knows it.
        parameters: what `create` makes the same recommender of.
        items: ids, ascending; empty before the training.
        history: number and training loss of each sweep of the last training; empty where nothing is repeated. Not saved.
        initialization: how the last training began, in words; empty where nothing is repeated. Not saved.
    """

    name: str
    parameters: dict[str, Any]
    items: Ids
    history: list[tuple[int, float]]
    initialization: str

    def fit(
        self,
        data: Interactions,
        device: Device,
        *,
        start: Recommender | None = None,
        after_sweep: AfterSweep | None = None,
    ) -> None:
        """Learn from `data`; the model's items become the data's.

        Args:
            data: the whole window, also where an earlier model is given: what is left out is forgotten.
            device: where to train.
            start: an earlier model to begin from, over any items; `initialization` says whether it could be used.
            after_sweep: is told of every sweep, and may stop the training by raising.
        """

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
    """Return an unfitted recommender by its registered name: `als`, `ials`, `bpr`, `content`, `popularity` or `recency`.

    Raises:
        DamagedModelError: no recommender has this name, or it does not know a parameter.
    """
    from revealed.training.als import ImplicitALS
    from revealed.training.bpr import PairwiseRanking
    from revealed.training.content_model import ContentModel
    from revealed.training.ials import FrequencyScaledALS
    from revealed.training.popularity import Popularity
    from revealed.training.recency import Recency

    kinds: dict[str, Callable[..., Recommender]] = {
        kind.name: kind
        for kind in (
            ImplicitALS,
            FrequencyScaledALS,
            PairwiseRanking,
            ContentModel,
            Popularity,
            Recency,
        )
    }
    try:
        return kinds[name](**parameters)
    except (KeyError, TypeError) as error:
        raise DamagedModelError(
            f"this version knows no model {name!r} with the parameters {sorted(parameters)}",
            remedy=f"known models: {', '.join(sorted(kinds))}; train again with this version",
        ) from error
