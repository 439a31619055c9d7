"""The matrices are the pairs of the file, whatever the order that these stand in."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from revealed.benchmarks.training_feedback import FeedbackSize, write_feedback
from revealed.settings import Settings
from revealed.training.matrix import interactions, read_interactions
from revealed.training.pair_matrices import LARGEST_CONFIDENCE


@given(seed=st.integers(0, 2**32 - 1), has_repeats=st.booleans())
def test_pairs_in_any_order_are_the_dense_matrix(seed: int, has_repeats: bool) -> None:
    random = np.random.default_rng(seed)
    users, items = random.integers(2, 12, 2)
    pairs = random.permutation(users * items)[: random.integers(1, users * items + 1)]
    pairs = np.concatenate([pairs, pairs[: len(pairs) // 2]]) if has_repeats else pairs
    values = random.choice([-2.0, 0.5, 3.0, 1e6, -1e6], len(pairs)).astype(np.float32)
    values[0] = 1
    seen = random.random(len(pairs)) < 0.5
    rows, columns = (part.astype(np.int32) for part in np.divmod(pairs, items))
    names = [np.array([f"{n:03d}" for n in range(count)], dtype=object) for count in (users, items)]
    days = random.integers(0, 50, len(pairs)).astype(np.float32)
    data = interactions(*names, rows, columns, values, seen, days)
    dense, dense_seen = np.zeros((users, items)), np.zeros((users, items))
    np.add.at(dense, (rows, columns), np.clip(values, -LARGEST_CONFIDENCE, LARGEST_CONFIDENCE))
    np.add.at(dense_seen, (rows, columns), seen)
    np.testing.assert_array_equal(data.confidence.toarray(), dense)
    np.testing.assert_array_equal(data.seen.toarray(), dense_seen)
    fewest: dict[tuple[int, int], float] = {}
    for row, column, day_ in zip(rows.tolist(), columns.tolist(), days.tolist(), strict=True):
        fewest[row, column] = min(day_, fewest.get((row, column), day_))
    assert data.latest is not None
    assert data.latest.tolist() == [fewest[cell] for cell in sorted(fewest)]
    stored = fewest.keys()
    assert data.confidence.nnz == len(stored)
    for matrix in (data.confidence, data.seen):
        assert (matrix.data.dtype, matrix.indices.dtype, matrix.indptr.dtype) == (
            np.float32,
            np.int32,
            np.int32,
        )
        steps = np.diff(matrix.indices)
        within = np.setdiff1d(np.arange(len(steps)), matrix.indptr[1:-1] - 1)
        assert (steps[within] > 0).all()


def day(number: int) -> datetime:
    return datetime(2026, 1, number)  # noqa: DTZ001 (as the file has it: UTC without a zone)


def feedback(path: Path, rows: list[tuple[object, ...]]) -> Path:
    names = ("user_id", "item_id", "confidence", "is_consumed", "is_hidden", "events", "last_event_at")
    columns = dict(zip(names, map(list, zip(*rows, strict=True)), strict=True))
    pq.write_table(pa.table(columns), path)
    return path


def test_a_file_is_read_as_it_stands(tmp_path: Path) -> None:
    path = feedback(
        tmp_path / "pairs.parquet",
        [
            ("u2", "i1", 4.0, True, False, 1, day(4)),
            ("u1", "i3", -1.0, False, False, 0, day(3)),  # scrolled past: may be shown again
            ("u1", "i1", -2.0, False, False, 3, day(2)),  # disliked by an act
            (None, "i9", 7.0, True, False, 1, day(5)),
            ("u2", "i3", 5.0, None, None, None, day(1)),
        ],
    )
    settings = Settings.from_env({"REVEALED_HOME": str(tmp_path)})
    assert read_interactions(settings, path).latest is None
    data = read_interactions(settings, path, times=True)
    assert data.users.tolist() == ["u1", "u2"]
    assert data.items.tolist() == ["i1", "i3", "i9"]
    assert data.confidence.toarray().tolist() == [[-2, -1, 0], [4, 5, 0]]
    assert data.seen.toarray().tolist() == [[1, 0, 0], [1, 0, 0]]
    assert data.latest is not None
    assert data.latest.tolist() == [3, 2, 1, 4]


@pytest.mark.parametrize("seed", [1, 2])
def test_generated_feedback_is_the_same_again_and_a_power_law(tmp_path: Path, seed: int) -> None:
    size = FeedbackSize(2_000, 500, 40_000, seed=seed)
    files = [tmp_path / name for name in ("a.parquet", "b.parquet")]
    rows = [write_feedback(size, file) for file in files]
    assert files[0].read_bytes() == files[1].read_bytes()
    assert rows[0] == rows[1] == pq.read_metadata(files[0]).num_rows
    data = read_interactions(Settings.from_env({"REVEALED_HOME": str(tmp_path)}), files[0])
    assert data.confidence.nnz == rows[0]
    assert 0.4 < rows[0] / size.pairs < 1.1
    likes = np.sort(data.likes)[::-1]
    assert likes[:50].sum() > 0.25 * likes.sum()  # a tenth of the items
    held_back = tmp_path / "test.parquet"
    kept = write_feedback(size, files[1], held_back)
    assert kept + pq.read_metadata(held_back).num_rows == rows[0]
