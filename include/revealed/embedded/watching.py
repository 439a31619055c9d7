"""Follow what the scheduler does until nothing more follows from it, telling every step on the way."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import Any

from revealed.embedded.rest import AirflowClient
from revealed.errors import PlatformError
from revealed.progress import Progress

_ACTIVE = {"queued", "running"}
_ASKS = "awaiting_input"
_WORKS = {"scheduled", "queued", "running", "restarting", "up_for_retry", "up_for_reschedule", "deferred"}
_TOLD = {"running", "success", "failed", "skipped", "up_for_retry", _ASKS}
_STALLED_AFTER_SECONDS = 600.0
_LOG_LINES = 40


@dataclass
class Watcher:
    """Tells each change of a run or task once, with the seconds since `began` (monotonic)."""

    client: AirflowClient
    progress: Progress
    began: float = field(default_factory=time.monotonic)
    _states: dict[tuple[str, str, str], str] = field(default_factory=dict)

    def wait_until_settled(self, after: str, *, poll_seconds: float = 1.0) -> list[dict[str, Any]]:
        """Return the runs since `after` (ISO moment) once all are done and every asset event has been answered.

        A run in which nothing is left but a person's answer counts as done: nothing follows without it.

        Raises:
            PlatformError: a task failed (the message ends with its log), or nothing has moved for ten minutes.
        """
        moved = time.monotonic()
        while True:
            runs = self.client.runs(after=after)
            if self._tell(runs):
                moved = time.monotonic()
            if runs and self._is_settled(runs, after):
                return runs
            if time.monotonic() - moved > _STALLED_AFTER_SECONDS:
                raise PlatformError("nothing has moved for ten minutes", where=", ".join(_names(runs)))
            time.sleep(poll_seconds)

    def _is_settled(self, runs: list[dict[str, Any]], after: str) -> bool:
        """Return whether no run is active and every event has started each DAG that waits for it."""
        if any(run["state"] in _ACTIVE and not self._waits_for_a_person(run) for run in runs):
            return False
        awake = {dag["dag_id"] for dag in self.client.dags() if not dag["is_paused"]}
        consumers = {
            asset["id"]: {dag["dag_id"] for dag in asset["scheduled_dags"]} & awake
            for asset in self.client.assets()
        }
        events = self.client.asset_events(after=after)
        # An event may have started a run after `runs` was read.
        seen = {(run["dag_id"], run["dag_run_id"]) for run in runs}
        if any(
            (run["dag_id"], run["run_id"]) not in seen for event in events for run in event["created_dagruns"]
        ):
            return False
        return all(consumers.get(event["asset_id"], set()) <= _started_by(event) for event in events)

    def _waits_for_a_person(self, run: dict[str, Any]) -> bool:
        """Return whether all that the last look at this run showed is a question to somebody."""
        known = (run["dag_id"], run["dag_run_id"])
        states = {state for (*owner, task), state in self._states.items() if task and tuple(owner) == known}
        return _ASKS in states and not states & _WORKS

    def _tell(self, runs: list[dict[str, Any]]) -> bool:
        """Tell what has changed since the last call and return whether anything has."""
        changed = False
        for run in runs:
            known = self._states.get((run["dag_id"], run["dag_run_id"], ""))
            if known == run["state"] and run["state"] not in _ACTIVE:
                continue
            changed |= self._note(run["dag_id"], run["dag_run_id"], "", run["state"])
            for task in self.client.tasks(run["dag_id"], run["dag_run_id"]):
                changed |= self._note_task(run, task)
        return changed

    def _note_task(self, run: dict[str, Any], task: dict[str, Any]) -> bool:
        changed = self._note(run["dag_id"], run["dag_run_id"], task["task_id"], task["state"] or "")
        if changed and task["state"] == "failed":
            raise self._failure(task)
        return changed

    def _note(self, dag_id: str, run_id: str, task_id: str, state: str) -> bool:
        key = (dag_id, run_id, task_id)
        if self._states.get(key) == state:
            return False
        self._states[key] = state
        if state in _TOLD and not _is_detail(task_id):
            name = f"{dag_id}.{task_id}" if task_id else dag_id
            self.progress(f"{time.monotonic() - self.began:4.0f} s  {name}: {state.replace('_', ' ')}")
        return True

    def _failure(self, task: dict[str, Any]) -> PlatformError:
        text = self.client.log(task["dag_id"], task["dag_run_id"], task["task_id"], task["try_number"])
        tail = "\n".join(text.splitlines()[-_LOG_LINES:])
        return PlatformError(
            f"{task['dag_id']}.{task['task_id']} failed; the end of its log:\n{tail}",
            where=f"{task['dag_id']}, run {task['dag_run_id']}",
            remedy="the cause stands above; `make up` shows the whole run",
        )


def _is_detail(task_id: str) -> bool:
    """Return whether a task is one of dbt's many models; the one that runs them all is told."""
    return task_id.startswith("dbt_build.") and not task_id.endswith("dbt_producer_watcher")


def _started_by(event: dict[str, Any]) -> set[str]:
    return {str(run["dag_id"]) for run in event["created_dagruns"]}


def _names(runs: list[dict[str, Any]]) -> list[str]:
    return [f"{run['dag_id']} ({run['state']})" for run in runs if run["state"] in _ACTIVE]
