"""The search finds an id that was planted in any kind of file; a search that cannot fail would prove nothing."""

from __future__ import annotations

import gzip
import io
import json
import sqlite3
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from revealed.engines.duckdb import connect
from revealed.erasure.containers import count_in_stream
from revealed.erasure.needles import Needles
from revealed.erasure.search import require_none, search_home
from revealed.errors import ErasureIncompleteError
from revealed.settings import Settings

ID, OTHER = "user-0030", "user-00301"
NEEDLES = Needles(frozenset({ID}), frozenset({OTHER}))
MANY = 3_000


def _parquet(path: Path, value: str) -> None:
    column = [f"u{number % 7}" for number in range(MANY)] + [value]
    pq.write_table(pa.table({"user_id": column}), path, compression="zstd")


def _parquet_nested(path: Path, value: str) -> None:
    shown = [[{"item_id": f"i{number}", "why": "x"}] for number in range(MANY)] + [
        [{"item_id": "i", "why": value}]
    ]
    pq.write_table(pa.table({"items": shown}), path, compression="zstd", use_dictionary=False)


def _parquet_dictionary(path: Path, value: str) -> None:
    column = pa.array(["a"] * MANY + [value]).dictionary_encode()
    pq.write_table(pa.table({"actor": column}), path, compression="gzip")


def _gzip_cut(path: Path, value: str) -> None:
    whole = gzip.compress(f'{{"user_id":"{value}"}}\n'.encode() + np.random.default_rng(1).bytes(50_000))
    path.write_bytes(whole[:-20])


def _two_gzips(path: Path, value: str) -> None:
    path.write_bytes(gzip.compress(b"nothing\n") + gzip.compress(f"{value}\n".encode()))


def _zipped(path: Path, value: str) -> None:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a.json", json.dumps([value] * 100))


def _duckdb(path: Path, value: str) -> None:
    with duckdb.connect(str(path)) as con:
        con.execute("create schema marts")
        con.execute("create table marts.t as select 'user-' || (i % 97) as user_id from range(50000) as r(i)")
        con.execute("insert into marts.t values (?)", [value])


def _duckdb_nested(path: Path, value: str) -> None:
    with duckdb.connect(str(path)) as con:
        con.execute("create table t as select [{'a': 'x' || i}] as shown from range(20000) as r(i)")
        con.execute("insert into t select [{'a': ?}]", [value])


def _sqlite(path: Path, value: str) -> None:
    con = sqlite3.connect(path)
    con.execute("create table dag_run (conf text)")
    con.execute("insert into dag_run values (?)", [json.dumps({"user_id": value})])
    con.commit()
    con.close()


def _sqlite_deleted(path: Path, value: str) -> None:
    """A deleted row's bytes stay in the page."""
    _sqlite(path, value)
    con = sqlite3.connect(path)
    con.execute("pragma secure_delete = off")
    con.execute("delete from dag_run")
    con.commit()
    con.close()


def _arrow(path: Path, value: str) -> None:
    table = pa.table({"x": ["a"] * MANY + [value]})
    options = pa.ipc.IpcWriteOptions(compression="zstd")
    with pa.OSFile(str(path), "wb") as sink, pa.ipc.new_file(sink, table.schema, options=options) as writer:
        writer.write_table(table)


def _zstd(path: Path, value: str) -> None:
    with pa.CompressedOutputStream(str(path), "zstd") as sink:
        sink.write((f"{value}\n" + "abc" * 9_999).encode())


def _numpy(path: Path, value: str) -> None:
    np.savez_compressed(path.open("wb"), ids=np.array(["u1", value]))


def _text(text: str) -> Callable[[Path, str], None]:
    return lambda path, value: path.write_text(text.replace("@", value)) and None


