"""A small client of Airflow's REST API (v2): what the demo driver and the integration tests need, no more."""

from __future__ import annotations

import http.client
import json
import time
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from urllib.parse import quote, urlencode

from revealed.errors import PlatformError

_TIMEOUT_SECONDS = 30.0
_PAGE = 100
_ASKS, _ENDED = "awaiting_input", {"success", "failed", "skipped", "upstream_failed"}
_ANSWERED_WITHIN_SECONDS = 120.0


@dataclass
class AirflowClient:
    """Talks to one Airflow as one user.

    Every method raises PlatformError when Airflow is out of reach or refuses; the message holds its answer.
    """

    host: str
    port: int
    username: str
    password: str = field(repr=False)
    _token: str = field(default="", repr=False)

    def health(self) -> dict[str, str]:
        """Return each component's state as Airflow's monitor tells it ("healthy", "unhealthy" or "")."""
        answer = self._request("GET", "/api/v2/monitor/health", authorised=False)
        return {name: str((part or {}).get("status") or "") for name, part in answer.items()}

    def dags(self) -> list[dict[str, Any]]:
        """Return every DAG that the scheduler knows."""
        return self._all("/api/v2/dags", "dags")

    def import_errors(self) -> list[dict[str, Any]]:
        """Return the DAG files that do not load, with their stack traces."""
        return self._all("/api/v2/importErrors", "import_errors")

    def pause(self, dag_id: str, *, paused: bool = True) -> None:
        """Keep the scheduler from running a DAG, or let it."""
        self._request("PATCH", f"/api/v2/dags/{quote(dag_id)}", {"is_paused": paused})

    def trigger(self, dag_id: str, conf: dict[str, Any], *, logical_date: datetime | None = None) -> str:
        """Start a run with `conf` and return its id."""
        body = {"conf": conf, "logical_date": logical_date.isoformat() if logical_date else None}
        return str(self._request("POST", f"/api/v2/dags/{quote(dag_id)}/dagRuns", body)["dag_run_id"])

    def runs(self, *, after: str = "") -> list[dict[str, Any]]:
        """Return the runs of all DAGs, oldest first; with `after` (an ISO moment) only those due since."""
        query = {"order_by": "id"} | ({"run_after_gte": after} if after else {})
        return self._all("/api/v2/dags/~/dagRuns", "dag_runs", query)

    def tasks(self, dag_id: str, run_id: str) -> list[dict[str, Any]]:
        """Return the task instances of one run."""
        return self._all(_task_path(dag_id, run_id), "task_instances")

    def log(self, dag_id: str, run_id: str, task_id: str, attempt: int) -> str:
        """Return the text of one attempt's log."""
        path = f"{_task_path(dag_id, run_id, task_id)}/logs/{attempt}"
        answer = self._request("GET", f"{path}?full_content=true")
        return "\n".join(_log_line(entry) for entry in answer.get("content", []))

    def xcom(self, dag_id: str, run_id: str, task_id: str, key: str = "return_value") -> Any:
        """Return the value that a task handed on."""
        path = f"{_task_path(dag_id, run_id, task_id)}/xcomEntries/{key}"
        return self._request("GET", f"{path}?deserialize=false&stringify=false")["value"]

    def assets(self) -> list[dict[str, Any]]:
        """Return the assets, each with the DAGs that start on it (`scheduled_dags`)."""
        return self._all("/api/v2/assets", "assets")

    def asset_events(self, *, after: str = "") -> list[dict[str, Any]]:
        """Return the asset events, oldest first, each with the runs it started (`created_dagruns`)."""
        query = {"order_by": "timestamp"} | ({"timestamp_gte": after} if after else {})
        return self._all("/api/v2/assets/events", "asset_events", query)

    def approval(self, dag_id: str, run_id: str, task_id: str) -> dict[str, Any]:
        """Return what a waiting approval task shows: `subject`, `body` (Markdown), `options`, `params`."""
        return self._request("GET", _approval_path(dag_id, run_id, task_id))

    def answer_approval(
        self, dag_id: str, run_id: str, task_id: str, *, approve: bool, comment: str | None = None
    ) -> None:
        """Answer a waiting approval task the way a reviewer does in the UI, and return once the task is done with it.

        Airflow loses an answer that comes before its scheduler has seen that the task waits: it tries the task again, which
        asks anew. Such a question is answered again.

        Raises:
            PlatformError: Airflow refuses the answer, or the task has not ended two minutes later.
        """
        path = _approval_path(dag_id, run_id, task_id)
        answer = {
            "chosen_options": ["Approve" if approve else "Reject"],
            "params_input": {"comment": comment},
        }
        self._request("PATCH", path, answer)
        until = time.monotonic() + _ANSWERED_WITHIN_SECONDS
        while time.monotonic() < until:
            states = {task["task_id"]: task["state"] for task in self.tasks(dag_id, run_id)}
            if states[task_id] in _ENDED:
                return
            if states[task_id] == _ASKS and not self._request("GET", path)["response_received"]:
                self._request("PATCH", path, answer)
            time.sleep(1.0)  # Airflow tells nobody: it has to be asked
        raise PlatformError("the approval task does not take its answer", where=f"{dag_id}, run {run_id}")

    def _all(self, path: str, key: str, query: dict[str, str] | None = None) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = []
        while True:
            text = urlencode((query or {}) | {"limit": str(_PAGE), "offset": str(len(found))})
            page = self._request("GET", f"{path}?{text}")
            found += page[key]
            if len(found) >= page["total_entries"] or not page[key]:
                return found

    def _request(
        self, method: str, path: str, body: Any = None, *, authorised: bool = True
    ) -> dict[str, Any]:
        status, answer = self._send(method, path, body, self._authorise() if authorised else "")
        if status == 401 and authorised:  # the token has run out
            self._token = ""
            status, answer = self._send(method, path, body, self._authorise())
        if status >= 400:
            raise PlatformError(f"Airflow answered {status}: {answer[:500]}", where=f"{method} {path}")
        parsed: dict[str, Any] = json.loads(answer) if answer else {}
        return parsed

    def _authorise(self) -> str:
        if not self._token:
            credentials = {"username": self.username, "password": self.password}
            self._token = self._request("POST", "/auth/token", credentials, authorised=False)["access_token"]
        return self._token

    def _send(self, method: str, path: str, body: Any, token: str) -> tuple[int, str]:
        headers = {"Accept": "application/json", "Content-Type": "application/json"}
        headers |= {"Authorization": f"Bearer {token}"} if token else {}
        connection = http.client.HTTPConnection(self.host, self.port, timeout=_TIMEOUT_SECONDS)
        try:
            connection.request(method, path, None if body is None else json.dumps(body), headers)
            response = connection.getresponse()
            return response.status, response.read().decode(errors="replace")
        except (OSError, http.client.HTTPException) as error:
            raise PlatformError(
                f"Airflow does not answer: {error}", where=f"http://{self.host}:{self.port}{path}"
            ) from error
        finally:
            connection.close()


def _task_path(dag_id: str, run_id: str, task_id: str = "") -> str:
    run = f"/api/v2/dags/{quote(dag_id)}/dagRuns/{quote(run_id)}/taskInstances"
    return f"{run}/{quote(task_id)}" if task_id else run


def _approval_path(dag_id: str, run_id: str, task_id: str) -> str:
    return f"{_task_path(dag_id, run_id, task_id)}/-1/hitlDetails"


def _log_line(entry: Any) -> str:
    if not isinstance(entry, dict):
        return str(entry)
    detail = "".join(
        f"\n{error.get('exc_type', '')}: {error.get('exc_value', '')}"
        for error in entry.get("error_detail") or []
    )
    return f"{entry.get('event', '')}{detail}"
