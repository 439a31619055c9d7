"""Anybody's split: what is read, what is refused, how it is tuned, and that the figures are those of plain loops."""

from __future__ import annotations

import json
import math
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from test_als_truth import planted

from revealed.errors import InvalidInputError, MissingInputError, NoDataError
from revealed.settings import Settings
from revealed.training import split_tuning
from revealed.training.split_files import Split, read_split
from revealed.training.split_tuning import hold_out, tune_ials

SETTINGS = Settings.from_env()


def written(path: Path, rows: list[dict[str, Any]]) -> Path:
    pq.write_table(pa.Table.from_pylist(rows), path)
    return path


def world(folder: Path, *, times: bool = False) -> tuple[Path, Path]:
    """The planted tastes: ten of everybody's likes to learn from, two to foresee."""
    pairs = planted(seed=3, users=300).confidence.tocoo()
    train, test = [], []
    for number, (user, item) in enumerate(zip(pairs.row, pairs.col, strict=True)):
        row: dict[str, Any] = {"user_id": int(user), "item_id": f"i{item}"}
        if times:
            row["timestamp"] = 1_700_000_000_000_000 + number * 7_919 % 5_003
        (test if number % 6 == 0 else train).append(row)
    if times:
        table = pa.Table.from_pylist(train)
        stamped = table["timestamp"].cast(pa.timestamp("us"))
        pq.write_table(table.set_column(2, "timestamp", stamped), folder / "train.parquet")
    else:
        written(folder / "train.parquet", train)
    return folder / "train.parquet", written(folder / "test.parquet", test)


def test_a_split_is_read_as_it_stands(tmp_path: Path) -> None:
    train = written(
        tmp_path / "train.parquet",
        [
            {"user_id": "b", "item_id": "y", "confidence": 2.0},
            {"user_id": "a", "item_id": "x", "confidence": 1.0},
            {"user_id": "a", "item_id": "x", "confidence": 3.0},
        ],
    )
    test = written(
        tmp_path / "test.parquet",
        [
            {"user_id": "a", "item_id": "z"},
            {"user_id": "c", "item_id": "x"},
            {"user_id": "b", "item_id": "y"},
        ],
    )
    split = read_split(SETTINGS, train, test)
    assert split.train.users.tolist() == ["a", "b", "c"]
    assert split.train.items.tolist() == ["x", "y", "z"]
    # 4 and 2, over their mean.
    assert split.train.confidence.toarray() == pytest.approx(np.array([[4, 0, 0], [0, 2, 0], [0, 0, 0]]) / 3)
    assert split.testers.tolist() == [0, 2]
    assert split.relevance.toarray().tolist() == [[0, 0, 1], [1, 0, 0]]
    assert (split.repeated, split.latest) == (1, None)


def test_files_that_are_no_split(tmp_path: Path) -> None:
    train, test = world(tmp_path)
    with pytest.raises(MissingInputError):
        read_split(SETTINGS, tmp_path / "nowhere.parquet", test)
    with pytest.raises(InvalidInputError, match="missing: item_id"):
        read_split(SETTINGS, written(tmp_path / "odd.parquet", [{"user_id": 1, "thing": 2}]), test)
    with pytest.raises(NoDataError, match="every pair of the test file"):
        read_split(SETTINGS, train, train)
    negative = written(tmp_path / "no.parquet", [{"user_id": 1, "item_id": "i1", "confidence": -1.0}])
    with pytest.raises(InvalidInputError, match="not positive"):
        read_split(SETTINGS, negative, test)


def split_of(folder: Path, *, times: bool = False) -> Split:
    return read_split(SETTINGS, *world(folder, times=times))


def test_the_last_tenth_is_held_out_where_there_are_times(tmp_path: Path) -> None:
    split = split_of(tmp_path, times=True)
    held = hold_out(split)
    assert split.latest is not None
    cut = np.quantile(split.latest, 0.9)
    kept = held.rest.confidence.nnz
    assert split.train.confidence.nnz - kept == pytest.approx(0.1 * split.train.confidence.nnz, rel=0.02)
    later = split.train.confidence.copy()
    later.data = split.latest
    assert later.multiply(held.rest.confidence > 0).max() <= cut


