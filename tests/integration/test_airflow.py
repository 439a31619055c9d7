"""The loop in a running Airflow: from landed files to a person's yes, over a broken row, and back to a whole warehouse.

One platform for the file; the tests are the steps of one story, in this order. A step whose forerunner failed is skipped.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path
from typing import Any
from urllib.parse import quote

import duckdb
import psutil  # type: ignore[import-untyped]  # ships no types
import pytest

from revealed.clock import utc_now
from revealed.days import as_of_end_of
from revealed.embedded import ports
from revealed.embedded.configuration import HOST, read_passwords
from revealed.embedded.demo import LOOP
from revealed.embedded.platform import Platform, running_platform
from revealed.embedded.rest import AirflowClient
from revealed.embedded.watching import Watcher
from revealed.errors import NothingPublishedError, PlatformError
from revealed.progress import to_stderr
from revealed.publishing import current_snapshot, read_recommendations
from revealed.registry import current_champion, fetch_model, read_model_version
from revealed.settings import Settings
from revealed.simulation import WorldConfig, simulate
from revealed.warehouse import (
    digest_file,
    digest_published,
    finish_candidate,
    open_published,
    prepare_candidate,
    read_manifest,
    run_dbt,
)

pytestmark = [pytest.mark.integration]

WORLD = WorldConfig(users=200, items=100, days=12)
DAY_BEFORE, LAST_DAY = WORLD.day(WORLD.days - 2), WORLD.day(WORLD.days - 1)
APPROVAL = ("review_model", "await_approval")
COMMENT = "better than popularity by far"
BUSIEST = (
    "select user_id, list(item_id) from marts.feedback_user_item where is_consumed "
    "and user_id not like 'anon:%' group by 1 order by count(*) desc, 1 limit 1"
)


@dataclass
class Loop:
    """The platform under test, and what its users do with it."""

    platform: Platform
    watcher: Watcher
    failed_before: int

    @property
    def settings(self) -> Settings:
        return self.platform.settings

    @property
    def client(self) -> AirflowClient:
        return self.platform.client

    def turn(self, day: date) -> dict[str, dict[str, Any]]:
        """Run ingest_logs through `day` and return the newest run of each DAG that followed."""
        after = utc_now().isoformat()
        self.client.trigger("ingest_logs", {"through": day.isoformat()})
        return self.settle(after)

    def settle(self, after: str) -> dict[str, dict[str, Any]]:
        """Wait until nothing follows any more; a failed task ends the test with the end of its log."""
        return {run["dag_id"]: run for run in self.watcher.wait_until_settled(after, poll_seconds=1.0)}

    def states(self, run: dict[str, Any]) -> dict[str, str | None]:
        """Return each task's state in a run."""
        tasks = self.client.tasks(run["dag_id"], run["dag_run_id"])
        return {task["task_id"]: task["state"] for task in tasks}

    def newest(self, dag_id: str) -> dict[str, Any]:
        """Return a DAG's newest run."""
        return [run for run in self.client.runs() if run["dag_id"] == dag_id][-1]

    def in_service(self) -> dict[str, Any]:
        """Return the content of everything that people and services read now, by digest."""
        snapshot = current_snapshot(self.settings)
        return {
            "warehouse": digest_published(self.settings).marts,
            "datasets": sorted(path.name for path in self.settings.datasets.iterdir()),
            "champion": snapshot.model_id,
            "snapshot": {name: entry["sha256"] for name, entry in snapshot.files.items()},
        }


@pytest.fixture(scope="module")
def running(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Loop]:
    given = {
        "REVEALED_HOME": str(tmp_path_factory.mktemp("home")),
        "REVEALED_LANDING_GRACE_SECONDS": "0",
        "REVEALED_HOLDOUT_DAYS": "3",
        "REVEALED_AUTO_APPROVE": "0",
        "REVEALED_AIRFLOW_PORT": str(ports.any_free_port()),
    }
    settings = Settings.from_env(given)
    simulate(settings, WORLD)
    with running_platform(settings, progress=to_stderr) as platform:
        assert platform.client.import_errors() == []
        for dag_id in LOOP:
            platform.client.pause(dag_id, paused=False)
        yield Loop(platform, Watcher(platform.client, to_stderr), request.session.testsfailed)
    assert survivors(platform) == []


@pytest.fixture
def loop(running: Loop, request: pytest.FixtureRequest) -> Loop:
    if request.session.testsfailed > running.failed_before:
        pytest.skip("an earlier step of the story failed")
    return running


