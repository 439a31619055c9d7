"""A real `revealed gateway` process to kill, starve and stop, and clients who remember what was acknowledged."""

from __future__ import annotations

import asyncio
import json
import os
import resource
import subprocess
import sys
import time
import urllib.request
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from revealed.benchmarks.http_load import Connection, post
from revealed.clock import utc_now
from revealed.gateway.tokens import create_token
from revealed.settings import Settings

NO_FLOOR = {"REVEALED_GATEWAY_FREE_MEGABYTES": "0", "REVEALED_GATEWAY_LINES_PER_SECOND": "1000000"}


def settings_at(home: Path) -> Settings:
    return Settings.from_env({"REVEALED_HOME": str(home), "REVEALED_LANDING_GRACE_SECONDS": "0"})


def token_for(settings: Settings, *scopes: str) -> str:
    return create_token(settings, source="test", scopes=scopes, now=utc_now())[1]


class RunningGateway:
    """One process. `ready_seconds`: from its start until `/readyz` said yes."""

    def __init__(self, home: Path, **environment: str) -> None:
        words = ["-m", "revealed.cli", "gateway", "--port", "0", "--json"]
        env = {**os.environ, **NO_FLOOR, "REVEALED_HOME": str(home), **environment}
        began = time.monotonic()
        self.process = subprocess.Popen([sys.executable, *words], stdout=subprocess.PIPE, text=True, env=env)
        assert self.process.stdout
        told = ""
        while not told.rstrip().endswith("}"):
            line = self.process.stdout.readline()
            assert line, f"the gateway did not start (exit code {self.process.wait()})"
            told += line
        self.url = json.loads(told)["url"]
        self.port = urlsplit(self.url).port or 0
        assert self.ready()[0] == 200
        self.ready_seconds = time.monotonic() - began

    def ready(self) -> tuple[int, dict[str, object]]:
        try:
            with urllib.request.urlopen(f"{self.url}/readyz") as answer:
                return answer.status, json.load(answer)
        except urllib.error.HTTPError as refusal:
            return refusal.code, json.load(refusal)

    def limit_files(self, size: int) -> None:
        """Let every write beyond `size` bytes of a file fail; -1: none."""
        hard = resource.prlimit(self.process.pid, resource.RLIMIT_FSIZE)[1]
        resource.prlimit(self.process.pid, resource.RLIMIT_FSIZE, (size, hard))

    def kill(self) -> None:
        self.process.kill()
        self._reap()

    def stop(self) -> int:
        self.process.terminate()
        return self._reap()

    def _reap(self) -> int:
        code = self.process.wait(20)
        assert self.process.stdout
        self.process.stdout.close()
        return code


def event(key: str) -> bytes:
    return (
        b'{"event_id":"%s","event_type":"click","occurred_at":"2026-05-01T08:00:00Z","user_id":"u-1",'
        b'"session_id":"s-1","item_id":"a-1","properties":{"app":"web"}}' % key.encode()
    )


@dataclass
class Clients:
    """Posts events until it is told to stop; sends again, as it is, what was not answered.

    Attributes:
        acked: ids of events that a 202 spoke for.
        unanswered: requests that got no answer, or a 503, with their ids: sent again by the next `work`.
    """

    token: str
    name: str
    acked: set[str] = field(default_factory=set)
    unanswered: list[tuple[list[str], bytes]] = field(default_factory=list)
    statuses: Counter[int] = field(default_factory=Counter)
    made: int = 0

    async def work(self, port: int, *, clients: int, until: asyncio.Event) -> None:
        await asyncio.gather(*(self._client(port, number, until) for number in range(clients)))

    async def _client(self, port: int, number: int, until: asyncio.Event) -> None:
        try:
            connection = await Connection.to(port)
        except OSError:
            return
        while not until.is_set():
            keys, request = self.unanswered.pop() if self.unanswered else self._next(number)
            try:
                status = await connection.ask(request)
            except OSError:
                self.unanswered.append((keys, request))
                return
            self.statuses[status] += 1
            if status == 202:
                self.acked.update(keys)
            else:
                self.unanswered.append((keys, request))
                await asyncio.sleep(0.02)
        connection.close()

    def _next(self, number: int) -> tuple[list[str], bytes]:
        count = (1, 3, 20)[number % 3]
        keys = [f"{self.name}-{self.made + i}" for i in range(count)]
        self.made += count
        events = [event(key) for key in keys]
        body = events[0] if count == 1 else b"[" + b",".join(events) + b"]"
        return keys, post("/v1/events", body, self.token)
