"""What the catalogue says becomes numbers that mean what they should: likeness of words, or the supplied embeddings."""

from __future__ import annotations

import math
from collections import Counter
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from test_als_truth import planted

from revealed.settings import Settings
from revealed.training.item_content import ItemContent, read_item_content, with_content, words_of

CATALOGUE = pd.DataFrame(
    {
        "item_id": ["d", "a", "b", "c", "e", "f"],
        "title": ["Goals goals", "Late goals", "Élection day", "The day after", None, "xyzzy plugh"],
        "text": ["", "two in the end", "polls close late", "who won", None, None],
        "topic": ["sport", "sport", "politics", "politics", None, None],
        "author": ["ann", None, "ann", "bob", None, None],
        "format": ["video", "video", None, "video", None, None],
        "published_at": pd.to_datetime(["2026-01-04", "2026-01-01", None, "2026-01-03", None, None]),
    }
)


def read(folder: Path, frame: pd.DataFrame, **options: Any) -> ItemContent:
    folder.mkdir(exist_ok=True)
    frame.to_parquet(folder / "items.parquet")
    return read_item_content(Settings(home=folder, project_root=folder), folder / "items.parquet", **options)


def by_hand(frame: pd.DataFrame) -> np.ndarray:
    """Cosines of TF-IDF weights (1 + ln tf)(1 + ln((1 + n) / (1 + df))), words of one item alone left out."""
    bags = []
    for row in frame.sort_values("item_id").to_dict("records"):
        given = {key: value for key, value in row.items() if isinstance(value, str)}
        words = [word for key in ("title", "text", "topic") for word in words_of(given.get(key, ""))]
        words += [f"{key}={given[key]}" for key in ("topic", "format", "author") if key in given]
        bags.append(Counter(words))
    met = Counter(word for bag in bags for word in bag)
    names = sorted(word for word, items in met.items() if items > 1)
    weight = np.array(
        [
            [
                (1 + math.log(bag[word])) * (1 + math.log((1 + len(bags)) / (1 + met[word])))
                if bag[word]
                else 0
                for word in names
            ]
            for bag in bags
        ]
    )
    length = np.linalg.norm(weight, axis=1, keepdims=True)
    unit = weight / np.where(length > 0, length, 1)
    return np.asarray(unit @ unit.T)


def test_likeness_is_the_cosine_of_tf_idf_weights(tmp_path: Path) -> None:
    content = read(tmp_path, CATALOGUE)
    assert content.made_from == "words"
    assert content.items.tolist() == ["a", "b", "c", "d", "e", "f"]
    assert content.features.dtype == np.float32
    np.testing.assert_allclose(content.features @ content.features.T, by_hand(CATALOGUE), atol=1e-6)


def test_items_of_which_nothing_is_known_are_zeros(tmp_path: Path) -> None:
    content = read(tmp_path, CATALOGUE)
    # e has no words at all; f has only words that no other item has.
    assert content.is_described.tolist() == [True, True, True, True, False, False]
    assert np.linalg.norm(content.features, axis=1).round(6).tolist() == [1, 1, 1, 1, 0, 0]
    assert content.topics.tolist() == ["sport", "politics", "politics", "sport", None, None]
    assert np.isnat(content.published_at).tolist() == [False, True, False, False, True, True]


def test_what_appeared_later_can_be_left_out(tmp_path: Path) -> None:
    content = read(tmp_path, CATALOGUE).published_before(datetime.fromisoformat("2026-01-03"))
    assert content.items.tolist() == ["a", "b", "e", "f"]  # c appeared at the moment itself
    assert len(content.features) == len(content.topics) == len(content.published_at) == 4


def many_words(items: int = 300, topics: int = 6) -> pd.DataFrame:
    """Texts of 30 words, nine in ten of the own topic's 60 words."""
    random = np.random.default_rng(3)
    texts = []
    for item in range(items):
        own = random.integers(0, 60, 27) + 60 * (item % topics)
        texts.append(" ".join(f"w{word}" for word in [*own, *random.integers(0, 60 * topics, 3)]))
    return pd.DataFrame({"item_id": [f"i{item:03d}" for item in range(items)], "text": texts})


def test_a_great_vocabulary_becomes_axes_that_keep_topics_apart(tmp_path: Path) -> None:
    content = read(tmp_path, many_words(), dimensions=16)
    assert content.features.shape == (300, 16)
    cosines = content.features @ content.features.T
    same = np.equal.outer(np.arange(300) % 6, np.arange(300) % 6) & ~np.eye(300, dtype=bool)
    assert cosines[same].mean() > 0.6
    assert cosines[~same & ~np.eye(300, dtype=bool)].mean() < 0.1


def test_features_are_the_same_bits_each_time_and_in_any_order(tmp_path: Path) -> None:
    frame = many_words()
    first = read(tmp_path / "1", frame, dimensions=16)
    again = read(tmp_path / "2", frame.sample(frac=1, random_state=1), dimensions=16)
    assert first.features.tobytes() == again.features.tobytes()


def test_supplied_embeddings_are_taken_where_all_items_have_them(tmp_path: Path) -> None:
    vectors = [[3.0, 4.0], [0.0, 2.0], [1.0, 0.0], [0.0, 0.0], [-1.0, 0.0], [1.0, 1.0]]
    content = read(tmp_path, CATALOGUE.assign(embedding=vectors))
    assert content.made_from == "embeddings"
    d = content.items.tolist().index("d")
    np.testing.assert_allclose(content.features[d], [0.6, 0.8], rtol=1e-6)
    assert content.is_described.tolist() == [True, True, False, True, True, True]


@pytest.mark.parametrize("odd", [None, [1.0], [float("nan"), 1.0]])
def test_embeddings_that_do_not_fit_together_give_way_to_words(tmp_path: Path, odd: Any) -> None:
    vectors: list[Any] = [[1.0, 0.0]] * 5 + [odd]
    content = read(tmp_path, CATALOGUE.assign(embedding=vectors))
    assert content.made_from == "words"
    np.testing.assert_allclose(content.features @ content.features.T, by_hand(CATALOGUE), atol=1e-6)


@pytest.mark.parametrize("rows", [0, 1])
def test_a_catalogue_of_next_to_nothing_is_no_error(tmp_path: Path, rows: int) -> None:
    content = read(tmp_path, CATALOGUE[["item_id", "title"]].head(rows).astype("string"))
    assert len(content.items) == rows
    assert not content.is_described.any()


def test_interactions_carry_their_content_and_features_are_found_by_id(tmp_path: Path) -> None:
    content = read(tmp_path, CATALOGUE)
    data = with_content(planted(), content)
    assert data.onto(data.items[:5]).content is content
    features = content.features_of(np.array(["zz", "b"], dtype=object))
    assert not features[0].any()
    assert (features[1] == content.features[1]).all()
