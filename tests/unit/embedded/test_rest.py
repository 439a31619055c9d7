from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from revealed.embedded import ports
from revealed.embedded.rest import AirflowClient
from revealed.errors import PlatformError

RUNS = [{"dag_id": "a", "dag_run_id": f"run+{n}", "state": "success"} for n in range(250)]


class FakeAirflow(BaseHTTPRequestHandler):
    """Pages as Airflow pages, and lets each token answer three times."""

    tokens = 0
    uses = 0
    seen: list[tuple[str, str, Any]]

    def log_message(self, format: str, *args: Any) -> None:
        pass

    def _answer(self, status: int, value: Any) -> None:
        self.send_response(status)
        self.end_headers()
        self.wfile.write(json.dumps(value).encode())

    def _handle(self) -> None:
        kind = type(self)
        body = json.loads(self.rfile.read(int(self.headers.get("Content-Length") or 0)) or "null")
        kind.seen.append((self.command, self.path, body))
        parts = urlsplit(self.path)
        if parts.path == "/auth/token":
            kind.tokens, kind.uses = kind.tokens + 1, 0
            return self._answer(201, {"access_token": f"t{kind.tokens}"})
        kind.uses += 1
        if kind.uses > 3 or self.headers["Authorization"] != f"Bearer t{kind.tokens}":
            return self._answer(401, {"detail": "expired"})
        if parts.path == "/api/v2/dags/~/dagRuns":
            query = parse_qs(parts.query)
            start, size = int(query["offset"][0]), int(query["limit"][0])
            return self._answer(200, {"dag_runs": RUNS[start : start + size], "total_entries": len(RUNS)})
        if parts.path.endswith("/dagRuns"):
            return self._answer(200, {"dag_run_id": "manual"})
        return self._answer(404, {"detail": "no such dag"})

    do_GET = do_POST = do_PATCH = _handle  # noqa: N815 - the names http.server calls


@pytest.fixture
def client() -> Iterator[AirflowClient]:
    handler = type("Handler", (FakeAirflow,), {"seen": []})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    made = AirflowClient("127.0.0.1", server.server_address[1], "admin", "pw")
    made.seen = handler.seen  # type: ignore[attr-defined]
    yield made
    server.shutdown()
    server.server_close()


def test_all_pages_are_read_in_order_and_a_token_that_ran_out_is_renewed(client: AirflowClient) -> None:
    assert client.runs() == RUNS
    assert client.runs() == RUNS
    assert sum(path == "/auth/token" for _, path, _ in client.seen) == 2  # type: ignore[attr-defined]


def test_a_trigger_hands_over_its_conf(client: AirflowClient) -> None:
    assert client.trigger("ingest_logs", {"through": "2026-01-14"}) == "manual"
    assert client.seen[-1] == (  # type: ignore[attr-defined]
        "POST",
        "/api/v2/dags/ingest_logs/dagRuns",
        {"conf": {"through": "2026-01-14"}, "logical_date": None},
    )


def test_a_refusal_is_told_with_airflows_words(client: AirflowClient) -> None:
    with pytest.raises(PlatformError, match=r"404.*no such dag") as caught:
        client.pause("none")
    assert "/api/v2/dags/none" in caught.value.where


def test_an_airflow_that_is_not_there_is_told_with_its_address() -> None:
    port = ports.any_free_port()
    with pytest.raises(PlatformError, match="does not answer") as caught:
        AirflowClient("127.0.0.1", port, "admin", "pw").dags()
    assert f":{port}" in caught.value.where


def test_the_password_is_not_shown(client: AirflowClient) -> None:
    client.runs()
    assert "t1" not in repr(client)
    assert "pw" not in repr(client)
