"""The POST calls as their contract (docs/architecture/gateway.md) has them: statuses, verdicts, what is on disk afterwards."""

from __future__ import annotations

import errno
import gzip
import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from gateway_client import bearer, event, journaled, running, settings_at
from starlette.testclient import TestClient

from revealed.gateway.app import create_app
from revealed.gateway.files import JournalFiles
from revealed.gateway.journal import Journal
from revealed.gateway.state import Gateway
from revealed.landing import ingest_landing
from revealed.settings import Settings

LINES = {"Content-Type": "application/x-ndjson"}
INFERENCE = {
    "request_id": "r-1",
    "occurred_at": "2026-05-01T08:00:00Z",
    "user_id": "u-1",
    "surface": "home",
    "model_name": "als",
    "model_version": "3",
    "policy": "greedy",
    "items": [{"item_id": "a", "position": 1}],
}


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return settings_at(tmp_path)


@pytest.fixture
def auth(settings: Settings) -> dict[str, str]:
    return bearer(settings, "events:write", "inferences:write")


@pytest.fixture
def client(settings: Settings) -> Iterator[TestClient]:
    with running(settings) as (client, _):
        yield client


def test_one_an_array_or_lines(client: TestClient, auth: dict[str, str], settings: Settings) -> None:
    one = client.post("/v1/events", json=event("one"), headers=auth)
    array = client.post("/v1/events", json=[event("two"), event("three")], headers=auth)
    body = "\n".join(["", json.dumps(event("four")), "  ", json.dumps(event("five")), ""])
    lines = client.post("/v1/events", content=body, headers=auth | LINES)
    packed = client.post(
        "/v1/events",
        content=gzip.compress(json.dumps(event("six")).encode()),
        headers=auth | {"Content-Encoding": "gzip"},
    )
    inference = client.post("/v1/inferences", json=INFERENCE, headers=auth)
    assert [answer.status_code for answer in (one, array, lines, packed, inference)] == [202] * 5
    assert array.json() == {
        "accepted": 2,
        "rejected": 0,
        "verdicts": [
            {"index": 0, "status": "accepted", "id": "two"},
            {"index": 1, "status": "accepted", "id": "three"},
        ],
    }
    assert [verdict["id"] for verdict in lines.json()["verdicts"]] == ["four", "five"]
    client.__exit__()
    assert [line["event_id"] for line in journaled(settings)] == [
        "one",
        "two",
        "three",
        "four",
        "five",
        "six",
    ]
    assert [line["request_id"] for line in journaled(settings, "inferences")] == ["r-1"]


def test_a_bad_event_does_not_sink_its_batch_and_landing_keeps_it_with_the_same_reason(
    client: TestClient, auth: dict[str, str], settings: Settings
) -> None:
    body = [event("good"), event("bad", dwell_ms=-1), 7, event("odd", event_type="yawn"), event("good")]
    answer = client.post("/v1/events", json=body, headers=auth)
    assert answer.status_code == 202
    told = answer.json()
    assert (told["accepted"], told["rejected"]) == (2, 3)
    reasons = [verdict.get("reason") for verdict in told["verdicts"]]
    assert reasons == [None, "out_of_range", "not_an_object", "unknown_event_type", None]
    client.__exit__()
    report = ingest_landing(settings)
    assert (report.received, report.accepted, report.duplicate, report.quarantined) == (5, 1, 1, 3)
    assert report.reasons == {"out_of_range": 1, "not_an_object": 1, "unknown_event_type": 1}


def test_where_no_line_is_accepted_the_answer_is_422_and_the_lines_are_kept(
    client: TestClient, auth: dict[str, str], settings: Settings
) -> None:
    assert client.post("/v1/events", json=[], headers=auth).status_code == 422
    assert client.post("/v1/events", json=7, headers=auth).status_code == 422
    answer = client.post("/v1/events", json={"event_id": "x"}, headers=auth)
    assert answer.status_code == 422
    assert answer.json()["verdicts"][0] | {"detail": ""} == {
        "index": 0, "status": "rejected", "id": None, "reason": "missing_field", "detail": ""
    }  # fmt: skip
    client.__exit__()
    assert journaled(settings) == [7, {"event_id": "x"}]


