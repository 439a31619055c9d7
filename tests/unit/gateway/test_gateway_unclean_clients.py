"""Clients who go away, dawdle or talk nonsense, over real sockets: nothing of theirs is stored, and others are served."""

from __future__ import annotations

import asyncio
import json
import socket
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest
from gateway_client import bearer, event, journaled, served, settings_at

from revealed.benchmarks.http_load import Connection, post
from revealed.gateway import bodies, serve
from revealed.settings import Settings

PATIENCE = 0.4


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return settings_at(tmp_path)


@pytest.fixture
def port(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Iterator[int]:
    """A gateway with little patience, on a port."""
    monkeypatch.setattr(serve, "HEADER_SECONDS", PATIENCE)
    monkeypatch.setattr(bodies, "BODY_SECONDS", PATIENCE)
    with served(settings) as port:
        yield port


def headers(settings: Settings, extra: str) -> bytes:
    token = bearer(settings, "events:write")["Authorization"]
    words = f"POST /v1/events HTTP/1.1\r\nHost: x\r\nAuthorization: {token}\r\nContent-Type: application/x-ndjson\r\n"
    return (words + extra + "\r\n\r\n").encode()


def answer(connection: socket.socket) -> bytes:
    """Everything until the other side closes."""
    connection.settimeout(20)
    parts = b""
    while part := connection.recv(65_536):
        parts += part
    return parts


def send_one(port: int, settings: Settings, key: str) -> int:
    async def ask() -> int:
        connection = await Connection.to(port)
        token = bearer(settings, "events:write")["Authorization"].split()[1]
        status = await connection.ask(post("/v1/events", json.dumps(event(key)).encode(), token))
        connection.close()
        return status

    return asyncio.run(ask())


LINE = json.dumps(event("partial")).encode() + b"\n"


@pytest.mark.parametrize(
    ("extra", "body"),
    [
        ("Content-Length: 5000", LINE * 3),
        ("Transfer-Encoding: chunked", b"%x\r\n%b\r\n" % (len(LINE), LINE)),
    ],
)
def test_a_body_that_ends_too_early_is_not_stored(
    port: int, settings: Settings, extra: str, body: bytes
) -> None:
    with socket.create_connection(("127.0.0.1", port)) as connection:
        connection.sendall(headers(settings, extra) + body)
    with socket.create_connection(("127.0.0.1", port)) as dawdling:
        dawdling.sendall(headers(settings, extra) + body)
        assert send_one(port, settings, "whole") == 202
        told = answer(dawdling)
    assert told.startswith(b"HTTP/1.1 408 ")
    counted = urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics").read().decode()
    assert 'revealed_gateway_requests_total{call="POST /v1/events",status="499"} 1' in counted
    assert "verdict=" in counted
    assert 'revealed_gateway_lines_total{log="events",verdict="accepted"} 1' in counted


@pytest.mark.parametrize("sent", [b"", b"POST /v1/events HTTP/1.1\r\nHost: x\r\nX-Slow: "])
def test_headers_that_do_not_come_are_not_waited_for(port: int, settings: Settings, sent: bytes) -> None:
    with socket.create_connection(("127.0.0.1", port)) as dawdling:
        dawdling.sendall(sent)
        assert send_one(port, settings, "meanwhile") == 202
        assert answer(dawdling) == b""


def test_a_second_request_has_its_own_time(port: int) -> None:
    with socket.create_connection(("127.0.0.1", port)) as connection:
        connection.sendall(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\nGET /healthz HTTP/1.1\r\nX-Slow")
        told = answer(connection)
    assert told.count(b"HTTP/1.1 200 OK") == 1


@pytest.mark.parametrize(
    "nonsense",
    [
        b"\x16\x03\x01" * 50,
        b"GET / HTTP/9.9\r\n\r\n",
        b"POST /v1/events HTTP/1.1\r\nContent-Length: -5\r\n\r\n",
    ],
)
def test_what_is_no_http_is_refused(port: int, nonsense: bytes) -> None:
    with socket.create_connection(("127.0.0.1", port)) as connection:
        connection.sendall(nonsense)
        assert answer(connection).startswith((b"HTTP/1.1 400 ", b"HTTP/1.1 505 "))


def test_too_much_is_refused_before_it_is_read(port: int, settings: Settings) -> None:
    with socket.create_connection(("127.0.0.1", port)) as connection:
        connection.sendall(headers(settings, "Content-Length: 40000000000") + LINE)
        told = answer(connection)
    assert told.startswith(b"HTTP/1.1 413 ")
    assert b"connection: close" in told


def test_nothing_of_theirs_is_on_disk(settings: Settings, request: pytest.FixtureRequest) -> None:
    port = request.getfixturevalue("port")
    with socket.create_connection(("127.0.0.1", port)) as connection:
        connection.sendall(headers(settings, "Content-Length: 5000") + LINE * 3)
    assert send_one(port, settings, "whole") == 202
    # The journal is sealed when the fixture ends; what is open now is all there is.
    stored = b"".join(file.read_bytes() for file in (settings.gateway / "open").iterdir())
    assert stored.count(b"\n") == 1
    assert b"partial" not in stored
    assert journaled(settings) == []
