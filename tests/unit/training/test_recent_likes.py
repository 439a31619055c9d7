"""What is engaging of late is what the data itself calls late, and only by topics that a person likes."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from content_world import content_of
from scipy.sparse import csr_matrix

from revealed.settings import Settings
from revealed.training import recent_likes
from revealed.training.protocol import NOTHING
from revealed.training.recent_likes import RecentByTopic, RecentLikes, read_recent_likes

AS_OF = datetime.fromisoformat("2024-03-01")  # long past: no clock may matter
ITEMS = np.array(["a", "b", "c", "d", "e"], dtype=object)


def test_recent_is_told_by_the_files_own_moment(tmp_path: Path) -> None:
    rows = [
        ("u1", "a", 5.0, 1),
        ("u2", "a", 2.0, 13),
        ("u3", "a", 2.0, 15),  # too long ago
        ("u1", "b", 9.0, 14),  # the edge counts
        ("u2", "c", -3.0, 1),  # a dislike
        ("u3", "d", 3.0, 20),
    ]
    frame = pd.DataFrame(rows, columns=["user_id", "item_id", "confidence", "days"])
    frame["last_event_at"] = [AS_OF - timedelta(days=int(days)) for days in frame.pop("days")]
    frame["as_of"] = AS_OF
    frame.to_parquet(tmp_path / "interactions.parquet")
    found = read_recent_likes(
        Settings(home=tmp_path, project_root=tmp_path), tmp_path / "interactions.parquet"
    )
    assert dict(zip(found.items, found.people.tolist(), strict=True)) == {"a": 2, "b": 1}


def recommender(topics: list[str | None], people: dict[str, int]) -> RecentByTopic:
    content = content_of(ITEMS, np.ones((5, 1)), topics)
    return RecentByTopic(
        content, RecentLikes(np.array(list(people), dtype=object), np.array([*people.values()]))
    )


def test_items_are_ranked_by_recent_likes_times_the_share_of_their_topic() -> None:
    model = recommender(["sport", "sport", "news", "news", None], {"a": 2, "b": 4, "c": 9, "e": 50, "z": 9})
    confidence = csr_matrix(
        np.array([[3, 0, 0, 1, 0], [0, 0, 0, 2, 0], [0, -5, 0, 0, 0], [0, 0, 0, 0, 7]], dtype=np.float32)
    )
    nothing_seen = csr_matrix((4, 5), dtype=np.float32)
    found = model.recommend(confidence, nothing_seen, 4)
    # Three quarters sport: b 4 x 3/4, c 9 x 1/4, a 2 x 3/4. Nobody liked d lately; e has no topic.
    assert found.items[0].tolist() == [1, 2, 0, NOTHING]
    np.testing.assert_allclose(found.scores[0], [3.0, 2.25, 1.5, 0.0])
    assert found.items[1].tolist() == [2, NOTHING, NOTHING, NOTHING]
    assert (found.items[2:] == NOTHING).all()  # only a dislike; only an item without a topic


def test_only_so_many_topics_have_lists_of_their_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recent_likes, "_MOST_TOPICS", 1)
    model = recommender(["sport", "sport", "news", "news", None], {"a": 2, "c": 9})
    assert model.item_factors.shape == (5, 1)
    assert np.flatnonzero(model.item_factors).tolist() == [2]


def test_a_catalogue_without_topics_gives_empty_lists() -> None:
    model = recommender([None] * 5, {"a": 2})
    liked = csr_matrix(np.ones((1, 5), dtype=np.float32))
    assert (model.recommend(liked, csr_matrix((1, 5), dtype=np.float32), 3).items == NOTHING).all()
