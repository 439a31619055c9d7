"""Kills while a warehouse is built and published: what is in service stays whole, and the next attempt gets there."""

from __future__ import annotations

import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest
from built_warehouses import (
    FINISH,
    FIRST,
    PREPARE,
    PUBLISH,
    SECOND,
    World,
    age,
    assert_in_service,
    audited,
    candidate_in,
    hashes_of,
    kill_at,
    latest_event,
    rebase,
    settings_at,
    start,
    temporary_files,
)

sys.path.insert(0, str(Path(__file__).parents[1] / "dbt"))

from loop_steps import build_models

from revealed.durable import exclusive_lock
from revealed.errors import DamagedFileError, LockedError, MissingInputError, StaleError
from revealed.faults import WAREHOUSE_BUILD_POINTS, WAREHOUSE_PUBLISH_POINTS
from revealed.landing import ingest_landing
from revealed.settings import Settings
from revealed.simulation import WorldConfig, simulate
from revealed.warehouse import (
    clean_leftovers,
    finish_candidate,
    load_plan,
    open_published,
    prepare_candidate,
    publish_built,
)

pytestmark = [pytest.mark.integration]

# Whether a file is whole does not hang on how many tables are in it.
MARTS = ("+fct_events", "+fct_impressions")


@pytest.fixture(scope="module")
def original(tmp_path_factory: pytest.TempPathFactory) -> World:
    """Two real dbt builds of a few marts, once: generation 1, and a candidate on top of it, not finished and finished."""
    settings = settings_at(tmp_path_factory.mktemp("original"))
    simulate(settings.landing, WorldConfig(days=4, users=30, items=20, seed=3))
    ingest_landing(settings)
    plan = build_models(settings, FIRST, *MARTS)
    finish_candidate(settings, plan)
    publish_built(settings, audited(settings, plan))
    plan = build_models(settings, SECOND, *MARTS)
    aside = settings.home / "aside"
    shutil.copytree(audited(settings, plan), aside / "raw" / plan.folder.name)
    finish_candidate(settings, plan)
    shutil.copytree(plan.folder, aside / "finished" / plan.folder.name)
    shutil.rmtree(plan.folder)
    return World(settings, aside / "raw" / plan.folder.name, aside / "finished" / plan.folder.name)


@pytest.fixture
def home(original: World, tmp_path: Path) -> Settings:
    """A private copy with generation 1 in service."""
    ignore = shutil.ignore_patterns("aside")
    shutil.copytree(original.settings.home, tmp_path / "home", symlinks=True, ignore=ignore)
    return settings_at(tmp_path / "home")


@pytest.fixture(scope="module")
def unkilled(original: World) -> dict[str, str]:
    """Content hashes of the second day's build, which nobody killed."""
    return hashes_of(original.candidate / "warehouse.duckdb", original.settings)


@pytest.mark.parametrize("point", WAREHOUSE_PUBLISH_POINTS)
def test_a_kill_while_publishing_keeps_a_whole_warehouse_and_the_retry_finishes(
    home: Settings, original: World, unkilled: dict[str, str], point: str
) -> None:
    reader = open_published(home)
    before = latest_event(reader)
    folder = candidate_in(home, original.candidate)
    kill_at(point, home, PUBLISH, str(folder))
    assert_in_service(home, 2 if point == "warehouse_swapped" else 1)
    assert latest_event(reader) == before

    manifest = publish_built(home, folder)
    assert manifest.generation == 2
    assert_in_service(home, 2)
    assert hashes_of(home.published_warehouse, home) == unkilled
    assert latest_event(reader) == before
    reader.close()
    assert publish_built(home, folder) == manifest
    assert not folder.exists()
    assert temporary_files(home) == []


def test_a_new_build_after_a_kill_passes_the_abandoned_generation_by(
    home: Settings, original: World, unkilled: dict[str, str]
) -> None:
    killed = candidate_in(home, original.candidate)
    kill_at("warehouse_renamed", home, PUBLISH, str(killed))
    manifest = publish_built(home, candidate_in(home, original.candidate, "later"))
    assert manifest.generation == 3
    assert hashes_of(home.published_warehouse, home) == unkilled
    assert_in_service(home, 3)
    with pytest.raises(StaleError, match="generation 3 was published since"):
        publish_built(home, killed)
    assert_in_service(home, 3)