@pytest.mark.parametrize(
    ("content", "headers", "status"),
    [
        (b"", {}, 400),
        (b"  \n ", LINES, 400),
        (b"{nope", {}, 400),
        (b'{"event_id": 1, nope', {}, 400),
        (b'{"value": NaN}', {}, 400),
        (b'{"event_id": "\xff"', {}, 400),
        (b"[" * 500_000, {}, 400),
        (b'{"event_id": "a"} {"event_id": "b"}', {}, 400),
        (b"not gzip", {"Content-Encoding": "gzip"}, 400),
        (gzip.compress(b"{}", mtime=0)[:-6], {"Content-Encoding": "gzip"}, 400),
        (gzip.compress(b"{}", mtime=0) + b"tail", {"Content-Encoding": "gzip"}, 400),
        (b"{}", {"Content-Encoding": "br"}, 415),
        (b"[" + b"1," * 1_000 + b"1]", {}, 413),
        (b'"' + b"x" * 999_999 + b'"', {}, 413),
        (gzip.compress(b" " * 400_000_000, 1, mtime=0), {"Content-Encoding": "gzip"}, 413),
        (b"{}", {"Idempotency-Key": "x" * 256}, 400),
        (b"{}", {"Revealed-Now": "2026-05-01T08:00:00Z"}, 403),
    ],
)
def test_what_is_no_request_is_refused_whole(
    client: TestClient,
    auth: dict[str, str],
    settings: Settings,
    content: bytes,
    headers: dict[str, str],
    status: int,
) -> None:
    answer = client.post("/v1/events", content=content, headers=auth | headers)
    assert answer.status_code == status
    assert set(answer.json()["error"]) == {"code", "what", "where", "do"}
    client.__exit__()
    assert journaled(settings) == []


def test_the_limits_are_what_they_say(client: TestClient, auth: dict[str, str]) -> None:
    most = json.dumps([event(f"e-{n}") for n in range(1_000)]).encode()
    assert len(most) < 1_000_000
    answer = client.post("/v1/events", content=most, headers=auth)
    assert (answer.status_code, answer.json()["accepted"]) == (202, 1_000)
    largest = most + b" " * (1_000_000 - len(most))
    assert client.post("/v1/events", content=largest, headers=auth).status_code == 202
    assert client.post("/v1/events", content=largest + b" ", headers=auth).status_code == 413
    chunks = (b" " * 100_000 for _ in range(11))
    assert client.post("/v1/events", content=chunks, headers=auth).status_code == 413


@pytest.mark.parametrize(
    "body", [b'{"a":"\\u0000"}', b'["\\ud800"]', b'{"v":1e999}', b"[" * 600 + b"]" * 600, b"\x00\xff\xfe"]
)
def test_odd_lines_are_never_a_fault_of_ours(client: TestClient, auth: dict[str, str], body: bytes) -> None:
    for headers in (LINES, {}):
        assert client.post("/v1/events", content=body, headers=auth | headers).status_code in (400, 422)


def test_a_key_is_answered_as_before_and_stores_nothing(
    client: TestClient, auth: dict[str, str], settings: Settings
) -> None:
    keyed = auth | {"Idempotency-Key": "k-1"}
    body = [event("a"), event("b", rating="high")]
    first = client.post("/v1/events", json=body, headers=keyed)
    again = client.post("/v1/events", json=body, headers=keyed)
    assert (first.status_code, first.content) == (again.status_code, again.content)
    other = client.post("/v1/events", json=[event("c")], headers=keyed)
    assert (other.status_code, other.json()["error"]["code"]) == (409, "key_reused")
    elsewhere = client.post("/v1/inferences", json=INFERENCE, headers=keyed)
    stranger = client.post(
        "/v1/events", json=[event("d")], headers=bearer(settings, "events:write") | {"Idempotency-Key": "k-1"}
    )
    assert (elsewhere.status_code, stranger.status_code) == (202, 202)
    client.__exit__()
    assert [line["event_id"] for line in journaled(settings)] == ["a", "b", "d"]


def test_keys_and_hides_survive_a_restart_for_as_long_as_they_hold(
    settings: Settings, auth: dict[str, str]
) -> None:
    keyed = auth | {"Idempotency-Key": "k-1"}
    hide = event("h", event_type="hide", item_id="a-9")
    with running(settings) as (client, _):
        first = client.post("/v1/events", json=hide, headers=keyed)
    for _ in range(3):  # what the start before rewrote as one file
        with running(settings) as (client, gateway):
            again = client.post("/v1/events", json=hide, headers=keyed)
            assert gateway.sessions.excluded("u-1", None, gateway.clock()) == {"a-9"}
        assert (first.status_code, first.content) == (again.status_code, again.content)
    assert len(journaled(settings)) == 1
    with running(settings) as (client, gateway):
        moment = gateway.clock() + timedelta(hours=24)
        gateway.clock = lambda: moment
        assert client.post("/v1/events", json=event("other"), headers=keyed).status_code == 202
    files = [file.name for folder in ("keys", "hides") for file in (settings.gateway / folder).iterdir()]
    assert len(files) <= 4


