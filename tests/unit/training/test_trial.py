"""The trial is fair: same people, nothing foreseen, everything counted; and it survives a GPU that gives out."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import duckdb
import numpy as np
import pytest
from planted_world import AS_OF, World, feedback, settings_in, write_warehouse
from test_als_truth import fitted, planted

from revealed.errors import NoDataError, UsageError
from revealed.feedback import write_dataset
from revealed.training import als, detect_device, holdout
from revealed.training.als import ImplicitALS
from revealed.training.device import Device
from revealed.training.holdout import read_history, read_holdout
from revealed.training.matrix import read_interactions
from revealed.training.retreat import fit_with_retreat


def test_holdout_counts_every_known_user_and_every_liked_item(tmp_path: Path) -> None:
    settings, world = settings_in(tmp_path / "home"), World(users=30, items=40)
    world.test.extend(
        [(99, 1), (98, 2), (98, 3), (0, 77)]
    )  # two newcomers, and an item that only the test knows
    dataset = write_dataset(settings, write_warehouse(tmp_path / "w.duckdb", world))
    fold = read_interactions(settings, dataset.file("fold_train.parquet"))
    found = read_holdout(settings, dataset, fold, [])
    assert found.newcomers == 2
    assert len(found.rows) == 30
    likes = {
        (fold.users[found.rows[row]], found.space[column])
        for row, column in zip(*found.relevance.nonzero(), strict=True)
    }
    assert likes == {(f"u{user:04d}", f"i{item:04d}") for user, item in world.test if user < 90}
    assert not set(fold.confidence.toarray().nonzero()[0]) - set(range(30))


def with_maturity(path: Path, hours: int, young: list[tuple[int, int]]) -> Path:
    """Give the warehouse a policy with a window, and let some test pairs begin on the last day."""
    con = duckdb.connect(str(path))
    con.execute("alter table policy.signal_policy add column maturity_window_hours integer default 720")
    con.execute("alter table policy.signal_policy add column strength_rule varchar default 'none'")
    con.execute("alter table policy.signal_policy add column is_consuming boolean default true")
    con.execute(
        f"update policy.signal_policy set maturity_window_hours = {hours}, strength_rule = 'engaged_time'"
        " where event_type = 'click'"
    )
    for user, item in young:
        con.execute(
            "update marts.feedback_fold_test set first_event_at = $at where user_id = $user and item_id = $item",
            {"at": AS_OF - timedelta(hours=hours - 1), "user": f"u{user:04d}", "item": f"i{item:04d}"},
        )
    con.close()
    return path


def test_a_pair_too_young_to_be_judged_is_left_out_and_counted(tmp_path: Path) -> None:
    settings, world = settings_in(tmp_path / "home"), World(users=30, items=40)
    young = world.test[:3]
    dataset = write_dataset(settings, with_maturity(write_warehouse(tmp_path / "w.duckdb", world), 24, young))
    assert dataset.folds["test"]["maturity_hours"] == 24
    assert dataset.folds["test"]["first_event_until"] == (AS_OF - timedelta(hours=24)).isoformat()
    fold = read_interactions(settings, dataset.file("fold_train.parquet"))
    found = read_holdout(settings, dataset, fold, [])
    assert found.immature == 3
    likes = {
        (fold.users[found.rows[row]], found.space[column])
        for row, column in zip(*found.relevance.nonzero(), strict=True)
    }
    assert likes == {(f"u{user:04d}", f"i{item:04d}") for user, item in world.test[3:]}


def test_a_test_that_is_all_too_young_says_so(tmp_path: Path) -> None:
    settings, world = settings_in(tmp_path / "home"), World(users=30, items=40)
    path = with_maturity(write_warehouse(tmp_path / "w.duckdb", world), 24 * 7, [])
    dataset = write_dataset(settings, path)
    fold = read_interactions(settings, dataset.file("fold_train.parquet"))
    with pytest.raises(NoDataError, match=r"(?s)120 pairs are too young.*REVEALED_HOLDOUT_DAYS to more"):
        read_holdout(settings, dataset, fold, [])


def test_a_dataset_that_knows_no_window_is_tested_whole(tmp_path: Path) -> None:
    settings, world = settings_in(tmp_path / "home"), World(users=30, items=40)
    dataset = write_dataset(settings, write_warehouse(tmp_path / "w.duckdb", world))
    for folds in (dataset.folds, {}):
        older = replace(dataset, folds=folds)
        fold = read_interactions(settings, older.file("fold_train.parquet"))
        found = read_holdout(settings, older, fold, [])
        assert (found.immature, found.relevance.nnz) == (0, len(world.test))


def test_the_history_knows_topics_and_new_items_of_the_holdout_s_space(tmp_path: Path) -> None:
    settings, world = settings_in(tmp_path / "home"), World(users=30, items=40)
    world.test.append((0, 77))  # an item that only the test knows, and no catalogue
    path = write_warehouse(tmp_path / "w.duckdb", world)
    con = duckdb.connect(str(path))
    split = AS_OF - timedelta(days=7)
    for item, published in (("i0004", split - timedelta(days=7)), ("i0005", split - timedelta(days=8))):
        con.execute("update marts.dim_items set published_at = ? where item_id = ?", [published, item])
    con.execute("update marts.dim_items set topic = null where item_id = 'i0006'")
    con.execute("update marts.dim_items set published_at = null where item_id = 'i0007'")
    con.close()
    dataset = write_dataset(settings, path)
    fold = read_interactions(settings, dataset.file("fold_train.parquet"))
    holdout = read_holdout(settings, dataset, fold, [])
    found = read_history(settings, dataset, fold, holdout)
    assert found.topics is not None
    assert found.is_new is not None
    assert holdout.space[found.is_new].tolist() == ["i0004"]
    codes = dict(zip(holdout.space, found.topics.tolist(), strict=True))
    assert (codes["i0006"], codes["i0077"]) == (-1, -1)
    assert {codes[f"i{item:04d}"] for item in range(0, 40, 3) if item != 6} == {codes["i0000"]}
    assert len({codes["i0000"], codes["i0001"], codes["i0002"]}) == 3
    own = found.likes_of_testers()
    assert own.shape == holdout.relevance.shape
    assert {holdout.space[column] for column in own[0].indices} == {
        f"i{item:04d}" for user, item in world.train if user == 0
    }


def test_a_large_test_is_a_fixed_draw(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(holdout, "LARGEST_TEST", 10)
    settings = settings_in(tmp_path / "home")
    dataset = write_dataset(settings, write_warehouse(tmp_path / "w.duckdb", World(users=30, items=40)))
    fold = read_interactions(settings, dataset.file("fold_train.parquet"))
    first, second = (read_holdout(settings, dataset, fold, []) for _ in range(2))
    assert first.rows.tolist() == second.rows.tolist()
    assert (len(first.rows), first.relevance.shape[0], first.relevance.nnz) == (10, 10, 40)


def test_a_test_without_known_users_says_what_to_do(tmp_path: Path) -> None:
    settings, world = settings_in(tmp_path / "home"), World(users=30, items=40)
    world.test[:] = [(99, 1)]
    dataset = write_dataset(settings, write_warehouse(tmp_path / "w.duckdb", world))
    fold = read_interactions(settings, dataset.file("fold_train.parquet"))
    with pytest.raises(NoDataError, match="REVEALED_HOLDOUT_DAYS"):
        read_holdout(settings, dataset, fold, [])


def test_matrix_is_the_mart_cell_by_cell(tmp_path: Path) -> None:
    settings, world = settings_in(tmp_path / "home"), World(users=30, items=40)
    dataset = write_dataset(settings, write_warehouse(tmp_path / "w.duckdb", world))
    data = read_interactions(settings, dataset.file("fold_train.parquet"))
    expected = {(f"u{u:04d}", f"i{i:04d}"): 1 + 10 * (1.0 + u % 2) for u, i in world.train}
    seen = set(expected)
    taken = {item for user, item in world.train if user == 0}
    if 1 not in taken:  # hidden: a dislike, and filtered
        expected["u0000", "i0001"] = -21.0
        seen.add(("u0000", "i0001"))
    if 2 not in taken:  # scrolled past: a weak dislike, and may be shown again
        expected["u0000", "i0002"] = pytest.approx(-1.2)
    cells = data.confidence.tocoo()
    found = {
        (data.users[r], data.items[c]): float(v)
        for r, c, v in zip(cells.row, cells.col, cells.data, strict=True)
    }
    assert found == expected
    assert {(data.users[r], data.items[c]) for r, c in zip(*data.seen.nonzero(), strict=True)} == seen
    assert data.users.tolist() == sorted(data.users)
    assert data.confidence.dtype == np.float32
    assert dataset.as_of == AS_OF


def test_a_gpu_that_gives_out_is_told_and_the_cpu_gives_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    real = als._solver

    def solver(parameters: dict[str, object], confidence: object, device: Device) -> object:
        if device.name == "gpu":
            raise RuntimeError("out of memory")
        return real(parameters, confidence, device)

    monkeypatch.setattr(als, "_solver", solver)
    data, model = planted(), ImplicitALS(factors=8, regularization=1.0)
    where = fit_with_retreat(model, data, Device("gpu", "found"))
    assert where.name == "cpu"
    assert "out of memory" in where.reason
    assert (model.item_factors == fitted(data).item_factors).all()
    with pytest.raises(RuntimeError):
        fit_with_retreat(ImplicitALS(), data, Device("gpu", "asked for", is_forced=True))


def test_the_device_says_why(tmp_path: Path) -> None:
    assert detect_device(settings_in(tmp_path, device="cpu")) == Device(
        "cpu", "asked for by REVEALED_DEVICE", True
    )
    found = detect_device(settings_in(tmp_path, device="auto"))
    assert found.reason
    if found.name == "cpu":
        with pytest.raises(UsageError, match="no GPU"):
            detect_device(settings_in(tmp_path, device="gpu"))


@pytest.mark.parametrize(
    ("confidence", "is_consumed", "is_hidden", "events", "is_seen"),
    [
        (5.0, True, False, 1, True),
        (5.0, False, True, 2, True),  # saved it once, hid it later
        (5.0, False, False, 1, False),  # put it into the cart: may be shown again
        (-5.0, False, False, 1, True),
        (-1.2, False, False, 0, False),  # scrolled past
    ],
)
def test_what_may_be_shown_again(
    tmp_path: Path, confidence: float, is_consumed: bool, is_hidden: bool, events: int, is_seen: bool
) -> None:
    frame = feedback(World(users=4, items=20), World(users=4, items=20).train, AS_OF)
    columns = ["confidence", "is_consumed", "is_hidden", "events"]
    frame.loc[0, columns] = [confidence, is_consumed, is_hidden, events]
    path = tmp_path / "pairs.parquet"
    duckdb.from_df(frame.infer_objects()).write_parquet(str(path))
    data = read_interactions(settings_in(tmp_path), path)
    user, item = (
        int(np.flatnonzero(ids == frame[key][0])[0])
        for ids, key in ((data.users, "user_id"), (data.items, "item_id"))
    )
    assert bool(data.seen[user, item]) is is_seen
    assert data.confidence[user, item] == pytest.approx(confidence)
