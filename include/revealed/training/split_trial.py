"""Models on anybody's split: the same lists, metrics and intervals as a challenger's trial."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from revealed.evaluation import Comparison, Contender, compare
from revealed.evaluation.compare import DEPTH
from revealed.training.popularity import Popularity
from revealed.training.protocol import Recommender
from revealed.training.serving import Server
from revealed.training.split_files import Split

_ROWS_AT_ONCE = 4_096


def hold_split_trial(split: Split, models: Mapping[str, Recommender]) -> Comparison:
    """Compare fitted models, `popularity` among them, on the split's test pairs; every item of both files is ranked."""
    popularity = models[Popularity.name]
    assert isinstance(popularity, Popularity)
    lists = [
        Contender(name, lists_for(Server(model, popularity, split.train), split.testers))
        for name, model in models.items()
    ]
    return compare(lists, split.relevance, split.train.likes, len(split.train.users))


def lists_for(server: Server, rows: NDArray[np.int64]) -> NDArray[np.int32]:
    """Return each row's first `DEPTH` items, as positions in the server's space."""
    parts = [
        server.lists(rows[start : start + _ROWS_AT_ONCE], DEPTH).items
        for start in range(0, len(rows), _ROWS_AT_ONCE)
    ]
    return np.concatenate(parts)
