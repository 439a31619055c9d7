"""What the catalogue says of each item, as numbers: supplied embeddings, or the words of its title, text and topic."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
from numpy.typing import NDArray

from revealed.engines.duckdb import connect, literal
from revealed.settings import Settings
from revealed.training.matrix import Ids, Interactions, positions
from revealed.training.word_features import main_axes, word_weights

# Of texts whose vocabulary is greater, this many axes of the singular value decomposition are kept.
DIMENSIONS = 128
# Rarer words of a great vocabulary are dropped: the matrix stays small, and few items share them.
_LARGEST_VOCABULARY = 50_000
_SEED = 20_260_114
# An item that the kept axes say nothing of has a rest of rounding, which must not be scaled up to length 1.
_NO_LENGTH = 1e-6

_WORDS = re.compile(r"\w+")
_TAKEN_APART = ("title", "text", "topic")
_WHOLE = ("topic", "format", "framing", "author")


@dataclass(frozen=True)
class ItemContent:
    """The catalogue's items (ascending ids) and what is known of each.

    Attributes:
        items: ids of the catalogue, whether anybody has met them or not.
        features: float32 rows of length 1, or of zeros for an item of which nothing is known.
        topics: one topic an item; None where the catalogue names none.
        published_at: datetime64[us], UTC; NaT where unknown.
        made_from: `embeddings` or `words`.
    """

    items: Ids
    features: NDArray[np.float32]
    topics: Ids
    published_at: NDArray[np.datetime64]
    made_from: str

    @property
    def is_described(self) -> NDArray[np.bool_]:
        """Return, for each item, whether anything is known of it."""
        return np.asarray(self.features.any(axis=1))

    def features_of(self, items: Ids) -> NDArray[np.float32]:
        """Return the features of these items as rows; zeros for those that the catalogue does not know."""
        at = positions(items, self.items)
        found = np.zeros((len(items), self.features.shape[1]), dtype=np.float32)
        found[at >= 0] = self.features[at[at >= 0]]
        return found

    def published_before(self, moment: datetime) -> ItemContent:
        """Return the content without items that appeared at the moment or later; undated ones are kept."""
        kept = ~(self.published_at >= np.datetime64(moment, "us"))
        return ItemContent(
            self.items[kept], self.features[kept], self.topics[kept], self.published_at[kept], self.made_from
        )


def with_content(data: Interactions, content: ItemContent) -> Interactions:
    """Return the same interactions with what the catalogue says of items attached."""
    return replace(data, content=content)


def read_item_content(settings: Settings, path: Path, *, dimensions: int = DIMENSIONS) -> ItemContent:
    """Return the content in a dataset's `items.parquet` (the columns of `dim_items`; those that are missing are unknown).

    Where every item has an `embedding`, all of one length, these are the features. Otherwise they are TF-IDF weights
    of the words, brought to `dimensions` axes by truncated singular value decomposition where there are more words
    than that (latent semantic analysis, Deerwester et al. 1990); the same catalogue gives the same features. A word
    of one item alone says of nothing that it is like anything, and does not count.
    """
    con = connect(settings)
    try:
        con.execute(f"create view catalogue as select * from read_parquet({literal(path)})")
        columns = {str(row[0]) for row in con.execute("describe catalogue").fetchall()}
        embeddings = _embeddings(con) if "embedding" in columns else None
        features = _of_words(_texts(con, columns), dimensions) if embeddings is None else embeddings
        topic = "topic" if "topic" in columns else "null"
        published = "published_at" if "published_at" in columns else "null"
        rows = con.execute(
            f"select item_id, cast({topic} as varchar) as topic, cast({published} as timestamp) as published_at"
            " from catalogue order by item_id"
        ).fetchnumpy()
    finally:
        con.close()
    return ItemContent(
        items=np.asarray(rows["item_id"], dtype=object),
        features=_of_length_one(features),
        topics=_texts_or_none(rows["topic"]),
        published_at=_moments(rows["published_at"]),
        made_from="words" if embeddings is None else "embeddings",
    )


def words_of(text: str) -> list[str]:
    """Return the words of a text in lower case: runs of letters, digits and underscores, in any script."""
    return _WORDS.findall(text.lower())


def _texts(con: duckdb.DuckDBPyConnection, columns: set[str]) -> list[list[str]]:
    """Return each item's words. What names the item's kind counts as one word of its own, whatever it is made of."""
    parts = [name if name in columns else "null" for name in (*_TAKEN_APART, *_WHOLE)]
    query = ", ".join(f"cast({part} as varchar)" for part in parts)
    rows = con.execute(f"select {query} from catalogue order by item_id").fetchall()
    return [list(_item_words(row)) for row in rows]


def _item_words(row: Sequence[str | None]) -> Iterator[str]:
    for text in row[: len(_TAKEN_APART)]:
        yield from words_of(text or "")
    for name, value in zip(_WHOLE, row[len(_TAKEN_APART) :], strict=True):
        if value:
            yield f"{name}={value}"


def _of_words(texts: list[list[str]], dimensions: int) -> NDArray[np.float32]:
    weights = word_weights(texts, _LARGEST_VOCABULARY)
    if weights.shape[1] <= dimensions:  # exact, and each axis has a name
        return np.asarray(weights.toarray(), dtype=np.float32)
    return main_axes(weights, min(dimensions, len(texts)), _SEED)


def _embeddings(con: duckdb.DuckDBPyConnection) -> NDArray[np.float32] | None:
    """Return the supplied embeddings as rows; None unless every item has one, all of one length, of finite numbers."""
    row = con.execute(
        "select count(*), count(embedding), min(len(embedding)), max(len(embedding)) from catalogue"
    ).fetchone()
    items, embedded, shortest, longest = row or (0, 0, 0, 0)
    if not items or embedded != items or shortest != longest or not shortest:
        return None
    table = con.execute("select embedding from catalogue order by item_id").to_arrow_table()
    flat = table["embedding"].combine_chunks().flatten().to_numpy(zero_copy_only=False)
    rows = np.asarray(flat, dtype=np.float32).reshape(items, shortest)
    return rows if np.isfinite(rows).all() else None


def _of_length_one(rows: NDArray[np.float32]) -> NDArray[np.float32]:
    lengths = np.linalg.norm(rows.astype(np.float64), axis=1, keepdims=True)
    scaled: NDArray[np.float32] = np.where(
        lengths > _NO_LENGTH, rows / np.maximum(lengths, _NO_LENGTH), 0
    ).astype(np.float32)
    return scaled


def _texts_or_none(column: Any) -> Ids:
    texts = np.array(np.ma.getdata(column), dtype=object)
    texts[np.ma.getmaskarray(np.ma.asarray(column))] = None  # filled(None) would give NumPy's own "?"
    return texts


def _moments(column: Any) -> NDArray[np.datetime64]:
    moments = np.ma.asarray(column).astype("datetime64[us]")  # masked where unknown
    return np.asarray(np.ma.filled(moments, np.datetime64("NaT")), dtype="datetime64[us]")