def test_a_stated_moment_replaces_the_clock(settings: Settings) -> None:
    auth = bearer(settings, "events:write", "clock:set") | {"Revealed-Now": "2026-05-01T10:00:00+02:00"}
    with running(settings) as (client, gateway):
        hide = event("h", event_type="hide", occurred_at="2026-05-01T08:01:00Z")
        assert client.post("/v1/events", json=hide, headers=auth).status_code == 202
        late = event("x", occurred_at="2026-05-01T08:06:00Z")
        assert (
            client.post("/v1/events", json=late, headers=auth).json()["verdicts"][0]["reason"]
            == "occurred_after_received"
        )
        moment = datetime(2026, 5, 1, 8, tzinfo=UTC)
        assert gateway.sessions.excluded("u-1", None, moment + timedelta(days=29)) == {"a-1"}
        assert gateway.sessions.excluded("u-1", None, moment + timedelta(days=31)) == set()
        for wrong in ("soon", "2026-05-01T10:00:00", "9999-05-01T10:00:00Z"):
            answer = client.post("/v1/events", json=event(), headers=auth | {"Revealed-Now": wrong})
            assert answer.status_code == 400
    assert journaled(settings)[0]["received_at"] == "2026-05-01T08:00:00+00:00"


def test_who_may_what(client: TestClient, settings: Settings) -> None:
    reader, writer = bearer(settings, "recommendations:read"), bearer(settings, "events:write")
    nobody = client.post("/v1/events", json=event())
    assert (nobody.status_code, nobody.headers["WWW-Authenticate"]) == (401, 'Bearer realm="revealed"')
    for wrong in (
        "Bearer",
        "Bearer rvl_",
        "Bearer rvl_aa_bb",
        f"Basic {writer['Authorization'][7:]}",
        writer["Authorization"] + "x",
    ):
        assert client.post("/v1/events", json=event(), headers={"Authorization": wrong}).status_code == 401
    assert client.post("/v1/events", json=event(), headers=reader).status_code == 403
    assert client.post("/v1/inferences", json=INFERENCE, headers=writer).status_code == 403
    assert client.post("/v1/events", json=event(), headers=writer).status_code == 202
    assert client.get("/v1/events", headers=writer).status_code == 405
    assert [
        client.get(path).status_code for path in ("/healthz", "/readyz", "/metrics", "/openapi.json")
    ] == [200] * 4


def test_a_spent_rate_is_429_with_the_seconds_to_wait(tmp_path: Path) -> None:
    settings = settings_at(tmp_path, REVEALED_GATEWAY_LINES_PER_SECOND="10")
    auth = bearer(settings, "events:write")
    with running(settings) as (client, _):
        assert (
            client.post("/v1/events", json=[event(f"{n}") for n in range(120)], headers=auth).status_code
            == 202
        )
        answer = client.post("/v1/events", json=event(), headers=auth)
        assert answer.status_code == 429
        assert 9 <= int(answer.headers["Retry-After"]) <= 11
        assert (
            client.post("/v1/events", json=event("z"), headers=bearer(settings, "events:write")).status_code
            == 202
        )


class _Failing(JournalFiles):
    is_failing = False

    def sync(self, fd: int) -> None:
        if self.is_failing:
            raise OSError(errno.EIO, "injected")
        super().sync(fd)


def test_while_the_journal_cannot_be_written_nothing_counts(settings: Settings, auth: dict[str, str]) -> None:
    files = _Failing()
    app = create_app(settings, journal=Journal(settings, files=files))
    with TestClient(app) as client:
        gateway: Gateway = app.state.gateway
        assert client.post("/v1/events", json=event("before"), headers=auth).status_code == 202
        files.is_failing = True
        hide = event("during", event_type="hide")
        answer = client.post("/v1/events", json=hide, headers=auth | {"Idempotency-Key": "k"})
        assert (answer.status_code, answer.headers["Retry-After"]) == (503, "1")
        assert gateway.sessions.excluded("u-1", None, gateway.clock()) == set()
        assert client.get("/readyz").json()["problems"] == ["the journal cannot be written"]
        files.is_failing = False
        assert client.get("/readyz").status_code == 200
        answer = client.post("/v1/events", json=hide, headers=auth | {"Idempotency-Key": "k"})
        assert answer.status_code == 202
        assert gateway.sessions.excluded("u-1", None, gateway.clock()) == {"a-1"}
        counted = client.get("/metrics").text
    assert [line["event_id"] for line in journaled(settings)] == ["before", "during"]
    assert 'revealed_gateway_journal_commits_total{log="events",outcome="failed"} 2' in counted
    assert 'revealed_gateway_requests_total{call="POST /v1/events",status="503"} 1' in counted
    assert 'revealed_gateway_lines_total{log="events",verdict="accepted"} 2' in counted
    assert "u-1" not in counted
