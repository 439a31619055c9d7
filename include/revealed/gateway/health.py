"""Whether the gateway lives, whether it can take events, and what it counted. None of it needs a token."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Request, Response
from fastapi.responses import JSONResponse, PlainTextResponse

from revealed.gateway.state import Gateway

router = APIRouter(tags=["health"])


@router.get("/healthz")
async def healthz() -> dict[str, str]:
    """Tell that the process lives."""
    return {"status": "alive"}


@router.get("/readyz", responses={503: {"description": "It cannot take events now; `problems` says why."}})
async def readyz(request: Request) -> Response:
    """Tell whether events can be taken, and which snapshot is served (null: none is published)."""
    gateway: Gateway = request.app.state.gateway
    problems = []
    if gateway.disk.is_full():
        problems.append("the disk is nearly full")
    if not await gateway.journal.is_writable():
        problems.append("the journal cannot be written")
    snapshot = gateway.service.snapshot_id if gateway.service else None
    told: dict[str, Any] = {"ready": not problems, "problems": problems, "snapshot_id": snapshot}
    return JSONResponse(told, 503 if problems else 200, {"Retry-After": "1"} if problems else None)


@router.get("/metrics", response_class=PlainTextResponse)
async def metrics(request: Request) -> Response:
    """Return the counters in Prometheus' text format; nothing personal."""
    gateway: Gateway = request.app.state.gateway
    gateway.metrics.set("revealed_gateway_free_bytes", gateway.disk.free_bytes())
    return Response(gateway.metrics.text(), media_type="text/plain; version=0.0.4")
