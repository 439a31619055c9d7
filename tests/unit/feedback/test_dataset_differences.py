"""What two datasets differ in is counted right, and said why; what may be removed is, and nothing else."""

from __future__ import annotations

import dataclasses
import json
import sys
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import duckdb
import pytest
from planted_world import World, item_id, settings_in, user_id, write_warehouse

from revealed.cli import main
from revealed.errors import MissingInputError, UsageError
from revealed.feedback import (
    DatasetManifest,
    compare_datasets,
    find_dataset,
    list_datasets,
    prune_datasets,
    read_dataset,
    write_dataset,
)
from revealed.settings import Settings

SMALL = World(users=12, items=20)


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return settings_in(tmp_path / "home", keep_datasets=1)


def written(settings: Settings, world: World = SMALL, *statements: str) -> DatasetManifest:
    """The dataset of the planted world after these changes by hand."""
    path = settings.home / "w" / f"{abs(hash((world.seed, statements)))}" / "warehouse.duckdb"
    if not path.exists():
        write_warehouse(path, world)
        con = duckdb.connect(str(path))
        for statement in statements:
            con.execute(statement)
        con.close()
    return write_dataset(settings, path)


def of_file(found: dict[str, Any], name: str) -> dict[str, Any]:
    (line,) = [line for line in found["files"] if line["file"] == f"{name}.parquet"]
    return dict(line)


def test_rows_are_told_apart_by_key_and_every_column_but_the_stamps(settings: Settings) -> None:
    before = written(settings)
    mine = f"where user_id = '{user_id(1)}'"
    new = f"select * replace ('new' as user_id) from marts.feedback_user_item {mine} limit 3"
    after = written(
        settings,
        SMALL,
        f"insert into marts.feedback_user_item {new}",
        f"delete from marts.feedback_user_item where user_id = '{user_id(2)}'",
        f"update marts.feedback_user_item set confidence = confidence + 4 {mine}",
        f"update marts.feedback_user_item set preference = 0, confidence = -3 where user_id = '{user_id(3)}'",
        "update marts.feedback_user_item set as_of = as_of + interval 1 day, policy_version = '2026-02'",
        "alter table marts.dim_items add column colour varchar",
        f"update marts.dim_items set title = null where item_id = '{item_id(1)}'",
    )
    found = compare_datasets(settings, before, after)
    per_user = 14
    lines = of_file(found, "interactions")
    assert (lines["added"], lines["removed"], lines["changed"]) == (3, per_user, 2 * per_user)
    assert lines["after"] - lines["before"] == 3 - per_user
    items = of_file(found, "items")
    assert (items["added"], items["removed"], items["changed"], items["columns"]) == (0, 0, 1, "+colour")
    train = of_file(found, "fold_train")
    assert (train["added"], train["removed"], train["changed"]) == (0, 0, 0)
    assert found["people"] == {"new": 1, "gone": 1}
    moved = found["confidence"]
    assert moved["preference_flipped"] == per_user
    assert moved["pairs"] == lines["before"] - per_user
    assert (moved["change"]["median"], moved["change"]["max"]) == (0.0, 4.0)
    assert moved["change"]["min"] < -3


def test_the_way_back_is_the_mirror_image(settings: Settings) -> None:
    first, second = written(settings), written(settings, World(users=13, items=21, seed=6))
    there, back = compare_datasets(settings, first, second), compare_datasets(settings, second, first)
    for one, other in zip(there["files"], back["files"], strict=True):
        assert (one["added"], one["removed"], one["changed"]) == (
            other["removed"],
            other["added"],
            other["changed"],
        )
    assert there["people"] == {"new": back["people"]["gone"], "gone": back["people"]["new"]}


def test_a_dataset_does_not_differ_from_itself(settings: Settings) -> None:
    only = written(settings)
    found = compare_datasets(settings, only, only)
    assert found["because"] == []
    assert {line[what] for line in found["files"] for what in ("added", "removed", "changed")} == {0}
    assert set(found["confidence"]["change"].values()) == {0.0}


def test_every_reason_is_named(settings: Settings) -> None:
    before = written(settings)
    after = dataclasses.replace(
        before,
        as_of=before.as_of + timedelta(days=2),
        policy_version="2026-02",
        warehouse=before.warehouse | {"project_digest": "other"},
        parameters=before.parameters | {"negatives": before.parameters["negatives"] | {"seed": 9}},
        inputs={"files": 2, "digest": "x", "sha256": ["a", "c"]},
    )
    assert compare_datasets(settings, before, after)["because"] == [
        "as of 2026-02-03 00:00 instead of 2026-02-01 00:00 (+2 days)",
        "signal policy 2026-02 instead of 2026-01",
        "other models, macros or seeds: the rules that compute the marts were edited",
        "negatives.seed 9 instead of 0",
        "1 source files more, 1 fewer",
    ]


