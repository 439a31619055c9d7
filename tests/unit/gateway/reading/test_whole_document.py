"""Every call of the OpenAPI document, while something is published, asked for whatever its schema allows and forbids.

A stated answer, and never a 500. The POST calls are fuzzed here at length only: `test_gateway_openapi` has the short one.
"""

from __future__ import annotations

import json
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import schemathesis
import uvicorn
from callers import logged
from hypothesis import HealthCheck, assume, given, settings
from schemathesis import GenerationMode
from schemathesis.core.parameters import ParameterLocation
from schemathesis.specs.openapi.checks import negative_data_rejection, positive_data_acceptance
from small_snapshots import ask, publish

from revealed.clock import utc_now
from revealed.contracts import decode_line
from revealed.gateway.app import create_app
from revealed.gateway.tokens import SCOPES, create_token
from revealed.settings import Settings

CALLS = [
    ("POST", "/v1/events"),
    ("POST", "/v1/inferences"),
    ("GET", "/v1/recommendations/{user}"),
    ("GET", "/v1/items/{item}/similar"),
    ("GET", "/v1/queries/{user}"),
]
_LONGEST_ADDRESS = 40_000
WITHOUT_PARAMETERS = [("GET", "/healthz"), ("GET", "/readyz"), ("GET", "/metrics")]
# What a schema cannot say is refused all the same: an event of nobody, positions that do not count, text that is no JSON.
SAYS_MORE = CALLS[:3]


@contextmanager
def served(home: Settings) -> Iterator[str]:
    """A real server in this process, and its address."""
    app = create_app(home)
    app.state.gateway.disk._least_free = 0
    app.state.gateway.rates._per_second = 1e9
    server = uvicorn.Server(uvicorn.Config(app, port=0, log_level="error", ws="none", lifespan="on"))
    thread = threading.Thread(target=server.run)
    thread.start()
    while not server.started:
        assert thread.is_alive()
        time.sleep(0.01)
    try:
        yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join()


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Settings, str, Any]]:
    folder = tmp_path_factory.mktemp("fuzzed")
    home = Settings(home=folder / "home", project_root=Path(folder))
    publish(home, 1)
    ask(home, 1, [("u001", "i04", 0.25)])
    _, token = create_token(home, source="test", scopes=SCOPES, now=utc_now())
    with served(home) as url:
        yield home, token, schemathesis.openapi.from_url(f"{url}/openapi.json")


def fuzz(
    gateway: tuple[Settings, str, Any], method: str, path: str, mode: GenerationMode, examples: int
) -> None:
    _, token, schema = gateway
    operation = schema[path][method]

    @settings(
        max_examples=examples,
        deadline=None,
        database=None,
        suppress_health_check=list(HealthCheck),
        derandomize=True,
    )
    @given(case=operation.as_strategy(generation_mode=mode))
    def asked(case: Any) -> None:
        # A longer address is refused by the HTTP server, before the application and what it says of itself.
        assume(len(case.as_curl_command()) < _LONGEST_ADDRESS)
        # Headers that are wrong go out as they are: our token in their place could leave a request with nothing wrong.
        is_wrong = case.meta.is_negative_at(ParameterLocation.HEADER)
        headers = {} if is_wrong else {"Authorization": f"Bearer {token}"}
        # A line that is wrong does not sink its batch, which the schema of the batch cannot say.
        unsaid = [*excluded, negative_data_rejection] if isinstance(case.body, list) else excluded
        answer = case.call_and_validate(headers=headers, excluded_checks=unsaid)
        statuses[answer.status_code] += 1

    excluded = [positive_data_acceptance] if (method, path) in SAYS_MORE else []
    statuses: Counter[int] = Counter()
    asked()
    assert set(statuses) - {401}, "nothing came past the door"


def test_the_document_has_every_call(gateway: tuple[Settings, str, Any]) -> None:
    found = [(each.ok().method.upper(), each.ok().path) for each in gateway[2].get_all_operations()]
    assert sorted(found) == sorted(CALLS + WITHOUT_PARAMETERS)


@pytest.mark.parametrize("mode", list(GenerationMode), ids=lambda mode: mode.value)
@pytest.mark.parametrize(("method", "path"), CALLS[2:])
def test_reading_answers_as_the_document_says(
    gateway: tuple[Settings, str, Any], method: str, path: str, mode: GenerationMode
) -> None:
    fuzz(gateway, method, path, mode, examples=6)


@pytest.mark.parametrize(("method", "path"), WITHOUT_PARAMETERS)
def test_calls_without_parameters_do(gateway: tuple[Settings, str, Any], method: str, path: str) -> None:
    fuzz(gateway, method, path, GenerationMode.POSITIVE, examples=1)


@pytest.mark.slow
@pytest.mark.parametrize("mode", list(GenerationMode), ids=lambda mode: mode.value)
@pytest.mark.parametrize(("method", "path"), CALLS)
def test_every_call_answers_so_at_length(
    gateway: tuple[Settings, str, Any], method: str, path: str, mode: GenerationMode
) -> None:
    fuzz(gateway, method, path, mode, examples=1_000)


def test_whatever_was_asked_every_logged_line_keeps_the_contract(gateway: tuple[Settings, str, Any]) -> None:
    """After all of the above: what we decided, and what was accepted. Lines that were refused are there to be quarantined."""
    home = gateway[0]
    fuzz(gateway, "GET", "/v1/recommendations/{user}", GenerationMode.POSITIVE, examples=10)
    ours = [line for line in logged(home) if "serving" in (line.get("context") or {})]
    assert len(ours) > 5
    for line in ours:
        decode_line("inferences", json.dumps(line).encode())