def test_without_times_a_tenth_is_drawn_and_nobody_loses_everything(tmp_path: Path) -> None:
    split = split_of(tmp_path)
    held = hold_out(split)
    away = split.train.confidence.nnz - held.rest.confidence.nnz
    assert away == pytest.approx(0.1 * split.train.confidence.nnz, rel=0.2)
    assert (np.diff(held.rest.confidence.indptr)[held.judges] > 0).all()
    assert held.relevance.nnz == away
    assert not held.relevance.multiply(held.rest.confidence[held.judges]).nnz


def test_tuning_beats_a_bad_default_and_goes_on_where_it_was(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(split_tuning, "SEARCHED_FACTORS", 8)
    split, told = split_of(tmp_path), []

    def progress(message: str, done: int = 0, total: int = 0) -> None:
        told.append(message)

    first = tune_ials(split, tmp_path / "tuning", trials=4, factors=8)
    assert len(first.trials) == 4
    more = tune_ials(split, tmp_path / "tuning", trials=8, factors=8, progress=progress)
    assert [trial["regularization"] for trial in more.trials[:4]] == [
        trial["regularization"] for trial in first.trials
    ]
    assert len(more.trials) == 8
    assert len(told) == 4 + 2
    assert more.score >= first.score
    worst = min(trial["value"] for trial in more.trials if trial["state"] == "COMPLETE")
    assert more.score > worst


def test_what_the_command_prints_is_what_plain_loops_count(tmp_path: Path) -> None:
    train, test = world(tmp_path)
    command = [
        str(Path(sys.executable).with_name("revealed")),
        "evaluate",
        "ranking",
        "--json",
        "--factors",
        "8",
    ]
    words = ["--train", str(train), "--test", str(test)]
    told = json.loads(subprocess.run([*command, *words], capture_output=True, check=True).stdout)
    seen: dict[str, set[str]] = {}
    count: dict[str, int] = {}
    for row in pq.read_table(train).to_pylist():
        seen.setdefault(str(row["user_id"]), set()).add(row["item_id"])
        count[row["item_id"]] = count.get(row["item_id"], 0) + 1
    wanted: dict[str, set[str]] = {}
    for row in pq.read_table(test).to_pylist():
        wanted.setdefault(str(row["user_id"]), set()).add(row["item_id"])
    order = sorted(count, key=lambda item: (-count[item], item))
    recalls, gains = [], []
    for user, items in wanted.items():
        top = [item for item in order if item not in seen.get(user, set())][:20]
        hits = [place for place, item in enumerate(top) if item in items]
        recalls.append(len(hits) / len(items))
        ideal = sum(1 / math.log2(place + 2) for place in range(min(20, len(items))))
        gains.append(sum(1 / math.log2(place + 2) for place in hits) / ideal)
    baseline = told["baselines"]["popularity"]
    assert baseline["recall@20"] == pytest.approx(np.mean(recalls), abs=1e-6)
    assert baseline["ndcg@20"] == pytest.approx(np.mean(gains), abs=1e-6)
    assert told["recall@20"] > 1.3 * baseline["recall@20"]
    assert told["parameters"]["factors"] == 8
    assert told["popularity_lift@10"] < baseline["popularity_lift@10"]
    assert 0 < baseline["diversity@10"] < 1
    cohorts = {(cohort["side"], cohort["name"]): cohort for cohort in told["cohorts"]}
    for side in ("user", "item"):
        pairs = sum(cohort["test_pairs"] for (which, _), cohort in cohorts.items() if which == side)
        assert pairs == told["test_pairs"]
    people = sum(cohort["users"] for (side, _), cohort in cohorts.items() if side == "user")
    assert people == told["test_users"]
    better = next(found for found in told["differences"] if found["model"] == "ials")
    assert better["low"] > 0
