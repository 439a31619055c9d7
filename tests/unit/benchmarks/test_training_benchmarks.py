"""The training benchmarks measure the work that they say, and their lists and models are what the others make."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from revealed.benchmarks import recommend_tasks, training_tasks
from revealed.benchmarks.recommend import SIZES as RECOMMEND_SIZES
from revealed.benchmarks.recommend import bench_recommend
from revealed.benchmarks.training import AGREEING, PARAMETERS, SIZES, _gpu_checks, bench_train
from revealed.benchmarks.training_feedback import FeedbackSize
from revealed.settings import Settings
from revealed.training.artifact import load_model

SMALL = FeedbackSize(800, 300, 12_000)
FITTING = PARAMETERS | {"factors": 16, "iterations": 3}


def test_the_task_saves_the_model_that_the_bare_fit_makes(tmp_path: Path) -> None:
    from implicit.cpu.als import AlternatingLeastSquares
    from scipy.sparse import load_npz

    settings = Settings.from_env({"REVEALED_HOME": str(tmp_path)})
    feedback, test, matrix = (str(tmp_path / name) for name in ("a.parquet", "t.parquet", "a.npz"))
    training_tasks.generate(settings, size=asdict(SMALL), feedback=feedback, test=test)
    training_tasks.matrix(settings, feedback=feedback, keep=matrix)
    found = training_tasks.train_task(
        settings, feedback=feedback, test=test, device="cpu", parameters=FITTING
    )
    (folder,) = settings.models.iterdir()
    saved, _ = load_model(folder)
    bare = AlternatingLeastSquares(
        factors=16, regularization=50.0, iterations=3, alpha=1.0, random_state=FITTING["seed"]
    )
    bare.fit(load_npz(matrix), show_progress=False)
    np.testing.assert_array_equal(saved.item_factors, bare.item_factors)  # type: ignore[attr-defined]  # an ALS
    # The generated tastes can be learned: chance finds 10 of 300 items.
    assert found["metrics"]["recall@10"] > 3 * 10 / 300
    assert set(found["steps"]) == {"read, matrix", "fit", "judge", "save"}
    assert sum(found["steps"].values()) <= found["cpu_s"] + 0.01


@pytest.mark.parametrize(("share", "verdicts"), [(0.02, ["ok", "ok"]), (0.04, ["missed", "missed"])])
def test_a_gpu_that_ranks_otherwise_misses_the_bar(share: float, verdicts: list[str]) -> None:
    metrics: dict[str, Any] = dict.fromkeys(AGREEING, 0.2)
    parts: dict[str, Any] = {
        "train task": {"metrics": metrics},
        "train task, GPU": {"metrics": {name: value * (1 - share) for name, value in metrics.items()}},
        "bare fit": {"wall_s": 5.3},
        "bare fit, GPU": {"wall_s": 0.6},
    }
    assert [check.verdict for check in _gpu_checks(parts)] == [*verdicts, ""]


def test_every_way_gives_the_same_lists(tmp_path: Path) -> None:
    settings = Settings.from_env({"REVEALED_HOME": str(tmp_path)})
    folder = str(tmp_path)
    recommend_tasks.fit_factors(settings, size=asdict(SMALL), factors=16, users=200, folder=folder)
    for items, folded in (("fitted", False), ("fitted", True), ("equal", False)):
        lists: dict[str, Any] = {"folder": folder, "items": items, "folded": folded}
        recommend_tasks.by_implicit(settings, k=20, **lists)
        recommend_tasks.by_ours(settings, k=20, **lists)
        found = recommend_tasks.compare_lists(settings, **lists)
        assert found["apart"] == 0
        assert found["same"] > 0.99


@pytest.mark.slow
def test_the_train_table() -> None:
    figures = bench_train(SIZES["tiny"])
    assert [row["part"] for row in figures["parts"]] == ["matrix", "bare fit", "train task", "larger matrix"]
    assert {check["verdict"] for check in figures["checks"]} == {"too small"}


@pytest.mark.slow
def test_the_recommend_table() -> None:
    figures = bench_recommend(RECOMMEND_SIZES["tiny"])
    assert len(figures["ways"]) == 8
    assert figures["shape"]["users"] == 700
