"""The gateway as a process: one event loop, timeouts on what clients send, an orderly end."""

from __future__ import annotations

import asyncio
import signal
import socket
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import uvicorn
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from revealed.errors import PlatformError
from revealed.gateway.app import create_app
from revealed.gateway.journal import Journal
from revealed.settings import Settings

HEADER_SECONDS = 5.0
_KEEP_ALIVE_SECONDS = 30
_FINISH_SECONDS = 5
_MOST_CONNECTIONS = 2_000
# The thread that syncs wants the interpreter back as soon as the disk is done; Python's own 5 ms would be its latency.
_SWITCH_SECONDS = 0.001


def serve(settings: Settings, *, host: str, port: int, on_ready: Callable[[str], None]) -> None:
    """Serve until SIGTERM or SIGINT; then answer what has come, seal the journal, and return.

    Args:
        settings: whose home.
        host: the address to listen on.
        port: the port; 0: any that is free.
        on_ready: told the URL once requests are answered.

    Raises:
        LockedError: another gateway works in this home.
        PlatformError: the address cannot be listened on.
    """
    listening = _listen(host, port)
    journal = Journal(settings)
    journal.open()
    sys.setswitchinterval(_SWITCH_SECONDS)
    server_of(settings, journal, lambda: on_ready(_url(host, listening))).run(sockets=[listening])


def server_of(settings: Settings, journal: Journal, on_ready: Callable[[], None]) -> uvicorn.Server:
    """Return the server, to be run on listening sockets.

    Args:
        settings: whose home.
        journal: an open journal.
        on_ready: told once requests are answered.
    """
    config = uvicorn.Config(
        create_app(settings, journal=journal),
        http=DeadlineProtocol,
        ws="none",
        loop="uvloop",
        lifespan="on",
        access_log=False,
        log_level="warning",
        server_header=False,
        timeout_keep_alive=_KEEP_ALIVE_SECONDS,
        timeout_graceful_shutdown=_FINISH_SECONDS,
        limit_concurrency=_MOST_CONNECTIONS,
        backlog=_MOST_CONNECTIONS,
    )
    return _Server(config, on_ready)


class DeadlineProtocol(HttpToolsProtocol):
    """uvicorn's protocol, and a deadline for the headers, which it has none for."""

    _deadline: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Give a new connection five seconds to send a request's headers."""
        super().connection_made(transport)
        self._arm()

    def on_message_begin(self) -> None:
        """Give each further request as much from its first byte."""
        super().on_message_begin()
        if self._deadline is None:
            self._arm()

    def on_headers_complete(self) -> None:
        """The headers came in time."""
        self._disarm()
        super().on_headers_complete()

    def connection_lost(self, exc: Exception | None) -> None:
        """Nobody is left to wait for."""
        self._disarm()
        super().connection_lost(exc)

    def _arm(self) -> None:
        self._deadline = self.loop.call_later(HEADER_SECONDS, self.transport.close)

    def _disarm(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None


class _Server(uvicorn.Server):
    """uvicorn's server, which tells when it is ready, and ends with 0 when it is asked to end."""

    def __init__(self, config: uvicorn.Config, on_ready: Callable[[], None]) -> None:
        super().__init__(config)
        self._on_ready = on_ready

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if self.started:
            self._on_ready()

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        if threading.current_thread() is not threading.main_thread():
            yield  # signals are the main thread's
            return
        handled = (signal.SIGINT, signal.SIGTERM)
        before: dict[int, Any] = {number: signal.signal(number, self.handle_exit) for number in handled}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)


def _listen(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        listening = socket.create_server((host, port), family=family, backlog=_MOST_CONNECTIONS)
    except OSError as error:
        raise PlatformError(
            f"the gateway cannot listen here: {error.strerror or error}",
            where=f"{host}:{port}",
            remedy="choose another with --host and --port",
        ) from error
    listening.set_inheritable(False)
    return listening


def _url(host: str, listening: socket.socket) -> str:
    name = f"[{host}]" if ":" in host else host
    return f"http://{name}:{listening.getsockname()[1]}"