def test_another_setting_is_another_dataset(settings: Settings) -> None:
    one = written(settings)
    other = written(dataclasses.replace(settings, negatives_seed=5))
    fewer = written(dataclasses.replace(settings, negatives_per_positive=0))
    assert len({one.version, other.version, fewer.version}) == 3
    assert fewer.rows_of("negatives.parquet") == 0
    assert one.files["interactions.parquet"] == other.files["interactions.parquet"]


def test_the_manifest_says_inputs_parameters_and_folds(settings: Settings) -> None:
    found = written(settings)
    assert found.inputs["sha256"] == ["a", "b"]
    assert found.parameters["negatives"] == {
        "strategy": "uniform",
        "exponent": 0.0,
        "per_positive": 4,
        "seed": 0,
    }
    assert found.parameters["holdout_days"] == 7
    assert found.folds["gap_days"] == 0
    assert found.folds["train"]["received_before"] == found.split.isoformat()
    assert found.folds["test"]["rows"] == found.rows_of("fold_test.parquet")
    assert read_dataset(settings, found.version) == found


def test_a_version_is_found_by_its_first_digits(settings: Settings) -> None:
    first, second = written(settings), written(settings, World(users=12, items=20, seed=6))
    assert find_dataset(settings, first.version[:6]) == first
    assert find_dataset(settings) == second
    with pytest.raises(MissingInputError, match="zz"):
        find_dataset(settings, "zz")
    with pytest.raises(MissingInputError):
        find_dataset(settings, f"../datasets/{first.version}")
    first.path.rename(first.path.with_name("f00d1"))
    second.path.rename(second.path.with_name("f00d2"))
    with pytest.raises(UsageError, match="f00d1, f00d2"):
        find_dataset(settings, "f00d")


def test_old_datasets_go_unless_something_names_them(settings: Settings) -> None:
    used, old, newest = (written(settings, World(users=12, items=20, seed=seed)) for seed in (5, 6, 7))
    later = written(
        settings, World(users=12, items=20, seed=8, as_of=SMALL.as_of + timedelta(days=1))
    )  # knows most
    written(settings, World(users=12, items=20, seed=7))  # the newest written: what training would read
    assert find_dataset(settings) == newest
    assert prune_datasets(settings, {used.version}) == [old.path]
    assert {found.version for found in list_datasets(settings)} == {
        used.version,
        newest.version,
        later.version,
    }
    assert not old.path.exists()
    assert list(settings.datasets.glob(".*")) == []
    assert prune_datasets(settings, {used.version}) == []


@dataclasses.dataclass(frozen=True)
class Done:
    """What a command did."""

    returncode: int
    stdout: str
    stderr: str


@pytest.fixture
def command(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Callable[..., Done]:
    """Run `revealed dataset ...` as a shell would, in this process: starting Python fifteen times is slow."""
    monkeypatch.setenv("REVEALED_HOME", str(settings.home))

    def run(*words: str) -> Done:
        monkeypatch.setattr(sys, "argv", ["revealed", "dataset", *words])
        with pytest.raises(SystemExit) as ended:
            main()
        said = capsys.readouterr()
        return Done(int(ended.value.code or 0), said.out, said.err)

    return run


def test_commands_show_what_is_there_and_refuse_what_is_not(
    settings: Settings, command: Callable[..., Done]
) -> None:
    assert "no dataset" in command("list").stdout
    assert command("show").returncode == 7
    first, second = written(settings), written(settings, World(users=12, items=20, seed=6))
    listed = json.loads(command("list", "--json").stdout)["datasets"]
    assert [line["version"] for line in listed] == [first.version, second.version]
    assert listed[0]["interactions"] == first.rows
    shown = json.loads(command("show", first.version[:8], "--json", "--sample", "3").stdout)
    assert shown["version"] == first.version
    assert len(shown["sample"]["interactions.parquet"]) == 3
    text = command("show").stdout
    assert second.version in text
    assert "negatives.parquet" in text
    found = json.loads(command("diff", first.version, "--json").stdout)
    assert (found["before"], found["after"]) == (first.version, second.version)
    assert "source files" not in command("diff", first.version, second.version).stdout
    assert command("verify", first.version).stdout.strip().endswith("8 files whole")
    assert command("show", "nothing-like-it").returncode == 4
    damaged = first.file("pairs.parquet")
    damaged.write_bytes(damaged.read_bytes()[:-1])
    for words in (("show", first.version), ("diff", first.version), ("verify", first.version, "--json")):
        done = command(*words)
        assert done.returncode == 13
        assert "pairs.parquet" in done.stderr
        assert "Traceback" not in done.stderr
    assert command("verify", second.version).returncode == 0
