"""What most people came to like of late, by topic: for those of whom only the topics that they like can be used."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from revealed.engines.duckdb import connect, literal
from revealed.evaluation.metrics import Csr
from revealed.feedback.export import RECENT_DAYS
from revealed.settings import Settings
from revealed.training.factor_model import FactorModel
from revealed.training.item_content import ItemContent
from revealed.training.matrix import Ids, only, positions
from revealed.training.protocol import NOTHING, Ranking

# One column a topic is kept dense: rarer topics than these have no list of their own.
_MOST_TOPICS = 256


@dataclass(frozen=True)
class RecentLikes:
    """How many people liked each item (ascending ids) within the last days of what the data knows."""

    items: Ids
    people: NDArray[np.int64]


def read_recent_likes(settings: Settings, path: Path, *, days: int = RECENT_DAYS) -> RecentLikes:
    """Return the recent likes in a file with the columns of `feedback_user_item`.

    Recent is what happened last within `days` before the file's own `as_of`: a training fold knows nothing of
    what came after it, and no clock is read.
    """
    con = connect(settings)
    try:
        found = con.execute(
            f"""
            select item_id, count(*) as people
            from (select *, max(as_of) over () as known_until from read_parquet({literal(path)}))
            where confidence > 0 and last_event_at >= known_until - interval {int(days)} day
            group by item_id
            order by item_id
            """
        ).fetchnumpy()
    finally:
        con.close()
    return RecentLikes(
        np.asarray(found["item_id"], dtype=object), np.asarray(found["people"], dtype=np.int64)
    )


class RecentByTopic(FactorModel):
    """Recent likes of an item times the share of its topic in what a person likes; only topics that the person likes."""

    name = "topic_recent"

    def __init__(self, content: ItemContent, recent: RecentLikes) -> None:
        self.parameters: dict[str, Any] = {}
        self.items: Ids = content.items
        people = np.zeros(len(content.items), dtype=np.float32)
        at = positions(recent.items, content.items)
        people[at[at >= 0]] = recent.people[at >= 0]
        self._topics = _indicators(content.topics, people)
        self.item_factors = self._topics * people[:, None]

    def fold_in(self, confidence: Csr) -> NDArray[np.float32]:
        """Return the share of each topic in each row's likes; zeros where no topic is liked."""
        liked = only(confidence, confidence.data > 0) @ self._topics
        shares: NDArray[np.float32] = (liked / np.maximum(liked.sum(axis=1, keepdims=True), 1)).astype(
            np.float32
        )
        return shares

    def recommend(
        self, confidence: Csr, seen: Csr, k: int, blocked: NDArray[np.bool_] | None = None
    ) -> Ranking:
        """Return the most engaging recent items of each row's topics; lists end where these do."""
        found = super().recommend(confidence, seen, k, blocked)
        engaging = found.scores > 0
        return Ranking(
            np.where(engaging, found.items, NOTHING).astype(np.int32), np.where(engaging, found.scores, 0)
        )


def _indicators(topics: Ids, people: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return items by topics, 1 where the item has the topic, for the topics that most people liked lately."""
    named = np.array([topic is not None for topic in topics], dtype=bool)
    names, topic = np.unique(topics[named].astype(str), return_inverse=True)
    weight = np.bincount(topic, weights=people[named], minlength=len(names))
    kept = np.argsort(-weight, kind="stable")[:_MOST_TOPICS]
    column = np.full(len(names), -1)
    column[kept] = np.arange(len(kept))
    indicators = np.zeros((len(topics), max(len(kept), 1)), dtype=np.float32)
    rows, columns = np.flatnonzero(named), column[topic]
    indicators[rows[columns >= 0], columns[columns >= 0]] = 1
    return indicators
