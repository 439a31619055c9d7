"""Calls of a real app in this process: its own journal, tokens and snapshots, no server."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, TypeVar

import httpx
import numpy as np
from fastapi import FastAPI

from revealed.clock import utc_now
from revealed.gateway.app import create_app
from revealed.gateway.serving import Serving
from revealed.gateway.tokens import SCOPES, create_token
from revealed.settings import Settings

Result = TypeVar("Result")
GREEDY = '[exploration]\npolicy = "greedy"\n'


@dataclass
class Calls:
    """A client with a token of all scopes, and the app behind it."""

    client: httpx.AsyncClient
    app: FastAPI
    settings: Settings

    @property
    def serving(self) -> Serving:
        found = self.app.state.gateway.service
        assert isinstance(found, Serving)
        return found

    async def get(self, path: str, *, status: int = 200, **params: Any) -> dict[str, Any]:
        """The JSON of an answer, whose status must be as expected."""
        answer = await self.client.get(path, params=params)
        assert answer.status_code == status, answer.text
        found: dict[str, Any] = answer.json()
        return found

    async def recommend(self, user: str, *, status: int = 200, **params: Any) -> dict[str, Any]:
        return await self.get(f"/v1/recommendations/{user}", status=status, **params)

    async def post_event(self, **values: Any) -> None:
        event = {"event_id": "e-1", "occurred_at": utc_now().isoformat()} | values
        answer = await self.client.post("/v1/events", json=event)
        assert answer.status_code == 202, answer.text


@asynccontextmanager
async def calling(settings: Settings, *, seed: int | None = 3) -> AsyncIterator[Calls]:
    app = create_app(settings)
    gateway = app.state.gateway
    gateway.disk._least_free = 0  # the machine's disk is not what is tested
    gateway.rates._per_second = 1e9
    if seed is not None:
        gateway.service.rng = np.random.default_rng(seed)
    _, text = create_token(settings, source="test", scopes=SCOPES, now=utc_now())
    transport = httpx.ASGITransport(app)
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(
            transport=transport, base_url="http://gateway", headers={"Authorization": f"Bearer {text}"}
        ) as client,
    ):
        yield Calls(client, app, settings)


def during(
    settings: Settings, calls: Callable[[Calls], Awaitable[Result]], *, seed: int | None = 3
) -> Result:
    """Return what the calls return, made against an app that is started and stopped around them."""

    async def run() -> Result:
        async with calling(settings, seed=seed) as made:
            return await calls(made)

    return asyncio.run(run())


def logged(settings: Settings) -> list[dict[str, Any]]:
    """Every line of the inference log, sealed or still open, in the order written."""
    paths = [*sorted(settings.landing.glob("inferences/*.jsonl")), *settings.gateway.glob("open/inferences*")]
    return [json.loads(line) for path in paths for line in path.read_bytes().splitlines()]


def rules(settings: Settings, text: str) -> None:
    """Write the home's rules."""
    settings.rules.write_text(text)


def ids(answer: dict[str, Any]) -> list[str]:
    """The items of an answer, in its order."""
    return [entry["item_id"] for entry in answer["items"]]
