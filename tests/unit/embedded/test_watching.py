from __future__ import annotations

from typing import Any

import pytest

from revealed.embedded.watching import Watcher
from revealed.errors import PlatformError


class Script:
    """A scheduler that shows one prepared scene a poll; the last one stays."""

    def __init__(self, *scenes: dict[str, Any]) -> None:
        self.scenes = list(scenes)
        self.polls = 0

    @property
    def scene(self) -> dict[str, Any]:
        return self.scenes[min(self.polls, len(self.scenes)) - 1]

    def runs(self, *, after: str = "") -> list[dict[str, Any]]:
        self.polls += 1
        return [
            {"dag_id": d, "dag_run_id": f"{d}-1", "state": state} for d, state in self.scene["runs"].items()
        ]

    def tasks(self, dag_id: str, run_id: str) -> list[dict[str, Any]]:
        states = self.scene.get("tasks", {}).get(dag_id, {})
        return [
            {"dag_id": dag_id, "dag_run_id": run_id, "task_id": name, "state": state, "try_number": 1}
            for name, state in states.items()
        ]

    def dags(self) -> list[dict[str, Any]]:
        paused = {"a": False, "b": False, "sleeper": True}
        return [{"dag_id": name, "is_paused": is_paused} for name, is_paused in paused.items()]

    def assets(self) -> list[dict[str, Any]]:
        return [
            {"id": 7, "scheduled_dags": [{"dag_id": "b"}, {"dag_id": "sleeper"}]},
            {"id": 8, "scheduled_dags": []},
        ]

    def asset_events(self, *, after: str = "") -> list[dict[str, Any]]:
        return [
            {"asset_id": asset, "created_dagruns": [{"dag_id": dag, "run_id": f"{dag}-1"} for dag in started]}
            for asset, started in self.scene.get("events", [])
        ]

    def log(self, dag_id: str, run_id: str, task_id: str, attempt: int) -> str:
        return "\n".join(f"line {n}" for n in range(100)) + "\nAuditFailedError: row e-17"


def _watch(script: Script) -> tuple[list[dict[str, Any]], list[str]]:
    told: list[str] = []
    watcher = Watcher(script, lambda message, done=0, total=0: told.append(message[8:]))  # type: ignore[arg-type]
    return watcher.wait_until_settled("t", poll_seconds=0.0), told


def test_it_waits_for_the_run_that_an_event_has_not_started_yet() -> None:
    script = Script(
        {"runs": {"a": "running"}},
        {"runs": {"a": "success"}, "events": [(7, []), (8, [])]},
        {"runs": {"a": "success"}, "events": [(7, []), (8, [])]},
        {"runs": {"a": "success", "b": "queued"}, "events": [(7, ["b"]), (8, [])]},
        {"runs": {"a": "success", "b": "success"}, "events": [(7, ["b"]), (8, [])]},
    )
    runs, _ = _watch(script)
    assert script.polls == 5
    assert [run["state"] for run in runs] == ["success", "success"]


def test_a_paused_dag_is_not_waited_for() -> None:
    script = Script({"runs": {"a": "success", "b": "success"}, "events": [(7, ["b"])]})
    _watch(script)
    assert script.polls == 1


def test_a_run_that_began_between_two_questions_is_waited_for() -> None:
    """The runs are read first, the events after: what an event has started in between is in no list yet."""
    script = Script(
        {"runs": {"a": "success"}, "events": [(7, ["b"])]},
        {"runs": {"a": "success", "b": "running"}, "events": [(7, ["b"])]},
        {"runs": {"a": "success", "b": "success"}, "events": [(7, ["b"])]},
    )
    runs, _ = _watch(script)
    assert script.polls == 3
    assert [run["state"] for run in runs] == ["success", "success"]


def test_every_change_is_told_once_and_dbts_many_models_are_not() -> None:
    script = Script(
        {"runs": {"a": "running"}, "tasks": {"a": {"one": "running", "dbt_build.x_run": "running"}}},
        {"runs": {"a": "running"}, "tasks": {"a": {"one": "running", "dbt_build.x_run": "success"}}},
        {
            "runs": {"a": "success"},
            "tasks": {"a": {"one": "success", "dbt_build.dbt_producer_watcher": "success"}},
        },
    )
    assert _watch(script)[1] == [
        "a: running",
        "a.one: running",
        "a: success",
        "a.one: success",
        "a.dbt_build.dbt_producer_watcher: success",
    ]


@pytest.mark.parametrize("task", ["audit", "dbt_build.fct_events_run"])
def test_a_failed_task_ends_the_wait_with_the_end_of_its_log(task: str) -> None:
    with pytest.raises(PlatformError, match="row e-17") as caught:
        _watch(Script({"runs": {"a": "running"}, "tasks": {"a": {task: "failed"}}}))
    assert caught.value.exit_code == 15
    assert f"a.{task} failed" in caught.value.what
    assert "line 10\n" not in caught.value.what


def test_a_task_that_will_be_tried_again_is_not_a_failure() -> None:
    script = Script(
        {"runs": {"a": "running"}, "tasks": {"a": {"one": "up_for_retry"}}},
        {"runs": {"a": "success"}, "tasks": {"a": {"one": "success"}}},
    )
    assert "a.one: up for retry" in _watch(script)[1]


def test_a_question_to_a_person_is_not_waited_for_but_what_runs_beside_it_is() -> None:
    asked = {"await_approval": "awaiting_input", "promote": None}
    script = Script(
        {"runs": {"a": "running"}, "tasks": {"a": {"assess": "running", "await_approval": None}}},
        {"runs": {"a": "running"}, "tasks": {"a": {**asked, "assess": "up_for_retry"}}},
        {"runs": {"a": "running", "b": "queued"}, "tasks": {"a": {**asked, "assess": "success"}}},
        {"runs": {"a": "running", "b": "success"}, "tasks": {"a": {**asked, "assess": "success"}}},
    )
    runs, told = _watch(script)
    assert script.polls == 4
    assert [run["state"] for run in runs] == ["running", "success"]
    assert "a.await_approval: awaiting input" in told
