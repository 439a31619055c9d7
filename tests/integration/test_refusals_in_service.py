"""With a warehouse, a champion and a snapshot in service: what may not run leaves them as they are."""

from __future__ import annotations

import json
import resource
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import pytest
from home_contents import assert_whole, in_service, ledger
from shell import refusal, result, revealed, revealed_here

pytestmark = [pytest.mark.integration]

THROUGH, NEXT_DAY = "2026-01-10", "2026-01-11"


@pytest.fixture(scope="module")
def world(once_around: Path) -> Path:
    return once_around


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
    told = refusal(revealed_here(world, "sql", query, "--json"), 2)
    assert told["code"] == "usage"
    assert says in told["do"].lower() + told["what"]
    assert "root:" not in " ".join(told.values())
    assert in_service(world) == before
    assert list(tmp_path.iterdir()) == []


def test_what_json_has_no_word_for_is_null(world: Path) -> None:
    query = "select 'nan'::double as a, '-inf'::double as b, 1.5::double as c, [1, 'inf'::double] as d"
    done = revealed_here(world, "sql", query, "--json")
    strict = json.loads(done.stdout, parse_constant=lambda name: pytest.fail(f"not JSON: {name}"))
    assert strict == {"rows": [{"a": None, "b": None, "c": 1.5, "d": [1, None]}]}


# ---- no room, no model, not alone


def limited_to(size: int) -> Callable[[], None]:
    """Let the child write no file beyond `size` bytes: what a full disk does, at a known place."""
    return partial(resource.setrlimit, resource.RLIMIT_FSIZE, (size, size))


def test_a_full_disk_while_landing_loses_nothing(world: Path, tmp_path: Path) -> None:
    home = tmp_path / "home"
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


def test_a_full_disk_while_the_first_warehouse_is_built(world: Path, tmp_path: Path) -> None:
    """No warehouse to copy, so that it is DuckDB that finds no room."""
    home = tmp_path / "home"
    shutil.copytree(world / "raw", home / "raw")
    done = revealed(home, "run", "--through", THROUGH, "--json", before=limited_to(200_000))
    assert "warehouse" in refusal(done, 16)["what"]
    assert not (home / "published").exists()
    assert list((home / "warehouse" / "candidates").iterdir()) == []


@pytest.mark.slow  # a shorter sibling: registry/test_model_registry refuses a damaged artifact
def test_a_damaged_model_is_not_published(world: Path, tmp_path: Path) -> None:
    """One byte of the champion's arrays is flipped in MLflow's artifacts, and the local copy is gone.

    MLflow keeps artifacts by absolute path: this changes the world's, and puts it back.
    """
    snapshot = {name: digest for name, digest in in_service(world).items() if "recommendations" in name}
    registered = (world / "mlflow" / "artifacts").rglob("model/model.npz")
    (arrays,) = (path for path in registered if (path.parent / "twin").is_dir())
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
