"""A person erased from a whole home, killed at every point on the way, and nothing of them left anywhere."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import date
from pathlib import Path
from typing import Any

import duckdb
import pytest
from home_contents import assert_whole, files_with
from shell import GIVEN, refusal, result, revealed

from revealed.embedded import ports
from revealed.embedded.platform import Platform, running_platform
from revealed.errors import PlatformError
from revealed.faults import ERASURE_POINTS
from revealed.progress import to_stderr
from revealed.settings import Settings
from revealed.warehouse import digest_published

pytestmark = [pytest.mark.integration, pytest.mark.slow]  # shorter siblings: tests/unit/erasure

BUILT, NEXT = "2026-01-09", "2026-01-10"


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("home")
    result(revealed(folder, "simulate", "--days", "11", "--users", "150", "--items", "80", "--json"))
    result(revealed(folder, "run", "--through", "2026-01-08", "--json"))
    result(revealed(folder, "run", "--through", BUILT, "--json"))
    return folder


@pytest.fixture(scope="module")
def person(home: Path) -> tuple[str, str]:
    return somebody(home)


def somebody(home: Path) -> tuple[str, str]:
    """The user id and a visitor id of a person who came as a visitor first, has lists, and is not the only one."""
    with duckdb.connect(str((home / "published" / "warehouse.duckdb").resolve()), read_only=True) as con:
        found = con.execute(
            "select ids.user_id, any_value(ids.anonymous_id) from intermediate.int_identities as ids "
            "join marts.feedback_user_item using (user_id) group by 1 order by count(*) desc, 1 limit 1"
        ).fetchone()
    assert found is not None
    return found


@pytest.fixture(scope="module")
def sources(home: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The landing folder as it was before anybody was erased."""
    return Path(shutil.copytree(home / "landing", tmp_path_factory.mktemp("before") / "landing"))


@pytest.fixture(scope="module")
def erased(home: Path, person: tuple[str, str], sources: Path) -> Path:
    """The home after an erasure that was killed once at each of its points."""
    words = ("erase", person[0], "--yes", "--by", "request 7", "--json")
    assert set(files_with(home, *person))
    for point in ERASURE_POINTS:
        done = revealed(home, *words, env={"REVEALED_FAULT": point})
        assert done.returncode == 137, (point, done.stderr)
    receipt = result(revealed(home, *words))
    assert receipt["runs"] == len(ERASURE_POINTS) + 1
    return home


def test_no_byte_of_the_person_is_left(erased: Path, person: tuple[str, str]) -> None:
    assert list(files_with(erased, *person)) == []
    assert result(revealed(erased, "erase", person[0], "--verify", "--json"))["files_with_the_id"] == 0
    assert_whole(erased)
    assert revealed(erased, "doctor").returncode == 0


def test_the_receipt_counts_the_whole_and_names_nobody(erased: Path, person: tuple[str, str]) -> None:
    (path,) = (erased / "erasure" / "receipts").glob("*.json")
    told = json.loads(path.read_bytes())
    assert told["raw"]["rows_events"] > 0
    assert told["asked_by"] == "request 7"
    before, after = told["ledger"]["before"], told["ledger"]["after"]
    assert after["received"] == before["received"]
    gone = sum(
        count for name, count in told["raw"].items() if name.startswith("rows_") or name == "quarantined"
    )
    assert after["erased"] == gone
    assert (len(told["removed"]["warehouse"]), len(told["removed"]["datasets"])) == (2, 2)
    assert len(told["removed"]["snapshots"]) == 2
    assert told["models"]["trained_on_erased_data"]
    assert not (erased / "erasure" / "pending").is_dir() or not list(
        (erased / "erasure" / "pending").iterdir()
    )
    assert path.stat().st_mode & 0o077 == 0


def test_marts_and_dataset_are_those_of_logs_that_never_had_the_person(erased: Path, tmp_path: Path) -> None:
    """Equal are every mart's rows and the dataset's very version; `fct_events` says which file a row came from."""
    from revealed.days import as_of_end_of
    from revealed.feedback import write_dataset
    from revealed.landing import ingest_landing
    from revealed.loop import build_warehouse

    env = {"REVEALED_LANDING_GRACE_SECONDS": "0", "REVEALED_HOLDOUT_DAYS": "3"}
    never = Settings.from_env(env | {"REVEALED_HOME": str(tmp_path / "never")})
    shutil.copytree(erased / "landing", never.landing)
    ingest_landing(never)
    build_warehouse(never, as_of_end_of(date.fromisoformat(BUILT)))
    left = Settings.from_env(env | {"REVEALED_HOME": str(erased)})
    ours, theirs = digest_published(left).marts, digest_published(never).marts
    assert {name for name in ours if ours[name] != theirs[name]} <= {"fct_events"}
    events = "select * exclude (source_file, source_line) from marts.fct_events order by event_id"
    rows = []
    for settings in (left, never):
        with duckdb.connect(str(settings.published_warehouse.resolve()), read_only=True) as con:
            rows.append(con.execute(events).fetchall())
    assert rows[0] == rows[1]
    version = (erased / "datasets" / "LATEST").read_text().strip()
    assert write_dataset(never, never.published_warehouse).version == version


