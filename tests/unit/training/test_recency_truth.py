"""What was liked lately, and when each pair last happened."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path

import duckdb
import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from planted_world import AS_OF, World, feedback, settings_in
from test_als_truth import CPU, build

from revealed.errors import NoDataError, UsageError
from revealed.training.artifact import load_model, save_model
from revealed.training.matrix import Interactions, interactions, read_interactions
from revealed.training.popularity import Popularity
from revealed.training.protocol import create
from revealed.training.recency import Recency
from revealed.training.tuning import _without


def timed(pairs: list[tuple[int, int, float, float]], users: int = 6, items: int = 4) -> Interactions:
    """Return the data of (user, item, confidence, days)."""
    rows, columns, confidence, days = (np.array(part) for part in zip(*pairs, strict=True))
    return interactions(
        np.array([f"u{n}" for n in range(users)], dtype=object),
        np.array([f"i{n}" for n in range(items)], dtype=object),
        rows.astype(np.int32),
        columns.astype(np.int32),
        confidence.astype(np.float32),
        np.zeros(len(pairs), dtype=bool),
        days,
    )


def scored(data: Interactions, half_life: float) -> list[float]:
    model = Recency(half_life)
    model.fit(data, CPU)
    return [float(score) for score in model.scores]


RISING = [
    (0, 0, 9.0, 6.0),
    (1, 0, 9.0, 6.0),
    (2, 0, 9.0, 8.0),
    (3, 1, 1.5, 0.0),
    (4, 1, 1.5, 2.0),
    (5, 2, -9.0, 0.0),
]


def test_a_like_counts_half_for_every_half_life() -> None:
    """Sizes of confidences play no part, dislikes and items that nobody likes have no score."""
    assert scored(timed(RISING), 2.0) == pytest.approx([2 * 2**-3 + 2**-4, 1 + 2**-1, 0, 0])
    assert scored(timed(RISING), 1e9) == pytest.approx([3, 2, 0, 0])


def test_what_rises_passes_the_old_favourite() -> None:
    data = timed(RISING)
    recent, popular = Recency(2.0), Popularity()
    for model in (recent, popular):
        model.fit(data, CPU)
    orders = [model.order().tolist() for model in (recent, popular)]
    assert orders == [[1, 0], [0, 1]]
    assert recent.recommend(data.confidence, data.confidence, 2).items[0].tolist() == [1, -1]


def test_likes_of_years_ago_still_have_their_order() -> None:
    old = scored(
        timed([(0, 0, 2.0, 0.0), (1, 1, 2.0, 4_000.0), (2, 1, 2.0, 4_000.0), (3, 2, 2.0, 4_000.0)]), 0.5
    )
    assert old[0] > old[1] > old[2] > 0


def test_without_times_there_is_no_recency() -> None:
    with pytest.raises(NoDataError, match="do not say when"):
        Recency().fit(build([0, 1], [0, 1], [1.0, 1.0], 2, 2), CPU)
    for wrong in (0.0, -1.0, float("nan")):
        with pytest.raises(UsageError, match="half-life"):
            Recency(wrong)


def test_saved_and_loaded_whole(tmp_path: Path) -> None:
    model = Recency(3.0)
    model.fit(timed(RISING), CPU)
    loaded, _ = load_model(save_model(tmp_path, model, {}, {}).folder)
    assert isinstance(loaded, Recency)
    assert (loaded.scores == model.scores).all()
    assert (
        loaded.parameters == create("recency", {"half_life_days": 3.0}).parameters == {"half_life_days": 3.0}
    )


entries = st.lists(
    st.tuples(st.integers(0, 5), st.integers(0, 3), st.floats(0.5, 9, width=32), st.floats(0, 900, width=32)),
    min_size=1,
    max_size=40,
)


@given(entries, st.sets(st.integers(0, 3), min_size=2))
def test_each_stored_pair_has_its_own_time(
    pairs: list[tuple[int, int, float, float]], kept: set[int]
) -> None:
    """In any order, the latest of a pair that comes more than once, and over another item space."""
    data = timed(pairs)
    expected: dict[tuple[int, int], float] = {}
    for user, item, _, days in pairs:
        expected[user, item] = min(days, expected.get((user, item), np.inf))
    found = data.confidence.tocoo()
    assert data.latest is not None
    assert dict(zip(zip(found.row, found.col, strict=True), data.latest, strict=True)) == expected
    fewer = data.onto(data.items[sorted(kept)])
    cells = fewer.confidence.tocoo()
    assert fewer.latest is not None
    there = {
        (row, sorted(kept)[column]): days
        for row, column, days in zip(cells.row, cells.col, fewer.latest, strict=True)
    }
    assert there == {cell: days for cell, days in expected.items() if cell[1] in kept}
    held = np.arange(data.confidence.nnz) % 2 == 0
    rest = _without(data, held)
    assert rest.latest is not None
    assert rest.latest.tolist() == data.latest[~held].tolist()


def test_pairs_taken_away_without_their_times_are_refused() -> None:
    data = timed(RISING)
    with pytest.raises(ValueError, match="5 times for 6"):
        Interactions(data.users, data.items, data.confidence, data.seen, np.zeros(5))


@pytest.mark.parametrize("later", [timedelta(0), timedelta(days=400)])
def test_times_are_counted_from_the_newest_event_of_the_file(tmp_path: Path, later: timedelta) -> None:
    """The same feedback a year later is the same model: no clock is read."""
    data = read_interactions(settings_in(tmp_path), _written(tmp_path, AS_OF + later, known=True), times=True)
    assert data.latest is not None
    assert data.latest.min() == 0
    assert sorted(set(np.round(data.latest, 4))) == [0, 1.5, 3, 4.5, 6]
    cells = data.confidence.tocoo()
    assert (data.latest == (cells.row % 5) * 1.5).all()


def test_a_time_that_is_missing_makes_all_unknown(tmp_path: Path) -> None:
    assert (
        read_interactions(settings_in(tmp_path), _written(tmp_path, AS_OF, known=False), times=True).latest
        is None
    )


def _written(folder: Path, as_of: datetime, *, known: bool) -> Path:
    world = World(users=20, items=40)
    frame = feedback(world, world.train, as_of).infer_objects()
    number = frame["user_id"].str[1:].astype(int)
    frame["last_event_at"] = pd.to_datetime(as_of) - pd.to_timedelta((number % 5) * 36, unit="h")
    if not known:
        frame.loc[3, "last_event_at"] = pd.NaT
    path = folder / "pairs.parquet"
    duckdb.from_df(frame.sample(frac=1, random_state=1)).write_parquet(str(path))
    return path
