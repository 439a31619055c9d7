"""The POST calls: lines in, one verdict each, durable before they are acknowledged.

Plain ASGI inside the FastAPI application: FastAPI's own handling of a request costs several times what ours does. The
OpenAPI document describes these calls all the same (`documents`).
"""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, MutableMapping
from datetime import datetime
from typing import Any

import msgspec
from fastapi import FastAPI
from starlette.routing import Route

from revealed.gateway.access import Caller, authorize
from revealed.gateway.bodies import (
    ClientGone,
    Receive,
    is_of_lines,
    read_body,
    require_json,
    split_lines,
)
from revealed.gateway.idempotency import Answered, body_digest, key_digest
from revealed.gateway.journal import LANDED, JournalUnavailable
from revealed.gateway.refusals import HttpRefusal, unavailable
from revealed.gateway.sessions import NOTED
from revealed.gateway.state import Gateway
from revealed.gateway.verdicts import Judge, Judged

Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]


def add_routes(app: FastAPI, gateway: Gateway) -> None:
    """Add `POST /v1/events` and `POST /v1/inferences`."""
    app.router.routes[:0] = [  # first: routes are looked through in order
        Route(f"/v1/{log}", Collector(gateway, log), methods=["POST"], include_in_schema=False)
        for log in LANDED
    ]


class Collector:
    """The ASGI endpoint of one log.

    Args:
        gateway: its state.
        log: `events` or `inferences`.
    """

    def __init__(self, gateway: Gateway, log: str) -> None:
        self._gateway = gateway
        self._log = log
        self._judge = Judge(log)

    async def __call__(self, scope: MutableMapping[str, Any], receive: Receive, send: Send) -> None:
        """Answer one request."""
        started = time.monotonic()
        extra: dict[str, str] = {}
        try:
            status, body = await self._answer(scope, receive)
        except ClientGone:
            self._count(499, started)
            return
        except JournalUnavailable as error:
            refusal = unavailable(error.what, code=error.code)
            status, body, extra = refusal.status, refusal.body(), refusal.headers
        except HttpRefusal as refusal:
            status, body, extra = refusal.status, refusal.body(), refusal.headers
        self._count(status, started)
        await _send(send, status, body, extra)

    async def _answer(self, scope: MutableMapping[str, Any], receive: Receive) -> tuple[int, bytes]:
        headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
        caller = authorize(self._gateway, headers, f"{self._log}:write")
        self._gateway.disk.require_space()
        body = await read_body(receive, headers)
        content_type = headers.get("content-type", "")
        lines = split_lines(body, content_type)
        self._gateway.rates.charge(caller.token.id, len(lines) - 1)
        key = headers.get("idempotency-key")
        judged = self._judge.judge(lines, caller.now)
        if judged.answer.rejected and len(lines) == 1 and not is_of_lines(content_type):
            require_json(body)
        if key is None:
            await self._take(judged, caller.now)
            return _told(judged)
        return await self._take_once(key, body, lines, judged, caller)

    async def _take(self, judged: Judged, now: datetime) -> None:
        """Return when the lines are durable."""
        await self._gateway.journal.append(self._log, judged.lines)
        self._count_lines(judged)
        if self._log == "events":
            await self._note(judged, now)

    async def _take_once(
        self, key: str, body: bytes, lines: list[bytes], judged: Judged, caller: Caller
    ) -> tuple[int, bytes]:
        """Take the lines, or answer as before: the key is durable only after its lines are."""
        gateway = self._gateway
        digest, content = key_digest(caller.token.id, self._log, key), body_digest(body)
        with gateway.answered.alone(digest):
            before = gateway.answered.find(digest, content, gateway.clock())
            if before is not None:
                return _told(self._judge.judge(lines, before.received_at))
            await self._take(judged, caller.now)
            answered = Answered(digest, content, caller.now, gateway.clock())
            await gateway.journal.append("keys", [msgspec.json.encode(answered)])
            gateway.answered.add(answered)
        return _told(judged)

    async def _note(self, judged: Judged, now: datetime) -> None:
        notes = [
            note
            for row in judged.rows
            if row.event_type in NOTED
            for note in self._gateway.sessions.note(row, now)
        ]
        if notes:
            await self._gateway.journal.append("hides", [msgspec.json.encode(note) for note in notes])

    def _count_lines(self, judged: Judged) -> None:
        metrics, answer = self._gateway.metrics, judged.answer
        if answer.accepted:
            metrics.count("revealed_gateway_lines_total", answer.accepted, log=self._log, verdict="accepted")
        if answer.rejected:
            metrics.count("revealed_gateway_lines_total", answer.rejected, log=self._log, verdict="rejected")
            for verdict in answer.verdicts:
                if verdict.reason:
                    metrics.count(
                        "revealed_gateway_rejected_lines_total", log=self._log, reason=verdict.reason
                    )

    def _count(self, status: int, started: float) -> None:
        metrics, call = self._gateway.metrics, f"POST /v1/{self._log}"
        metrics.count("revealed_gateway_requests_total", call=call, status=str(status))
        metrics.observe("revealed_gateway_request_seconds", time.monotonic() - started, call=call)


def _told(judged: Judged) -> tuple[int, bytes]:
    return 202 if judged.answer.accepted else 422, msgspec.json.encode(judged.answer)


async def _send(send: Send, status: int, body: bytes, extra: dict[str, str]) -> None:
    headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
    headers += [(name.lower().encode(), value.encode()) for name, value in extra.items()]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