def test_whoever_asks_for_an_old_dataset_learns_why_it_is_gone(erased: Path) -> None:
    gone = next(iter(json.loads((erased / "datasets" / "erased.json").read_bytes())))
    told = refusal(revealed(erased, "dataset", "show", gone, "--json"), 4)
    assert "erased" in told["what"]
    assert "erasure/receipts/" in told["where"]


def test_the_person_gets_what_strangers_get(erased: Path, person: tuple[str, str]) -> None:
    found = result(revealed(erased, "recommend", person[0], "-k", "5", "--json"))
    assert found["is_known"] is False
    assert {entry["source"] for entry in found["recommendations"]} == {"fallback"}


def test_old_files_put_back_bring_nobody_back_and_the_loop_goes_on(
    erased: Path, person: tuple[str, str], sources: Path
) -> None:
    for number, path in enumerate(sorted(path for path in sources.rglob("*") if path.is_file())):
        again = erased / "landing" / path.relative_to(sources)
        again.unlink()
        shutil.copy(path, again.with_name(f"again-{path.name}") if number % 2 else again)
    # The same lines in a file of other bytes land anew: everybody else's are duplicates.
    log = max((erased / "landing" / "events").glob("*.ndjson"), key=lambda path: path.stat().st_size)
    log.write_bytes(log.read_bytes() + b"\n \n")
    os.utime(log, (1_700_000_000, 1_700_000_000))
    before = result(revealed(erased, "sql", "select count(*) as n from marts.fct_events", "--json"))["rows"]
    done = result(revealed(erased, "run", "--through", NEXT, "--retrain", "--json"))
    assert done["audit"]["passed"]
    assert list(files_with(erased, *person)) == []
    after = result(revealed(erased, "sql", "select count(*) as n from marts.fct_events", "--json"))["rows"]
    assert after[0]["n"] > before[0]["n"]
    versions = result(revealed(erased, "model", "list", "--json"))["versions"]
    assert len(versions) >= 2


def test_an_unknown_id_is_refused_and_can_be_kept_out_all_the_same(erased: Path) -> None:
    told = refusal(revealed(erased, "erase", "nobody-4711", "--yes", "--json"), 21)
    assert told["code"] == "unknown_person"
    result(revealed(erased, "erase", "nobody-4711", "--yes", "--even-unknown", "--json"))
    line = {"event_id": "x1", "event_type": "click", "user_id": "nobody-4711", "item_id": "item-0001"}
    log = erased / "landing" / "events" / "late.jsonl"
    log.write_text(json.dumps(line | {"occurred_at": "2026-01-09T10:00:00Z"}) + "\n")
    report = result(revealed(erased, "ingest", "--json"))
    assert (report["received"], report["erased"]) == (1, 1)
    assert list(files_with(erased, "nobody-4711")) == []


def test_erasing_again_finds_nothing_and_says_so(erased: Path, person: tuple[str, str]) -> None:
    planned = result(revealed(erased, "erase", person[0], "--dry-run", "--json"))
    assert (planned["is_known"], planned["raw"], planned["files"]) == (False, {}, {})


@pytest.fixture
def platform(erased: Path) -> Iterator[Platform]:
    given = {"REVEALED_HOME": str(erased), "REVEALED_AIRFLOW_PORT": str(ports.any_free_port())}
    with running_platform(Settings.from_env(GIVEN | given), progress=to_stderr) as running:
        assert running.client.import_errors() == []
        yield running


def test_the_dag_erases_somebody_while_airflow_runs_and_once_more_after_a_kill(platform: Platform) -> None:
    """Killed when Airflow's own database holds nothing but stars of the param: the second attempt has only these."""
    home, client = platform.settings.home, platform.client
    person, before = somebody(home), set((home / "erasure" / "receipts").iterdir())
    client.pause("erase_user", paused=False)
    run_id = client.trigger("erase_user", {"user_id": person[0], "asked_by": "request 8"})
    wait_until(lambda: conf_of(platform, run_id).get("user_id") == "*" * len(person[0]), "the param is stars")
    holder = re.match(r"process (\d+) ", (home / "locks" / "erasure.lock").read_text())
    assert holder is not None
    os.kill(int(holder[1]), signal.SIGKILL)
    wait_until(lambda: run_of(platform, run_id)["state"] in ("success", "failed"), "the run is over")
    (task,) = client.tasks("erase_user", run_id)
    log = client.log("erase_user", run_id, "erase", task["try_number"])
    assert task["state"] == "success", log
    assert task["try_number"] == 2, "the task was killed too late: this proves nothing"
    (receipt,) = set((home / "erasure" / "receipts").iterdir()) - before
    assert receipt.stem == client.xcom("erase_user", run_id, "erase")
    told = json.loads(receipt.read_bytes())
    assert (told["runs"], told["asked_by"]) == (2, "request 8")
    assert told["raw"]["rows_events"] > 0
    assert list(files_with(home, *person)) == []
    assert_whole(home)


def run_of(platform: Platform, run_id: str) -> dict[str, Any]:
    return next(run for run in platform.client.runs() if run["dag_run_id"] == run_id)


def conf_of(platform: Platform, run_id: str) -> dict[str, Any]:
    with suppress(PlatformError):  # the database is being written anew
        return dict(run_of(platform, run_id)["conf"])
    return {}


def wait_until(holds: Callable[[], bool], what: str, seconds: float = 300.0) -> None:
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline, f"after {seconds:.0f} s still not: {what}"
        time.sleep(0.05)
