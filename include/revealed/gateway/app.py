"""The gateway's application: its state, its routes, and how it starts and stops."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import FastAPI, Request, Response
from fastapi_offline import FastAPIOffline

from revealed import __version__
from revealed.gateway import collecting, health, recommending
from revealed.gateway.documents import document
from revealed.gateway.journal import Journal
from revealed.gateway.recall import recall
from revealed.gateway.refusals import HttpRefusal
from revealed.gateway.state import Gateway
from revealed.settings import Settings


def create_app(settings: Settings, *, journal: Journal | None = None) -> FastAPI:
    """Return the application; `app.state.gateway` holds its `Gateway`.

    Args:
        settings: whose home.
        journal: an open journal; left out, the app opens one when it starts, and closes either when it stops.
    """
    gateway = Gateway.of(settings, journal or Journal(settings))
    # Its page of the calls brings its own scripts; FastAPI's would load them from another machine.
    app = FastAPIOffline(title="Revealed gateway", version=__version__, lifespan=_lifespan, redoc_url=None)
    app.state.gateway = gateway
    app.add_exception_handler(HttpRefusal, _refuse)
    collecting.add_routes(app, gateway)
    app.include_router(health.router)
    recommending.add_routes(app, gateway)
    document(app)
    return app


@asynccontextmanager
async def _lifespan(app: FastAPI) -> AsyncIterator[None]:
    gateway: Gateway = app.state.gateway
    if not gateway.journal.is_open:
        gateway.journal.open()
    try:
        recall(gateway)
        gateway.journal.start_sealing()
        for start in gateway.on_start:
            await start()
        yield
        for stop in reversed(gateway.on_stop):
            await stop()
    finally:
        await gateway.journal.close()


async def _refuse(_: Request, refusal: Exception) -> Response:
    if not isinstance(refusal, HttpRefusal):
        raise refusal
    return Response(refusal.body(), refusal.status, headers=refusal.headers, media_type="application/json")
