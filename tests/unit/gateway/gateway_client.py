"""A gateway without a process: its application, a client, and tokens."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from starlette.testclient import TestClient

from revealed.clock import utc_now
from revealed.gateway.app import create_app
from revealed.gateway.journal import Journal
from revealed.gateway.serve import server_of
from revealed.gateway.state import Gateway
from revealed.gateway.tokens import create_token
from revealed.settings import Settings

GIVEN = {"REVEALED_GATEWAY_FREE_MEGABYTES": "0", "REVEALED_LANDING_GRACE_SECONDS": "0"}


def settings_at(home: Path, **environment: str) -> Settings:
    return Settings.from_env({**GIVEN, "REVEALED_HOME": str(home), **environment})


def bearer(settings: Settings, *scopes: str) -> dict[str, str]:
    text = create_token(settings, source="test", scopes=scopes, now=utc_now())[1]
    return {"Authorization": f"Bearer {text}"}


@contextmanager
def running(settings: Settings) -> Iterator[tuple[TestClient, Gateway]]:
    app = create_app(settings)
    with TestClient(app) as client:
        yield client, app.state.gateway


@contextmanager
def served(settings: Settings) -> Iterator[int]:
    """The gateway as it is served, in a thread, on a port; at the end it stops, and what it took is sealed."""
    journal, ready = Journal(settings), threading.Event()
    journal.open()
    server = server_of(settings, journal, ready.set)
    listening = socket.create_server(("127.0.0.1", 0))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]})
    thread.start()
    assert ready.wait(30)
    try:
        yield listening.getsockname()[1]
    finally:
        server.should_exit = True
        thread.join(20)
        listening.close()


def event(key: str = "e-1", **fields: Any) -> dict[str, Any]:
    return {
        "event_id": key,
        "event_type": "click",
        "occurred_at": "2026-05-01T08:00:00Z",
        "user_id": "u-1",
        "item_id": "a-1",
    } | fields


def journaled(settings: Settings, log: str = "events") -> list[dict[str, Any]]:
    """The sealed lines of a log that are not blank, in order."""
    files = sorted((settings.landing / log).iterdir())
    return [json.loads(line) for file in files for line in file.read_bytes().splitlines() if line]
