"""Bad input at the command line: told what, where and what to do, its own exit code, nothing lost, nothing half-written."""

from __future__ import annotations

import ctypes
import hashlib
import json
import os
import resource
import shutil
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from shell import refusal, result, revealed

from revealed.contracts import MAX_LINE_BYTES

pytestmark = [pytest.mark.integration]

THROUGH, NEXT_DAY = "2026-01-05", "2026-01-06"
GOOD = '{"event_id":"e%d","event_type":"click","occurred_at":"2026-01-01T10:00:00Z","user_id":"ü1","item_id":"i1"}'


def bad(tail: str = "", *, kind: str = '"click"') -> str:
    head = f'{{"event_id":"bad","event_type":{kind},"occurred_at":"2026-01-01T10:00:00Z","user_id":"ü1"'
    return f"{head}{tail}}}"


# what is wrong -> the line, and the reason under which it is set aside
BAD_LINES = {
    "malformed": ('{"event_id":"bad","event_type":"cl', "malformed_json"),
    "not an object": ('["click"]', "not_an_object"),
    "wrong type": (bad(',"dwell_ms":"long"'), "wrong_type"),
    "NaN": (bad(',"value":NaN'), "malformed_json"),
    "Infinity": (bad(',"value":-Infinity'), "malformed_json"),
    "out of range": (bad(',"scroll_depth":7.5'), "out_of_range"),
    "unknown event type": (bad(kind='"teleport"'), "unknown_event_type"),
    "oversized": (bad(f',"query":"{"x" * MAX_LINE_BYTES}"'), "line_too_long"),
}


def ledger(home: Path) -> dict[str, dict[str, Any]]:
    """Every ledger entry without its wall clock."""
    entries = [json.loads(path.read_bytes()) for path in sorted((home / "raw" / "ledger").glob("*.json"))]
    return {entry["sha256"]: entry | {"landed_at": None} for entry in entries}


def set_aside(home: Path) -> list[dict[str, Any]]:
    paths = sorted((home / "raw" / "quarantine").rglob("*.parquet"))
    return [row for path in paths for row in pq.read_table(path, partitioning=None).to_pylist()]


def assert_whole(home: Path) -> None:
    """Every line is accounted for; no temporary file, no file of raw that the ledger does not know, and the other way."""
    entries = ledger(home).values()
    for entry in entries:
        assert entry["received"] == entry["accepted"] + entry["duplicate"] + entry["quarantined"]
    listed = [output["path"] for entry in entries for output in entry["outputs"]]
    listed += [entry["quarantine_output"]["path"] for entry in entries if entry.get("quarantine_output")]
    found = [path.relative_to(home / "raw").as_posix() for path in (home / "raw").rglob("*.parquet")]
    assert Counter(found) == Counter(listed)
    hidden = [path for path in home.rglob("*") if path.name.startswith(".") or path.name.endswith(".tmp")]
    assert hidden == []


