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
from revealed.training.search import SPACES
from revealed.training.tuning import Tuning, find_judges, tune

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
    judges = find_judges(settings, fold, path, SPLIT, HOLDOUT_DAYS)
    return fold, tune("als", judges, CPU, settings.tuning)


def test_recent_likes_are_held_out_and_the_best_value_wins(tmp_path: Path) -> None:
    _, found = tuned(tmp_path, fold_file(tmp_path, World(), recent=3))
    assert "last 7 days" in found.how
    scores = {trial["regularization"]: trial["value"] for trial in found.tried}
    assert set(scores) == set(tuning.GRID)
    best = found.parameters["regularization"]
    assert scores[best] == max(scores.values()) > 0.1
    # 900 drowns the feedback of 240 people, and the choice must see it.
    assert scores[900.0] < scores[best]


def test_without_recent_likes_one_in_five_is_drawn_the_same_each_time(tmp_path: Path) -> None:
    path = fold_file(tmp_path, World(), recent=0)
    _, first = tuned(tmp_path, path)
    _, second = tuned(tmp_path, path)
    assert "at random" in first.how
    assert first == second


def test_too_few_people_leave_the_default(tmp_path: Path) -> None:
    _, found = tuned(tmp_path, fold_file(tmp_path, World(users=12), recent=3))
    assert (found.tried, found.parameters["regularization"]) == ([], 50.0)
    assert "too few" in found.how


@pytest.mark.parametrize("model", ["als", "ials"])
def test_a_search_beats_its_worst_trial_and_goes_on_where_it_was(tmp_path: Path, model: str) -> None:
    settings, path = settings_in(tmp_path), fold_file(tmp_path, World(), recent=3)
    judges = find_judges(settings, read_interactions(settings, path), path, SPLIT, HOLDOUT_DAYS)
    told: list[str] = []

    def hear(message: str, done: int = 0, total: int = 0) -> None:
        told.append(f"{message} {done}/{total}")

    first = tune(model, judges, CPU, settings.tuning, trials=6, progress=hear)
    more = tune(model, judges, CPU, settings.tuning, trials=8, progress=hear)
    assert more.tried[:6] == first.tried
    assert [line.rsplit(" ", 1)[1] for line in told] == [f"{n}/6" for n in range(1, 7)] + ["7/8", "8/8"]
    whole = [trial["value"] for trial in more.tried if trial["state"] == "COMPLETE"]
    assert max(whole) > 1.2 * min(whole)
    searched = SPACES[model].keys()
    best = max((t for t in more.tried if t["state"] == "COMPLETE"), key=lambda trial: trial["value"])
    assert {name: more.parameters[name] for name in searched} == {name: best[name] for name in searched}
    assert more.how.startswith("best of 8 trials on the last 7 days")


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
