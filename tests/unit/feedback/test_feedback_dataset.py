from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import duckdb
import pytest
from planted_world import AS_OF, POLICY, World, settings_in, write_warehouse

from revealed.errors import (
    BuildFailedError,
    DamagedFileError,
    MissingInputError,
    NoDataError,
    NothingPublishedError,
)
from revealed.feedback import list_datasets, read_dataset, write_dataset
from revealed.feedback.revision import code_revision

SMALL = World(users=12, items=20)


def test_same_content_is_the_same_version_and_is_not_written_again(tmp_path: Path) -> None:
    settings = settings_in(tmp_path / "home", duckdb_threads=1)
    first = write_dataset(settings, write_warehouse(tmp_path / "a" / "w.duckdb", SMALL))
    stamp = first.file("interactions.parquet").stat().st_mtime_ns
    # The same rows in another physical order, read by more threads.
    again = settings_in(tmp_path / "home", duckdb_threads=2)
    shuffled = tmp_path / "b" / "w.duckdb"
    write_warehouse(shuffled, SMALL)
    con = duckdb.connect(str(shuffled))
    con.execute("create table t as select * from marts.feedback_user_item order by hash(user_id || item_id)")
    con.execute("create or replace table marts.feedback_user_item as select * from t")
    con.close()
    second = write_dataset(again, shuffled)
    assert second == first
    assert second.file("interactions.parquet").stat().st_mtime_ns == stamp


def test_other_content_is_another_version_and_latest_points_at_the_newest_written(tmp_path: Path) -> None:
    settings = settings_in(tmp_path / "home")
    first = write_dataset(settings, write_warehouse(tmp_path / "a" / "w.duckdb", SMALL))
    second = write_dataset(
        settings, write_warehouse(tmp_path / "b" / "w.duckdb", World(users=12, items=20, seed=6))
    )
    assert first.version != second.version
    assert read_dataset(settings).version == second.version
    assert read_dataset(settings, first.version) == first
    assert {found.version for found in list_datasets(settings)} == {first.version, second.version}


def test_manifest_says_what_was_written(tmp_path: Path) -> None:
    settings = settings_in(tmp_path / "home")
    manifest = write_dataset(settings, write_warehouse(tmp_path / "w.duckdb", SMALL))
    assert (manifest.as_of, manifest.policy_version, manifest.holdout_days) == (AS_OF, POLICY, 7)
    assert (manifest.as_of - manifest.split).days == 7
    assert manifest.is_audited
    assert manifest.warehouse["generation"] == 4
    for name, entry in manifest.files.items():
        counted = duckdb.sql(f"select count(*) from '{manifest.file(name)}'").fetchone()
        assert counted == (entry.rows,), name
    keys = duckdb.sql(f"select user_id, item_id from '{manifest.file('interactions.parquet')}'").fetchall()
    assert keys == sorted(keys)
    assert len(keys) == manifest.rows


def test_unpublished_warehouse_is_not_called_audited(tmp_path: Path) -> None:
    warehouse = write_warehouse(tmp_path / "w.duckdb", SMALL, published=False)
    assert not write_dataset(settings_in(tmp_path / "home"), warehouse).is_audited


@pytest.mark.parametrize("damage", ["flip", "truncate", "remove"])
def test_damaged_file_is_named(tmp_path: Path, damage: str) -> None:
    settings = settings_in(tmp_path / "home")
    path = write_dataset(settings, write_warehouse(tmp_path / "w.duckdb", SMALL)).file("fold_test.parquet")
    data = bytearray(path.read_bytes())
    if damage == "remove":
        path.unlink()
    else:
        data[len(data) // 2] ^= 1
        path.write_bytes(data if damage == "flip" else data[:-1])
    with pytest.raises(DamagedFileError, match=r"fold_test\.parquet"):
        read_dataset(settings)


def test_every_missing_thing_has_its_own_message(tmp_path: Path) -> None:
    settings = settings_in(tmp_path / "home")
    with pytest.raises(NoDataError, match="no feedback dataset"):
        read_dataset(settings)
    with pytest.raises(NothingPublishedError):
        write_dataset(settings, tmp_path / "missing.duckdb")
    warehouse = write_warehouse(tmp_path / "w.duckdb", SMALL)
    write_dataset(settings, warehouse)
    with pytest.raises(MissingInputError):
        read_dataset(settings, "0123456789ab")
    con = duckdb.connect(str(warehouse))
    con.execute("drop table marts.dim_items")
    con.close()
    with pytest.raises(BuildFailedError, match=r"items\.parquet"):
        write_dataset(settings, warehouse)
    assert not list(settings.datasets.glob(".staged*"))


def test_empty_and_mixed_feedback_are_refused(tmp_path: Path) -> None:
    settings, warehouse = settings_in(tmp_path / "home"), write_warehouse(tmp_path / "w.duckdb", SMALL)
    con = duckdb.connect(str(warehouse))
    con.execute("update marts.feedback_user_item set policy_version = 'other' where user_id = 'u0001'")
    con.close()
    with pytest.raises(BuildFailedError, match="2 different"):
        write_dataset(settings, warehouse)
    con = duckdb.connect(str(warehouse))
    con.execute("delete from marts.feedback_user_item")
    con.close()
    with pytest.raises(NoDataError, match="no feedback"):
        write_dataset(settings, warehouse)
    assert list_datasets(settings) == []


def test_revision_names_the_commit_and_says_when_the_code_was_edited(tmp_path: Path) -> None:
    def git(*words: str) -> str:
        done = subprocess.run(
            ["git", "-c", "user.name=t", "-c", "user.email=t@example.org", "-C", str(tmp_path), *words],
            check=True,
            capture_output=True,
            text=True,
        )
        return done.stdout.strip()

    assert code_revision(tmp_path).startswith("revealed ")
    git("init", "-q")
    (tmp_path / "file").write_text("a")
    git("add", "file")
    git("commit", "-q", "-m", "first")
    assert code_revision(tmp_path) == git("rev-parse", "HEAD")
    (tmp_path / "file").write_text("b")
    assert code_revision(tmp_path) == git("rev-parse", "HEAD") + "+changes"


@pytest.mark.parametrize("package", ["feedback", "evaluation", "training", "registry", "publishing"])
def test_importing_a_stage_imports_nothing_heavy(package: str) -> None:
    heavy = "{'mlflow', 'implicit', 'matplotlib', 'great_expectations', 'airflow', 'sklearn', 'pandas'}"
    code = f"import sys, revealed.{package}; print({heavy} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"
