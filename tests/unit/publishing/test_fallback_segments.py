"""Lists for people whom nobody knows: what is recent is told by the dataset's own moment."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path

import duckdb
import numpy as np
import pandas as pd
import pytest

from revealed.feedback import DatasetManifest
from revealed.publishing.catalogue import read_catalogue, write_items
from revealed.publishing.discovery import Draws
from revealed.publishing.fallbacks import write_fallbacks
from revealed.publishing.rules import Rules

AS_OF = datetime.fromisoformat("2024-03-01")  # long past: no clock may matter


def dataset_in(folder: Path) -> DatasetManifest:
    """Old item a is liked by three long ago, b by two lately, c by one lately; d has no topic; e is not available."""
    rows = [("a", 20), ("a", 20), ("a", 15), ("b", 2), ("b", 14), ("c", 1), ("d", 1), ("e", 1)]
    likes = pd.DataFrame(rows, columns=["item_id", "days"])
    likes["user_id"] = [f"u{n}" for n in range(len(rows))]
    likes["confidence"] = 5.0
    likes["last_event_at"] = [AS_OF - timedelta(days=int(days)) for days in likes.pop("days")]
    likes.loc[len(likes)] = ["c", "u9", -5.0, AS_OF]
    likes.assign(as_of=AS_OF).to_parquet(folder / "interactions.parquet")
    pd.DataFrame(
        {
            "item_id": list("abcde"),
            "title": None,
            "topic": ["news", "news", "sport", None, "news"],
            "is_available": [True, True, True, True, False],
        }
    ).to_parquet(folder / "items.parquet")
    clicked = pd.DataFrame({"surface": ["home", "home"], "item_id": ["c", "e"], "users": [4, 9]})
    clicked.to_parquet(folder / "surface_items.parquet")
    return DatasetManifest(folder, "v", AS_OF, AS_OF, 7, "p", {}, {}, "", "")


@pytest.fixture
def segments(tmp_path: Path) -> dict[str, list[tuple[str, float, str]]]:
    source, folder = tmp_path / "dataset", tmp_path / "snapshot"
    source.mkdir()
    folder.mkdir()
    dataset = dataset_in(source)
    con = duckdb.connect()
    write_items(con, folder, dataset, pd.Series(["b", "c"], dtype=object).to_numpy(), Rules())
    only_d = Draws(np.array(list("abcd"), dtype=object), np.array([0.0, 0.0, 0.0, 0.5]), k=2, every=2, seed=1)
    write_fallbacks(con, folder, dataset, read_catalogue(folder), Rules(), only_d)
    rows = con.execute(f"from '{folder}/fallbacks.parquet' order by segment, rank").fetchall()
    described = con.execute(f"select item_id from '{folder}/items.parquet' where has_content").fetchall()
    assert described == [("b",), ("c",)]
    found: dict[str, list[tuple[str, float, str]]] = {}
    for segment, rank, item, score, origin in rows:
        found.setdefault(segment, []).append((item, score, origin))
        assert rank == len(found[segment])
    return found


def test_segments_hold_what_they_say(segments: dict[str, list[tuple[str, float, str]]]) -> None:
    assert segments == {
        "all": [("a", 3, "popularity"), ("d", 0, "discovery")],  # the only list of strangers that is drawn in
        "topic:news": [("a", 3, "popularity"), ("b", 2, "popularity")],
        "topic:sport": [("c", 1, "popularity")],
        "recent:all": [("b", 2, "topic_recent"), ("c", 1, "topic_recent")],
        "recent:topic:news": [("b", 2, "topic_recent")],
        "recent:topic:sport": [("c", 1, "topic_recent")],
        "surface:home": [("c", 4, "popularity")],
    }
