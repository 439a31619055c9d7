"""HTTP to the gateway: many requests at a time, a bounded number in flight; told to wait, it waits and sends again."""

from __future__ import annotations

import asyncio
import json
import time
from collections import Counter
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass, field
from typing import Any, Self, TypeVar
from urllib.parse import quote

import httpx
import numpy as np

from revealed.errors import PlatformError, UsageError
from revealed.progress import Progress, quiet
from revealed.simulation.live.parcels import Parcel
from revealed.simulation.names import timestamps

SCOPES = ("events:write", "inferences:write", "recommendations:read", "clock:set")
_PATHS = {"events": "/v1/events", "inferences": "/v1/inferences"}
_BUSY = {429, 503}
_KEY_AT_WORK = 409  # with Retry-After: the same key's first request is still being answered
_NOT_KEPT = "this line is not kept"
_TOLD_SECONDS = 5.0
_TIMEOUT_SECONDS = 30.0
_T = TypeVar("_T")
_R = TypeVar("_R")


@dataclass(frozen=True)
class Ask:
    """One question for recommendations, at a simulated moment."""

    user: str
    at_ms: int
    query: dict[str, str]


@dataclass(frozen=True)
class Answer:
    """What the gateway shows."""

    request_id: str
    model_version: str
    policy: str
    snapshot_id: str
    items: list[dict[str, Any]]


@dataclass(frozen=True)
class Reply:
    """What became of a parcel: the verdicts by line, in order."""

    parcel: Parcel
    accepted: int
    rejected: int
    verdicts: list[dict[str, Any]]

    @property
    def unkept(self) -> int:
        """How many refused lines the gateway does not even set aside, and says so."""
        return sum(is_unkept(verdict) for verdict in self.verdicts)


def is_unkept(verdict: dict[str, Any]) -> bool:
    """Return whether a verdict tells that its line is not kept."""
    return str(verdict.get("detail", "")).endswith(_NOT_KEPT)


