"""Homes that are made once for all tests and workers, and copied for each: the copy knows nothing of where it came from."""

from __future__ import annotations

import fcntl
import os
import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path


def made_once(base: Path, name: str, make: Callable[[Path], None]) -> Path:
    """Return the folder that `make` filled, in this worker or before in the other one; `base` is the worker's own folder."""
    folder = (base.parent if os.environ.get("PYTEST_XDIST_WORKER") else base) / name
    done = folder.with_suffix(".done")
    with folder.with_suffix(".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not done.exists():
            make(folder)
            done.touch()
    return folder


def copy_home(original: Path, target: Path) -> Path:
    """Copy a home, and let the copy's MLflow, which names artifacts by absolute path, name its own."""
    shutil.copytree(original, target, symlinks=True)
    store = target / "mlflow" / "mlflow.db"
    if store.exists():
        with closing(sqlite3.connect(store)) as con, con:
            _rename_everywhere(con, str(original), str(target))
    return target


def _rename_everywhere(con: sqlite3.Connection, old: str, new: str) -> None:
    tables = [row[0] for row in con.execute("select name from sqlite_master where type = 'table'")]
    columns = [(table, row[1]) for table in tables for row in con.execute(f"pragma table_info({table})")]
    for table, column in columns:
        con.execute(
            f'update {table} set "{column}" = replace("{column}", ?, ?) where "{column}" like ?',
            (old, new, f"%{old}%"),
        )