KINDS: dict[str, Callable[[Path, str], None]] = {
    "log.txt": _text("a user @ came\n"),
    ".hidden.json": _text('{"user_id": "@"}'),
    "page.html": _text("<td>@</td>"),
    "events.ndjson.gz": lambda path, value: path.write_bytes(gzip.compress(value.encode())) and None,
    "cut.gz": _gzip_cut,
    "two.gz": _two_gzips,
    "raw.parquet": _parquet,
    "nested.parquet": _parquet_nested,
    "dictionary.parquet": _parquet_dictionary,
    "model.npz": _numpy,
    "archive.zip": _zipped,
    "warehouse.duckdb": _duckdb,
    "nested.duckdb": _duckdb_nested,
    "airflow.db": _sqlite,
    "deleted.db": _sqlite_deleted,
    "spill.arrow": _arrow,
    "text.zst": _zstd,
}


@pytest.mark.parametrize("name", KINDS)
def test_a_planted_id_is_found_and_somebody_elses_is_not(settings: Settings, name: str) -> None:
    path = settings.home / "somewhere" / name
    path.parent.mkdir()
    KINDS[name](path, OTHER)
    assert search_home(settings, NEEDLES) == []
    path.unlink()
    KINDS[name](path, ID)
    (hit,) = search_home(settings, NEEDLES)
    assert hit.path == path
    assert hit.count >= 1
    with pytest.raises(ErasureIncompleteError, match=name):
        require_none([hit], settings.home)


def test_an_id_written_in_escapes_is_found(settings: Settings) -> None:
    (settings.home / "odd.json").write_text('{"user_id": "\\u0075ser-0030"}')
    assert len(search_home(settings, NEEDLES)) == 1


def test_an_id_across_the_border_of_two_chunks_is_found(settings: Settings) -> None:
    data = b"x" * ((8 << 20) - 4) + ID.encode() + b"y" * 100
    (settings.home / "big.gz").write_bytes(gzip.compress(data, 1))
    (hit,) = search_home(settings, NEEDLES)
    assert hit.places == {"text": 1}


class _Dribble(io.BytesIO):
    """A stream that gives a few bytes at a time, as sockets and archives do."""

    def read(self, size: int | None = -1) -> bytes:
        return super().read(3)


def test_streams_that_dribble_are_read_across_their_drops() -> None:
    data = b"x" * 20_000 + ID.encode() + b"y" * 5_000 + OTHER.encode() + b"z" * 10_000 + ID.encode()
    assert count_in_stream(_Dribble(data), NEEDLES) == 2


def test_a_files_name_counts(settings: Settings) -> None:
    (settings.home / f"export-{ID}.csv").write_text("nothing")
    (hit,) = search_home(settings, NEEDLES)
    assert hit.places == {"name": 1}


def test_a_database_that_somebody_writes_to_is_no_clean_database(settings: Settings) -> None:
    code = (
        "import duckdb, sys, time; con = duckdb.connect(sys.argv[1]); con.execute('create table t (i int)');"
        " print('open', flush=True); time.sleep(60)"
    )
    path = settings.home / "candidate.duckdb"
    with subprocess.Popen([sys.executable, "-c", code, str(path)], stdout=subprocess.PIPE) as child:
        assert child.stdout is not None
        child.stdout.readline()
        found = search_home(settings, NEEDLES)
        child.kill()
    assert [hit.path for hit in found] == [path]
    assert found[0].unread


def test_deleting_from_a_duckdb_file_is_not_enough(settings: Settings) -> None:
    """Why warehouses are built anew: the value is gone for every query, and its bytes are not."""
    path = settings.home / "warehouse.duckdb"
    con = connect(settings, path)
    con.execute("create table t as select 'user-' || (i % 97) as user_id from range(100) as r(i)")
    con.execute("insert into t values (?)", [ID])
    con.execute("checkpoint")
    con.execute("delete from t where user_id = ?", [ID])
    con.execute("checkpoint")
    con.execute("vacuum")
    con.close()
    (hit,) = search_home(settings, NEEDLES)
    assert set(hit.places) == {"bytes"}
