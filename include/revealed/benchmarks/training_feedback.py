"""Generated feedback for the training benchmarks: a power law on both sides, and tastes, the same for the same seed."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

TESTERS = 5_000
_HELD_BACK = 0.2
_TASTES = 40
_OWN_TASTE = 0.6
_ROWS_AT_ONCE = 1_000_000
# Events happen within this many microseconds: ninety days.
_SPAN_US = 90 * 86_400 * 1_000_000
_SMALLEST_CONFIDENCE, _LARGEST_CONFIDENCE = 1.0, 50.0


@dataclass(frozen=True)
class FeedbackSize:
    """How much feedback to generate; `pairs` is aimed at, and reached but for a few percent.

    Attributes:
        users, items: how many there are to draw from; who is never drawn is not in the file.
        pairs: distinct (user, item) pairs, about.
        seed: of the generator.
    """

    users: int
    items: int
    pairs: int
    seed: int = 7


def write_feedback(size: FeedbackSize, path: Path, test: Path | None = None) -> int:
    """Write a Parquet file with the columns that `read_interactions` reads; return its rows, distinct pairs.

    A user's pairs stand together, as they do in `feedback_user_item`. Memory is bounded by a million rows.

    Args:
        size: how much.
        path: the file to write.
        test: where a fifth of the pairs of the first `TESTERS` users goes instead, if anywhere.
    """
    rows, random = 0, np.random.default_rng(size.seed + 1)
    with contextlib.ExitStack() as open_files:
        train_file = open_files.enter_context(_writer(path))
        test_file = open_files.enter_context(_writer(test)) if test else None
        for users, items, confidence in _pairs(size):
            kept = np.ones(len(users), dtype=bool)
            if test_file is not None:
                kept = (users >= TESTERS) | (random.random(len(users)) >= _HELD_BACK)
                test_file.write_table(_table(users[~kept], items[~kept], confidence[~kept]))
            train_file.write_table(_table(users[kept], items[kept], confidence[kept]))
            rows += int(kept.sum())
    return rows


def _writer(path: Path) -> pq.ParquetWriter:
    return pq.ParquetWriter(path, _SCHEMA, compression="zstd", use_dictionary=["user_id", "item_id"])


_SCHEMA = pa.schema(
    [
        ("user_id", pa.string()),
        ("item_id", pa.string()),
        ("confidence", pa.float64()),
        ("is_consumed", pa.bool_()),
        ("is_hidden", pa.bool_()),
        ("events", pa.int64()),
        ("last_event_at", pa.timestamp("us")),
    ]
)


def _pairs(
    size: FeedbackSize,
) -> Iterator[tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.float64]]]:
    """Yield users, items and confidences, some whole users at a time."""
    random = np.random.default_rng(size.seed)
    scrambled = random.permutation(size.items)
    counts = _activity(random, size)
    ends = np.cumsum(counts)
    cuts = np.unique(np.searchsorted(ends, np.arange(_ROWS_AT_ONCE, ends[-1], _ROWS_AT_ONCE)))
    for some in np.split(np.arange(size.users), cuts):
        user = np.repeat(some, counts[some])
        rank = _ranks(random, user, size.items)
        pair = np.unique(user * np.int64(size.items) + rank)
        liked = np.clip(1 + random.lognormal(1.0, 1.0, len(pair)), _SMALLEST_CONFIDENCE, _LARGEST_CONFIDENCE)
        yield pair // size.items, scrambled[pair % size.items], liked


def _activity(random: np.random.Generator, size: FeedbackSize) -> NDArray[np.int64]:
    """Return how often each user draws an item; a quarter more than wanted, for draws that come twice."""
    weight = 1 + random.pareto(1.3, size.users)
    wanted = 1.27 * size.pairs * weight / weight.sum()
    counts: NDArray[np.int64] = np.clip(np.rint(wanted), 1, size.items // 10).astype(np.int64)
    return counts


def _ranks(random: np.random.Generator, user: NDArray[np.int64], items: int) -> NDArray[np.int64]:
    """Return an item's rank in popularity for each draw: few are drawn often, and six in ten suit the user's taste."""
    rank = (items * random.random(len(user)) ** 2.5).astype(np.int64)
    own = (rank // _TASTES) * _TASTES + user % _TASTES
    suits = (random.random(len(user)) < _OWN_TASTE) & (own < items)
    chosen: NDArray[np.int64] = np.where(suits, own, rank)
    return chosen


def _table(users: NDArray[np.int64], items: NDArray[np.int64], confidence: NDArray[np.float64]) -> pa.Table:
    return pa.table(
        {
            "user_id": _ids("u", users),
            "item_id": _ids("i", items),
            "confidence": confidence,
            "is_consumed": confidence > 2,
            "is_hidden": np.zeros(len(users), dtype=bool),
            "events": np.ones(len(users), dtype=np.int64),
            "last_event_at": (items * 7_919 + users) % _SPAN_US,
        },
        schema=_SCHEMA,
    )


def _ids(letter: str, numbers: NDArray[np.int64]) -> pa.Array:
    """Return ids as text of 8 digits behind a letter; each distinct one is formatted once."""
    distinct, at = np.unique(numbers, return_inverse=True)
    names = pa.array([f"{letter}{number:08d}" for number in distinct.tolist()])
    return names.take(pa.array(at))