@dataclass
class Connection:
    """A client of one gateway. Use it as a context manager.

    Args:
        url: where the gateway is.
        token: what it wants to see.
        in_flight: how many requests may be under way at once.
        patience_seconds: for how long one request is tried before the gateway counts as gone.
        progress: told when the gateway makes everybody wait.
        transport: how to reach it; left out, over the network.
    """

    url: str
    token: str
    in_flight: int = 16
    patience_seconds: float = 120.0
    progress: Progress = quiet
    transport: httpx.AsyncBaseTransport | None = None
    retried: Counter[str] = field(default_factory=Counter)
    _runner: asyncio.Runner = field(default_factory=asyncio.Runner)

    def __enter__(self) -> Self:
        """Open the connections."""
        self._runner.__enter__()
        self._http = self._run(self._open())
        self._slots = asyncio.Semaphore(self.in_flight)
        self._told: dict[str, float] = {}
        return self

    def __exit__(self, *_: object) -> None:
        """Close them."""
        self._run(self._http.aclose())
        self._runner.close()

    def ask_all(self, asks: Sequence[Ask]) -> list[Answer]:
        """Return the gateway's answer to each question, in order.

        Raises:
            PlatformError: the gateway stayed away or busy, or answered what it never should.
            UsageError: the token does not open this.
        """
        return self._gather(self._ask, asks)

    def post_all(self, parcels: Sequence[Parcel]) -> list[Reply]:
        """Send the parcels and return what became of each; raises what `ask_all` raises."""
        return self._gather(self._post, parcels)

    def _gather(self, call: Callable[[_T], Coroutine[Any, Any, _R]], work: Sequence[_T]) -> list[_R]:
        async def everything() -> list[_R]:
            async with asyncio.TaskGroup() as group:
                tasks = [group.create_task(call(one)) for one in work]
            return [task.result() for task in tasks]

        try:
            return self._run(everything())
        except* (PlatformError, UsageError) as several:
            raise several.exceptions[0] from None

    def _run(self, work: Coroutine[Any, Any, _R]) -> _R:
        return self._runner.run(work)

    async def _open(self) -> httpx.AsyncClient:
        return httpx.AsyncClient(
            base_url=self.url,
            headers={"Authorization": f"Bearer {self.token}"},
            timeout=_TIMEOUT_SECONDS,
            limits=httpx.Limits(
                max_connections=self.in_flight, max_keepalive_connections=self.in_flight, keepalive_expiry=2.0
            ),
            transport=self.transport,
            trust_env=False,
        )

    async def _ask(self, ask: Ask) -> Answer:
        path = f"/v1/recommendations/{quote(ask.user, safe='')}"
        response = await self._send("GET", path, ask.at_ms, params=ask.query)
        if response.status_code != 200:
            raise self._refusal(response)
        told = response.json()
        return Answer(
            request_id=told["request_id"],
            model_version=told["model_version"],
            policy=told["policy"],
            snapshot_id=told["snapshot_id"],
            items=told["items"],
        )

    async def _post(self, parcel: Parcel) -> Reply:
        body, headers = parcel.body()
        response = await self._send("POST", _PATHS[parcel.log], parcel.due_ms, headers=headers, content=body)
        if response.status_code not in (202, 422):
            raise self._refusal(response)
        told = response.json()
        return Reply(parcel, int(told["accepted"]), int(told["rejected"]), told["verdicts"])

    async def _send(
        self, method: str, path: str, at_ms: int, *, headers: dict[str, str] | None = None, **rest: Any
    ) -> httpx.Response:
        """Send one request until it is answered by more than "later"; obey Retry-After."""
        moment = timestamps(np.array([at_ms]))[0]
        began, tries = time.monotonic(), 0
        while True:
            response, trouble = None, ""
            async with self._slots:
                try:
                    response = await self._http.request(
                        method, path, headers={**(headers or {}), "Revealed-Now": moment}, **rest
                    )
                except httpx.TransportError as error:
                    trouble = type(error).__name__
            if response is not None and not _says_later(response):
                return response
            tries += 1
            await self._wait(response, trouble, tries, began)

    async def _wait(self, response: httpx.Response | None, trouble: str, tries: int, began: float) -> None:
        """Sleep as long as the gateway asks for, or ever longer while it cannot be reached at all."""
        reason = str(response.status_code) if response is not None else "unreachable"
        pause = _retry_after(response) if response is not None else min(0.1 * 2 ** min(tries, 6), 5.0)
        waited = time.monotonic() - began
        if waited + pause > self.patience_seconds:
            raise PlatformError(
                f"the gateway did not answer within {self.patience_seconds:.0f} s ({trouble or reason})",
                where=self.url,
                remedy="start it (`revealed gateway`), or read what it says at /readyz; then run this again: "
                "it goes on where it stopped",
            )
        self.retried[reason] += 1
        if time.monotonic() - self._told.get(reason, -_TOLD_SECONDS) >= _TOLD_SECONDS:
            self._told[reason] = time.monotonic()
            self.progress(
                f"the gateway is {'busy' if response is not None else 'away'} ({trouble or reason}); waiting"
            )
        await asyncio.sleep(pause)

    def _refusal(self, response: httpx.Response) -> PlatformError | UsageError:
        said = _said(response)
        if response.status_code in (401, 403):
            scopes = " ".join(f"--scope {scope}" for scope in SCOPES)
            return UsageError(
                f"the gateway does not take this token: {said}",
                where="--token",
                remedy=f"revealed gateway token create --source simulation {scopes}",
            )
        where = f"{response.request.method} {response.request.url}"
        return PlatformError(f"the gateway answered {response.status_code}: {said}", where=where)


def _says_later(response: httpx.Response) -> bool:
    """Return whether the same request may be answered otherwise in a moment."""
    if response.status_code == _KEY_AT_WORK:
        return "Retry-After" in response.headers
    return response.status_code in _BUSY


def _retry_after(response: httpx.Response) -> float:
    """Return the seconds that the gateway asks for; one, where it says nothing that we understand."""
    try:
        return max(0.0, float(response.headers.get("Retry-After", "1")))
    except ValueError:
        return 1.0


def _said(response: httpx.Response) -> str:
    """Return the answer's own words, in short."""
    try:
        told = json.loads(response.text)
        return str(told["error"]["what"])
    except (ValueError, KeyError, TypeError):
        return response.text[:200]