def in_service(home: Path) -> dict[str, str]:
    """What people and services read: every file's digest, and where the pointers point."""
    files = {}
    for path in sorted((home / "published").rglob("*")):
        if path.is_symlink():
            files[str(path)] = str(path.readlink())
        elif path.is_file():
            files[str(path)] = hashlib.sha256(path.read_bytes()).hexdigest()
    assert files
    return files


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """An empty home with a name that shells and URLs stumble over."""
    folder = tmp_path / "a home é 家"
    folder.mkdir()
    return folder


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home in which the loop has run once: a warehouse, a champion and a snapshot are in service."""
    folder = tmp_path_factory.mktemp("world")
    result(revealed(folder, "simulate", "--days", "6", "--users", "80", "--items", "50", "--json"))
    done = result(revealed(folder, "run", "--through", THROUGH, "--json"))
    assert (done["warehouse_generation"], done["snapshot_generation"]) == (1, 1)
    return folder


# ---- lines that are set aside: exit 0, counted, kept as they came


@pytest.mark.parametrize("case", BAD_LINES)
def test_a_bad_line_is_set_aside_as_it_was_sent(home: Path, tmp_path: Path, case: str) -> None:
    line, reason = BAD_LINES[case]
    file = tmp_path / "events.jsonl"
    file.write_text("\n".join([GOOD % 1, line, GOOD % 2]) + "\n")
    done = revealed(home, "ingest", file, "--format", "events", "--json")
    report = result(done)
    assert "Traceback" not in done.stderr
    assert (report["received"], report["accepted"], report["quarantined"]) == (3, 2, 1)
    assert report["reasons"] == {reason: 1}
    (row,) = set_aside(home)
    assert (row["log"], row["reason"], row["source_name"], row["source_line"]) == (
        "events", reason, "events.jsonl", 2,
    )  # fmt: skip
    assert row["byte_offset"] == len((GOOD % 1).encode()) + 1
    if reason == "line_too_long":
        assert line.startswith(row["raw"])
        assert len(row["raw"]) >= 1_000
        assert f"{len(line.encode()):,}" in row["detail"] or str(len(line.encode())) in row["detail"]
    else:
        assert row["raw"] == line
    assert_whole(home)


def test_an_empty_file_is_counted_and_harms_nothing(home: Path, tmp_path: Path) -> None:
    file = tmp_path / "empty.jsonl"
    file.touch()
    report = result(revealed(home, "ingest", file, "--format", "events", "--json"))
    assert (report["files"], report["received"], report["quarantined"]) == (1, 0, 0)
    assert_whole(home)
    told = refusal(revealed(home, "run", "--through", "2026-01-01", "--json"), 7)
    assert told["code"] == "no_data"


# ---- commands that are refused


@pytest.mark.parametrize(
    ("words", "code", "name", "says"),
    [
        (["ingest"], 4, "missing_input", "landing"),
        (["ingest", "nowhere", "--format", "events"], 4, "missing_input", "nowhere"),
        (["ingest", "in.jsonl", "--format", "banana"], 3, "unknown_format", "open-bandit"),
        (["ingest", "in.jsonl"], 3, "unknown_format", "--format"),
        (["ingest", "in.jsonl", "--format", "events", "--mapping", "gone.toml"], 4, "missing_input", "gone.toml"),
        (["ingest", "in.jsonl", "--format", "events", "--mapping", "broken.toml"], 2, "usage", "broken.toml"),
        (["ingest", "in.jsonl", "--format", "events", "--mapping", "binary.toml"], 2, "usage", "binary.toml"),
        (["ingest", "in.jsonl", "--format", "events", "--mapping", "strange.toml"], 2, "usage", "no_such"),
        (["run", "--through", "banana"], 2, "usage", "YYYY-MM-DD"),
        (["run", "--through", "2026-02-30"], 2, "usage", "2026-02-30"),
        (["run"], 2, "usage", "--through"),
        (["run", "--through", "2026-01-01"], 7, "no_data", "revealed ingest"),
        (["recommend", "u1"], 9, "nothing_published", "revealed run"),
        (["recommend", "u1", "-k", "0"], 2, "usage", "-k"),
        (["snapshot", "verify"], 9, "nothing_published", "revealed run"),
        (["snapshot", "rollback"], 9, "nothing_published", "revealed run"),
        (["sql", "select 1"], 9, "nothing_published", "revealed run"),
        (["simulate", "--days", "0"], 2, "usage", "days"),
        (["no-such-command"], 2, "usage", "revealed --help"),
    ],
)  # fmt: skip
def test_a_refusal_has_its_code_and_says_what_where_and_what_to_do(
    home: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    words: list[str],
    code: int,
    name: str,
    says: str,
) -> None:
    (tmp_path / "in.jsonl").write_text(GOOD % 1 + "\n")
    (tmp_path / "broken.toml").write_text("[columns\n")
    (tmp_path / "binary.toml").write_bytes(b"\xff\xfe\x00")
    (tmp_path / "strange.toml").write_text('[columns]\ntheirs = "no_such"\n')
    monkeypatch.chdir(tmp_path)
    told = refusal(revealed(home, *words, "--json"), code)
    assert told["code"] == name
    assert says in " ".join(told.values())
    assert told["where"]
    assert ledger(home) == {}
    assert not (home / "published").exists()


def test_a_setting_that_does_not_parse_is_named(home: Path) -> None:
    told = refusal(revealed(home, "recommend", "u1", "--json", env={"REVEALED_DEVICE": "banana"}), 2)
    assert (told["code"], told["where"]) == ("usage", "REVEALED_DEVICE")
    assert "auto, cpu, gpu" in told["what"]


def test_without_json_a_refusal_leaves_stdout_empty(home: Path) -> None:
    done = revealed(home, "recommend", "u1")
    assert (done.returncode, done.stdout) == (9, "")
    assert done.stderr.splitlines()[0] == "nothing_published: no recommendations have been published yet"


def test_a_home_that_is_a_file_is_named(tmp_path: Path) -> None:
    file = tmp_path / "in.jsonl"
    file.write_text(GOOD % 1 + "\n")
    told = refusal(revealed(file, "ingest", file, "--format", "events", "--json"), 1)
    assert told["where"].startswith(str(file))
    assert "REVEALED_HOME" in told["do"]
    assert file.read_text() == GOOD % 1 + "\n"


def test_an_unreadable_file_is_named_and_what_stands_before_it_has_landed(home: Path, tmp_path: Path) -> None:
    folder = tmp_path / "in"
    folder.mkdir()
    (folder / "a.jsonl").write_text(GOOD % 1 + "\n")
    locked = folder / "b.jsonl"
    locked.write_text(GOOD % 2 + "\n")
    locked.chmod(0)
    words = ["ingest", folder, "--format", "events", "--json"]
    told = refusal(revealed(home, *words, before=without_superuser_rights), 4)
    assert told["where"] == str(locked)
    assert_whole(home)
    locked.chmod(0o600)
    again = result(revealed(home, *words))
    assert (again["accepted"], again["already_landed"]) == (1, 1)


def without_superuser_rights() -> None:
    """Make file permissions bind the superuser too, who may read everything: containers often run tests as root."""
    if os.geteuid() == 0:
        drop_from_bounding_set = 24
        for capability in (1, 2):  # CAP_DAC_OVERRIDE, CAP_DAC_READ_SEARCH
            ctypes.CDLL(None).prctl(drop_from_bounding_set, capability, 0, 0, 0)


def test_a_path_with_spaces_and_unicode_is_no_trouble(home: Path, tmp_path: Path) -> None:
    file = tmp_path / "wöchentlich 記録" / "events of monday's.jsonl"
    file.parent.mkdir()
    file.write_text(f"{GOOD % 1}\n{{\n")
    report = result(revealed(home, "ingest", file, "--format", "events", "--json"))
    assert (report["accepted"], report["quarantined"]) == (1, 1)
    assert set_aside(home)[0]["source_name"] == "events of monday's.jsonl"
    assert_whole(home)


# ---- the warehouse is read-only, and is all that a query reaches


@pytest.mark.parametrize(
    ("query", "says"),
    [
        ("selekt 1", "syntax error"),
        (" -- nothing", "there is no query"),
        ("select * from marts.no_such_table", "no_such_table"),
        ("select * from read_text('/etc/passwd')", "disabled"),
        ("select * from '/etc/passwd'", "does not exist"),
        ("copy (select 1) to 'out.csv'", "disabled"),
        ("attach 'other.duckdb'", "disabled"),
        ("set enable_external_access = true", "locked"),
        ("create table marts.mine as select 1", "read-only"),
        ("delete from marts.fct_events", "read-only"),
        ("select 1; drop table marts.fct_events", "read-only"),
    ],
)
def test_a_query_that_may_not_run_is_refused(
    world: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, query: str, says: str
) -> None:
    monkeypatch.chdir(tmp_path)
    before = in_service(world)
    told = refusal(revealed(world, "sql", query, "--json"), 2)
    assert told["code"] == "usage"
    assert says in told["do"].lower() + told["what"]
    assert "root:" not in " ".join(told.values())
    assert in_service(world) == before
    assert list(tmp_path.iterdir()) == []


def test_what_json_has_no_word_for_is_null(world: Path) -> None:
    query = "select 'nan'::double as a, '-inf'::double as b, 1.5::double as c, [1, 'inf'::double] as d"
    done = revealed(world, "sql", query, "--json")
    strict = json.loads(done.stdout, parse_constant=lambda name: pytest.fail(f"not JSON: {name}"))
    assert strict == {"rows": [{"a": None, "b": None, "c": 1.5, "d": [1, None]}]}


# ---- no room, no model, not alone


def limited_to(size: int) -> Callable[[], None]:
    """Let the child write no file beyond `size` bytes: what a full disk does, at a known place."""
    return partial(resource.setrlimit, resource.RLIMIT_FSIZE, (size, size))


def test_a_full_disk_while_landing_loses_nothing(world: Path, home: Path, tmp_path: Path) -> None:
    shutil.copytree(world / "landing", home / "landing")
    told = refusal(revealed(home, "ingest", "--json", before=limited_to(20_000)), 16)
    assert told["code"] == "disk_full"
    assert_whole(home)
    result(revealed(home, "ingest", "--json"))
    assert ledger(home) == ledger(world)
    assert_whole(home)


def test_a_full_disk_while_building_leaves_the_old_warehouse_in_service(world: Path) -> None:
    before = in_service(world)
    done = revealed(world, "run", "--through", NEXT_DAY, "--json", before=limited_to(200_000))
    assert refusal(done, 16)["code"] == "disk_full"
    assert in_service(world) == before
    assert list((world / "warehouse" / "candidates").iterdir()) == []


def test_a_full_disk_while_the_first_warehouse_is_built(world: Path, home: Path) -> None:
    """No warehouse to copy, so that it is DuckDB that finds no room."""
    shutil.copytree(world / "raw", home / "raw")
    done = revealed(home, "run", "--through", THROUGH, "--json", before=limited_to(200_000))
    assert "warehouse" in refusal(done, 16)["what"]
    assert not (home / "published").exists()
    assert list((home / "warehouse" / "candidates").iterdir()) == []


def test_a_damaged_model_is_not_published(world: Path, tmp_path: Path) -> None:
    """One byte of the champion's arrays is flipped in MLflow's artifacts, and the local copy is gone.

    MLflow keeps artifacts by absolute path: this changes the world's, and puts it back.
    """
    snapshot = {name: digest for name, digest in in_service(world).items() if "recommendations" in name}
    (arrays,) = (world / "mlflow" / "artifacts").rglob("model.npz")
    whole = arrays.read_bytes()
    middle = len(whole) // 2
    arrays.write_bytes(whole[:middle] + bytes([whole[middle] ^ 1]) + whole[middle + 1 :])
    aside = (world / "models").rename(tmp_path / "models")
    try:
        told = refusal(revealed(world, "run", "--through", NEXT_DAY, "--json"), 8)
    finally:
        arrays.write_bytes(whole)
        shutil.rmtree(world / "models", ignore_errors=True)
        shutil.move(aside, world / "models")
    assert told["code"] == "damaged_model"
    assert "model.npz" in told["where"] + told["what"]
    after = in_service(world)
    assert {name: digest for name, digest in after.items() if "recommendations" in name} == snapshot
    assert_whole(world)


@contextmanager
def another_process_holds(lock: Path) -> Iterator[int]:
    """Yield the id of a process that holds the lock, as a run that is under way does."""
    code = (
        "import sys; from pathlib import Path; from revealed.durable import exclusive_lock\n"
        "with exclusive_lock(Path(sys.argv[1]), 'do the same'): print('held', flush=True); sys.stdin.read()"
    )
    command = [sys.executable, "-c", code, str(lock)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as child:
        assert child.stdout is not None
        assert child.stdout.readline() == "held\n"
        yield child.pid
        child.communicate()


@pytest.mark.parametrize(
    ("lock", "words"),
    [
        ("landing", ["ingest"]),
        ("recommendations", ["snapshot", "rollback"]),
    ],
)
def test_a_second_run_at_the_same_time_is_refused(world: Path, lock: str, words: list[str]) -> None:
    """tests/chaos does the same to the warehouse, where a build would have to come first."""
    before = in_service(world), ledger(world)
    path = world / "locks" / f"{lock}.lock"
    with another_process_holds(path) as holder:
        told = refusal(revealed(world, *words, "--json"), 5)
    assert told["code"] == "locked"
    assert f"process {holder}" in told["what"]
    assert told["where"] == str(path)
    assert (in_service(world), ledger(world)) == before
    assert_whole(world)


def test_an_empty_day_still_publishes(world: Path) -> None:
    """Weeks after the last line. Stands last: it moves the world on."""
    before = result(revealed(world, "snapshot", "show", "--json"))["generation"]
    done = result(revealed(world, "run", "--through", "2026-02-01", "--json"))
    assert done["snapshot_generation"] == before + 1
    query = "select max(event_date) as day from marts.fct_events"
    (row,) = result(revealed(world, "sql", query, "--json"))["rows"]
    assert row["day"] < "2026-01-31"
    assert_whole(world)