def test_a_retry_refuses_a_generation_that_was_damaged_meanwhile(home: Settings, original: World) -> None:
    folder = candidate_in(home, original.candidate)
    kill_at("warehouse_renamed", home, PUBLISH, str(folder))
    moved = home.published / "warehouse" / "000002" / "warehouse.duckdb"
    moved.chmod(0o600)
    with moved.open("r+b") as file:
        file.seek(moved.stat().st_size // 2)
        byte = file.read(1)
        file.seek(-1, 1)
        file.write(bytes([byte[0] ^ 1]))
    with pytest.raises(DamagedFileError, match="000002"):
        publish_built(home, folder)
    assert_in_service(home, 1)


def test_a_candidate_that_never_was_is_told(home: Settings) -> None:
    with pytest.raises(MissingInputError, match="no candidate is here"):
        publish_built(home, home.candidates / "20260104T000000-00000000")


@pytest.mark.parametrize("point", WAREHOUSE_BUILD_POINTS)
def test_a_kill_while_building_changes_nothing_in_service(
    home: Settings, original: World, unkilled: dict[str, str], point: str
) -> None:
    if point in {"candidate_copied", "candidate_planned"}:
        kill_at(point, home, PREPARE, SECOND.isoformat())
        (left,) = home.candidates.iterdir()
        assert (left / "plan.json").exists() == (point == "candidate_planned")
        folder = candidate_in(home, original.candidate)
    else:
        folder = candidate_in(home, original.raw_candidate)
        kill_at(point, home, FINISH, str(folder))
        finish_candidate(home, load_plan(folder))
    assert_in_service(home, 1)
    publish_built(home, folder)
    assert hashes_of(home.published_warehouse, home) == unkilled
    assert_in_service(home, 2)


def test_a_killed_preparation_does_not_change_the_next_one(home: Settings) -> None:
    kill_at("candidate_copied", home, PREPARE, SECOND.isoformat())
    plan = prepare_candidate(home, SECOND)
    assert (plan.base_generation, plan.as_of) == (1, SECOND)
    assert plan.window_start is not None


def test_of_two_publishers_at_once_exactly_one_moves_the_pointer(home: Settings, original: World) -> None:
    folders = [candidate_in(home, original.candidate, name) for name in ("one", "two")]
    children = [start(home, PUBLISH, str(folder)) for folder in folders]
    for child in children:
        child.communicate(timeout=120)
    codes = sorted(child.returncode for child in children)
    assert codes in ([0, 5], [0, 12])
    assert_in_service(home, 2)
    assert not (home.published / "warehouse" / "000003").exists()


def test_a_second_publisher_is_refused_while_the_first_is_at_work(home: Settings, original: World) -> None:
    folder = candidate_in(home, original.candidate)
    with exclusive_lock(home.locks / "warehouse.lock", "publish"):
        child = start(home, PUBLISH, str(folder))
        child.communicate(timeout=120)
        with pytest.raises(LockedError):
            clean_leftovers(home)
    assert child.returncode == 5
    assert_in_service(home, 1)
    assert publish_built(home, folder).generation == 2


def test_readers_never_meet_a_missing_or_partial_file(home: Settings, original: World) -> None:
    """Ten publishes with the pointer moving and old generations going, while two readers open the file again and again."""
    stop = threading.Event()
    all_reading = threading.Barrier(3)
    seen: list[object] = []
    failures: list[Exception] = []

    def look() -> None:
        con = open_published(home)
        seen.append(latest_event(con))
        con.close()

    def read() -> None:
        look()
        all_reading.wait(60)
        while not stop.is_set():
            try:
                look()
            except Exception as error:  # whatever a reader could meet is the finding
                failures.append(error)
                return

    readers = [threading.Thread(target=read) for _ in range(2)]
    for thread in readers:
        thread.start()
    all_reading.wait(60)
    try:
        for generation in range(1, 11):
            folder = rebase(candidate_in(home, original.candidate, f"c{generation}"), generation)
            assert publish_built(home, folder).generation == generation + 1
    finally:
        stop.set()
        for thread in readers:
            thread.join()
    assert failures == []
    look()
    assert len(set(seen)) == 2  # what was in service before, and what all ten hold
    kept = sorted(path.name for path in (home.published / "warehouse").iterdir())
    assert kept == [f"{number:06d}" for number in range(7, 12)]


def test_leftovers_go_and_living_builds_stay(home: Settings, original: World) -> None:
    copy = partial(candidate_in, home, original.candidate)
    doomed_and_quiet = age(rebase(copy("doomed_and_quiet"), 0), 2)
    doomed_but_busy = rebase(copy("doomed_but_busy"), 0)
    publishable_at_rest = age(copy("publishable_at_rest"), 2)
    publishable_and_old = age(copy("publishable_and_old"), 30)
    without_plan_new = home.candidates / "without_plan_new"
    without_plan_old = home.candidates / "without_plan_old"
    for folder in (without_plan_new, without_plan_old):
        folder.mkdir()
    age(without_plan_old, 2)
    link = home.published / ".warehouse.duckdb.99999.tmp"
    link.symlink_to("nowhere")
    in_service = age(home.published / "warehouse" / "000001", 1000)

    removed = clean_leftovers(home)
    assert set(removed) == {doomed_and_quiet, publishable_and_old, without_plan_old, link}
    assert not any(path.exists() or path.is_symlink() for path in removed)
    assert all(path.exists() for path in (doomed_but_busy, publishable_at_rest, without_plan_new, in_service))
    assert_in_service(home, 1)
    assert clean_leftovers(home) == []


def test_an_abandoned_generation_is_kept_for_the_retry_and_goes_after_a_day(
    home: Settings, original: World
) -> None:
    kill_at("warehouse_renamed", home, PUBLISH, str(candidate_in(home, original.candidate)))
    abandoned = home.published / "warehouse" / "000002"
    assert clean_leftovers(home) == []
    assert abandoned.is_dir()
    age(abandoned, 25)
    assert clean_leftovers(home) == [abandoned]
    assert_in_service(home, 1)


@pytest.fixture
def writer(home: Settings, original: World) -> Iterator[Path]:
    """A candidate that looks long abandoned, and a process that is writing it all the same."""
    folder = rebase(candidate_in(home, original.raw_candidate, "slow"), 0)
    code = (
        "import sys, duckdb; con = duckdb.connect(sys.argv[1]); print('open', flush=True); sys.stdin.read()"
    )
    command = [sys.executable, "-c", code, str(folder / "warehouse.duckdb")]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as child:
        assert child.stdout is not None
        assert child.stdout.readline() == "open\n"
        yield age(folder, 1000)
        child.communicate(timeout=60)


def test_what_another_process_is_writing_stays_however_old_it_looks(home: Settings, writer: Path) -> None:
    assert clean_leftovers(home) == []
    assert (writer / "warehouse.duckdb").exists()