def survivors(platform: Platform) -> list[str]:
    """Return what still runs in the platform's sessions, tasks included: nothing may."""
    sessions, names = {process.pid for process in platform.processes}, []
    for process in psutil.process_iter():
        with suppress(OSError, psutil.NoSuchProcess):
            if os.getsid(process.pid) in sessions and process.status() != psutil.STATUS_ZOMBIE:
                names.append(process.name())
    return names


def wait_until(holds: Callable[[], bool], what: str, seconds: float = 60.0) -> None:
    """Poll until `holds`; fail with `what` otherwise."""
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline, f"after {seconds:.0f} s still not: {what}"
        time.sleep(0.2)


def test_the_scheduler_carries_the_logs_as_far_as_a_person(loop: Loop) -> None:
    runs = loop.turn(DAY_BEFORE)
    started = {dag_id: run["run_type"] for dag_id, run in runs.items()}
    assert started == dict.fromkeys(LOOP, "asset_triggered") | {"ingest_logs": "manual"}
    waiting = loop.states(runs["review_model"])
    assert waiting.pop("await_approval") == "awaiting_input"
    expected = {"assess": "success", "choose_reviewer": "success", "auto_approve": "skipped"}
    assert waiting == expected | {"promote": None, "turn_down": None}
    assert loop.states(runs["publish_recommendations"])["publish_snapshot"] == "skipped"
    assert current_champion(loop.settings) is None
    with pytest.raises(NothingPublishedError):
        read_recommendations(loop.settings, "anybody", 10)


def test_the_reviewer_sees_the_comparison_and_where_it_comes_from(loop: Loop) -> None:
    body = loop.client.approval(APPROVAL[0], loop.newest("review_model")["dag_run_id"], APPROVAL[1])["body"]
    challenger = read_model_version(loop.settings, "challenger")
    folder = fetch_model(loop.settings, challenger.version)
    evaluation = json.loads((folder / "evaluation.json").read_bytes())
    for name, values in evaluation["comparison"]["metrics"].items():
        row = next(line for line in body.splitlines() if line.startswith((f"| {name} |", f"| **{name}**")))
        assert f"{values['ndcg@10']:.4g}" in row
    assert "popularity" in evaluation["comparison"]["metrics"]
    assert f"http://{HOST}:{loop.settings.mlflow_port}/#/" in body
    assert f"/runs/{challenger.run_id}?" in body
    training = quote(loop.newest("train_recommender")["dag_run_id"])
    assert f"({loop.platform.airflow_url}/dags/train_recommender/runs/{training})" in body


def test_a_viewer_may_look_but_neither_start_nor_decide(loop: Loop) -> None:
    viewer = replace(
        loop.client, username="analyst", password=read_passwords(loop.settings)["analyst"], _token=""
    )
    review = loop.newest("review_model")
    assert {dag["dag_id"] for dag in viewer.dags()} >= set(LOOP)
    runs = len(viewer.runs())
    refusals: list[Callable[[], object]] = [
        lambda: viewer.trigger("ingest_logs", {"through": LAST_DAY.isoformat()}),
        lambda: viewer.pause("ingest_logs"),
        lambda: viewer.answer_approval(APPROVAL[0], review["dag_run_id"], APPROVAL[1], approve=True),
    ]
    for refused in refusals:
        with pytest.raises(PlatformError, match="Airflow answered 403"):
            refused()
    assert len(loop.client.runs()) == runs
    assert loop.states(review)["await_approval"] == "awaiting_input"


def test_an_approval_puts_the_model_in_service_under_the_approvers_name(loop: Loop) -> None:
    challenger = read_model_version(loop.settings, "challenger")
    review = loop.newest("review_model")
    after = utc_now().isoformat()
    loop.client.answer_approval(APPROVAL[0], review["dag_run_id"], APPROVAL[1], approve=True, comment=COMMENT)
    runs = loop.settle(after)
    champion = current_champion(loop.settings)
    assert champion is not None
    assert champion.version == challenger.version
    said = {key: champion.tags[key] for key in ("decision", "decided_by", "decision_note", "gates")}
    assert said == {
        "decision": "promoted",
        "decided_by": "admin",
        "decision_note": COMMENT,
        "gates": "passed",
    }
    assert loop.states(runs["publish_recommendations"])["publish_snapshot"] == "success"
    assert loop.states(review)["turn_down"] == "skipped"
    with open_published(loop.settings) as con:
        user, consumed = con.execute(BUSIEST).fetchall()[0]
    found = read_recommendations(loop.settings, user, 10)
    assert found.is_known
    assert found.model_id == champion.model_id
    assert len({entry.item_id for entry in found.items} - set(consumed)) == 10


