"""The regularisation is chosen on the training fold alone, and well."""

from __future__ import annotations

from pathlib import Path

import duckdb
import numpy as np
import pytest
from planted_world import HOLDOUT_DAYS, World, feedback, settings_in
from test_als_truth import CPU

from revealed.training import tuning
from revealed.training.matrix import Interactions, only, read_interactions
from revealed.training.tuning import Tuning, tune

SPLIT = World.as_of


def fold_file(folder: Path, world: World, *, recent: int) -> Path:
    """The training fold of a world; the likes of the last `recent` of each user's ten items began yesterday."""
    frame = feedback(world, world.train, SPLIT)
    place = frame.groupby("user_id").cumcount()
    frame.loc[(place >= 10 - recent) & (place < 10), "first_event_at"] = SPLIT - np.timedelta64(1, "D")
    path = folder / "fold.parquet"
    duckdb.from_df(frame).write_parquet(str(path))
    return path


def tuned(folder: Path, path: Path) -> tuple[Interactions, Tuning]:
    settings = settings_in(folder)
    fold = read_interactions(settings, path)
    return fold, tune(settings, fold, path, SPLIT, HOLDOUT_DAYS, CPU)


def test_recent_likes_are_held_out_and_the_best_value_wins(tmp_path: Path) -> None:
    _, found = tuned(tmp_path, fold_file(tmp_path, World(), recent=3))
    assert "last 7 days" in found.how
    assert set(found.scores) == set(tuning.GRID)
    best = found.parameters["regularization"]
    assert found.scores[best] == max(found.scores.values()) > 0.1
    # 900 drowns the feedback of 240 people, and the choice must see it.
    assert found.scores[900.0] < found.scores[best]


def test_without_recent_likes_one_in_five_is_drawn_the_same_each_time(tmp_path: Path) -> None:
    path = fold_file(tmp_path, World(), recent=0)
    _, first = tuned(tmp_path, path)
    _, second = tuned(tmp_path, path)
    assert "at random" in first.how
    assert first == second


def test_too_few_people_or_too_many_pairs_leave_the_default(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = fold_file(tmp_path, World(users=12), recent=3)
    _, found = tuned(tmp_path, path)
    assert (found.scores, found.parameters["regularization"]) == ({}, 50.0)
    assert "too few" in found.how
    monkeypatch.setattr(tuning, "LARGEST_TUNED", 10)
    _, found = tuned(tmp_path, path)
    assert "more than 10 pairs" in found.how


def test_what_is_held_out_is_gone_from_what_is_learnt_and_from_what_is_filtered(tmp_path: Path) -> None:
    fold, _ = tuned(tmp_path, fold_file(tmp_path, World(users=40), recent=3))
    held = tuning._drawn_likes(fold)
    rest = tuning._without(fold, held)
    hidden = only(fold.confidence, held)
    assert held.sum() == hidden.nnz > 40
    assert rest.confidence.multiply(hidden).nnz == 0
    assert rest.seen.multiply(hidden).nnz == 0
    assert (rest.confidence + hidden - fold.confidence).nnz == 0
    assert rest.seen.nnz == fold.seen.nnz - hidden.nnz
