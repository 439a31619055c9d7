"""A home in which the loop has run once, as a person would run it: made by whichever worker comes first."""

from __future__ import annotations

import fcntl
import os
import shutil
import sqlite3
from pathlib import Path

import pytest
from shell import result, revealed


@pytest.fixture(scope="module")
def once_around(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A private copy of a home with a warehouse, a champion and a snapshot in service, twelve days of logs landed."""
    base = tmp_path_factory.getbasetemp()
    original = (base.parent if os.environ.get("PYTEST_XDIST_WORKER") else base) / "once-around"
    with original.with_suffix(".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (original / "published" / "queries" / "CURRENT").exists():  # what a run publishes last
            _run_once(original)
    home = shutil.copytree(original, tmp_path_factory.mktemp("around") / "home", symlinks=True)
    _own_artifacts(home / "mlflow" / "mlflow.db", original, home)
    return home


def _run_once(home: Path) -> None:
    result(revealed(home, "simulate", "--days", "12", "--users", "200", "--items", "100", "--json"))
    few = {"REVEALED_CONTENDERS": "als"}  # all of them compete in test_airflow
    done = result(revealed(home, "run", "--through", "2026-01-10", "--json", env=few))
    assert (done["warehouse_generation"], done["snapshot_generation"]) == (1, 1)


def _own_artifacts(database: Path, original: Path, home: Path) -> None:
    """Let MLflow's store, which names artifacts by absolute path, name those of the copy."""
    with sqlite3.connect(database) as con:
        tables = [row[0] for row in con.execute("select name from sqlite_master where type = 'table'")]
        columns = [(table, row[1]) for table in tables for row in con.execute(f"pragma table_info({table})")]
        for table, column in columns:
            con.execute(
                f'update {table} set "{column}" = replace("{column}", ?, ?) where "{column}" like ?',
                (str(original), str(home), f"%{original}%"),
            )
    con.close()
