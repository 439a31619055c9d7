"""What no manifest checks is overwritten where it stands, under the feet of whoever writes to it."""

from __future__ import annotations

import gzip
import json
import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from revealed.erasure.needles import Needles
from revealed.erasure.search import search_home
from revealed.erasure.sweep import sweep
from revealed.errors import LockedError
from revealed.settings import Settings

ID, OTHER = "user-0030", "user-00301"
NEEDLES = Needles(frozenset({ID}), frozenset({OTHER}))


def swept(settings: Settings) -> list[Path]:
    return sweep(settings, search_home(settings, NEEDLES), NEEDLES)


def test_a_log_keeps_its_length_and_its_writer(settings: Settings) -> None:
    log = settings.airflow_home / "logs" / "task.log"
    log.parent.mkdir(parents=True)
    log.write_text(f"erased {ID}, not {OTHER}\n")
    inode, writer = log.stat().st_ino, os.open(log, os.O_WRONLY | os.O_APPEND)
    assert swept(settings) == [log]
    os.write(writer, b"on we go\n")
    os.close(writer)
    assert log.stat().st_ino == inode
    assert log.read_text() == f"erased *********, not {OTHER}\non we go\n"
    assert search_home(settings, NEEDLES) == []


def test_a_database_in_use_is_cleared_of_rows_and_of_what_was_deleted(settings: Settings) -> None:
    path = settings.airflow_home / "airflow.db"
    path.parent.mkdir()
    con = sqlite3.connect(path)
    con.execute("pragma journal_mode = wal")
    con.execute("create table dag_run (id integer primary key, conf text, raw blob)")
    con.execute("insert into dag_run values (1, ?, ?)", [json.dumps({"user_id": ID}), ID.encode()])
    con.execute("insert into dag_run values (2, ?, null)", [json.dumps({"user_id": OTHER})])
    con.commit()
    con.execute("delete from dag_run where id = 2")
    con.execute("insert into dag_run values (3, ?, null)", [ID * 2_000])
    con.commit()
    con.execute("delete from dag_run where id = 3")
    con.commit()
    assert search_home(settings, NEEDLES)
    assert path in swept(settings)
    assert search_home(settings, NEEDLES) == []
    rows = con.execute("select conf, raw from dag_run").fetchall()
    con.close()
    assert rows == [('{"user_id": "*********"}', b"*********")]


@pytest.fixture
def in_use(settings: Settings) -> Iterator[sqlite3.Connection]:
    """A connection to Airflow's database that keeps its write-ahead log open; the log alone holds a deleted id."""
    settings.airflow_home.mkdir()
    with closing(sqlite3.connect(settings.airflow_home / "airflow.db", isolation_level=None)) as con:
        con.execute("pragma journal_mode = wal")
        con.execute("create table t (a text)")
        con.execute("insert into t values ('nobody')")
        con.execute("pragma wal_checkpoint(truncate)")
        con.execute("insert into t values (?)", [ID])
        con.execute("delete from t where a = ?", [ID])
        yield con


def test_what_only_the_log_of_a_database_remembers_is_cleared_too(
    settings: Settings, in_use: sqlite3.Connection
) -> None:
    log = settings.airflow_home / "airflow.db-wal"
    assert [hit.path for hit in search_home(settings, NEEDLES)] == [log]
    assert swept(settings) == [log]
    assert search_home(settings, NEEDLES) == []
    assert in_use.execute("select a from t").fetchall() == [("nobody",)]


def test_a_log_that_a_reader_still_needs_is_said_to_be_locked(
    settings: Settings, in_use: sqlite3.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("revealed.erasure.sweep._BUSY_SECONDS", 0.1)
    in_use.execute("begin")
    assert in_use.execute("select count(*) from t").fetchone() == (1,)
    with pytest.raises(LockedError, match="being read"):
        swept(settings)
    in_use.execute("commit")
    swept(settings)
    assert search_home(settings, NEEDLES) == []


def test_a_database_that_somebody_holds_is_said_to_be_locked(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("revealed.erasure.sweep._BUSY_SECONDS", 0.1)
    path = settings.airflow_home / "airflow.db"
    path.parent.mkdir()
    con = sqlite3.connect(path, isolation_level=None)
    con.execute("create table t (a text)")
    con.execute("insert into t values (?)", [ID])
    hits = search_home(settings, NEEDLES)
    con.execute("begin exclusive")
    with pytest.raises(LockedError, match="locked"):
        sweep(settings, hits, NEEDLES)
    con.close()


def test_stray_parquet_and_gzip_are_written_again(settings: Settings) -> None:
    folder = settings.home / "simulation" / "truth"
    folder.mkdir(parents=True)
    table = pa.table({"user_id": [ID, OTHER, "user-1"], "note": ["a", f"knows {ID}", "c"]})
    pq.write_table(table, folder / "users.parquet")
    (folder / "notes.gz").write_bytes(gzip.compress(f"{ID}\n{OTHER}\n".encode()))
    assert set(swept(settings)) == {folder / "users.parquet", folder / "notes.gz"}
    assert pq.read_table(folder / "users.parquet").to_pylist() == [
        {"user_id": OTHER, "note": "knows *********"},
        {"user_id": "user-1", "note": "c"},
    ]
    assert gzip.decompress((folder / "notes.gz").read_bytes()) == f"*********\n{OTHER}\n".encode()
    assert search_home(settings, NEEDLES) == []


def test_a_stray_under_landing_is_nobodys_and_an_unfinished_file_is_its_writers(settings: Settings) -> None:
    stray, unfinished = settings.landing / "dump.csv", settings.landing / "events" / "x.jsonl.part"
    for path in (stray, unfinished):
        path.write_text(f"{ID}\n")
    assert swept(settings) == [stray]
    assert (stray.read_text(), unfinished.read_text()) == ("*********\n", f"{ID}\n")


def test_what_a_manifest_checks_is_left_to_its_own_stage(settings: Settings) -> None:
    model = settings.models / "als-1" / "evaluation.json"
    model.parent.mkdir(parents=True)
    model.write_text(ID)
    assert swept(settings) == []
    assert model.read_text() == ID