@pytest.mark.slow  # a turn of the loop takes minutes of CPU here; without Airflow: test_loop
def test_the_same_day_again_leaves_the_same_data(loop: Loop) -> None:
    before, generation = loop.in_service(), read_manifest(loop.settings)["generation"]
    runs = loop.turn(DAY_BEFORE)
    assert read_manifest(loop.settings)["generation"] == generation + 1
    assert loop.in_service() == before
    assert loop.states(runs["train_recommender"]) == {"is_training_due": "success", "train": "skipped"}
    assert "review_model" not in runs


@pytest.fixture(scope="module")
def broken_row(running: Loop) -> tuple[Path, bytes, str]:
    """Damage one row of the last day, behind the back of landing; return the file, what it was, and the row's key."""
    day = running.settings.raw / "events" / f"event_date={LAST_DAY}"
    victim = max(day.glob("*.parquet"), key=lambda path: path.stat().st_size)
    whole = victim.read_bytes()
    row = duckdb.sql(f"select event_id from '{victim}' order by source_line limit 1").fetchone()
    assert row is not None
    broken = running.settings.home / "broken.parquet"
    duckdb.sql(
        f"copy (select * replace (case when event_id = '{row[0]}' then 1.75 else scroll_depth end as scroll_depth) "
        f"from '{victim}') to '{broken}' (format parquet)"
    )
    broken.replace(victim)
    return victim, whole, row[0]


@pytest.mark.slow  # without Airflow: test_loop
def test_a_broken_row_stops_the_publish_and_is_named(loop: Loop, broken_row: tuple[Path, bytes, str]) -> None:
    before, link = loop.in_service(), loop.settings.published_warehouse.resolve()
    after = utc_now().isoformat()
    with pytest.raises(PlatformError, match=r"build_feedback\.audit failed"):
        loop.turn(LAST_DAY)
    wait_until(lambda: loop.newest("build_feedback")["state"] == "failed", "build_feedback has failed")
    build = loop.newest("build_feedback")
    states = loop.states(build)
    assert {name for name, state in states.items() if state == "failed"} == {"audit"}
    assert (states["publish_warehouse"], states["write_dataset"]) == ("upstream_failed", "upstream_failed")
    log = loop.client.log("build_feedback", build["dag_run_id"], "audit", 1)
    for part in ("marts.fct_events.scroll_depth", broken_row[2], "1.75"):
        assert part in log, f"{part} is not in the log of audit:\n{log[-4000:]}"
    attempts = {
        task["task_id"]: task["try_number"]
        for task in loop.client.tasks("build_feedback", build["dag_run_id"])
    }
    assert attempts["audit"] == 1, "the same rows would give the same answer"
    assert {run["dag_id"] for run in loop.client.runs(after=after)} == {"ingest_logs", "build_feedback"}
    assert (loop.in_service(), loop.settings.published_warehouse.resolve()) == (before, link)


@pytest.mark.slow  # without Airflow: test_loop, tests/chaos
def test_once_mended_a_new_run_publishes_what_a_build_from_scratch_gives(
    loop: Loop, broken_row: tuple[Path, bytes, str]
) -> None:
    victim, whole, key = broken_row
    before = loop.in_service()
    victim.write_bytes(whole)
    runs = loop.turn(LAST_DAY)
    assert {run["state"] for run in runs.values()} == {"success"}
    with open_published(loop.settings) as con:
        assert con.execute(f"select count(*) from marts.fct_events where event_id = '{key}'").fetchone() == (
            1,
        )
    manifest = read_manifest(loop.settings)
    assert manifest["window_start"], "nothing was continued: the comparison below would prove nothing"
    plan = prepare_candidate(loop.settings, as_of_end_of(LAST_DAY), from_scratch=True)
    run_dbt(loop.settings, plan, data_tests=False)
    finish_candidate(loop.settings, plan)
    after = loop.in_service()
    assert digest_file(loop.settings, plan.database) == after["warehouse"]
    assert after["warehouse"] != before["warehouse"]
    assert after["snapshot"] != before["snapshot"]
