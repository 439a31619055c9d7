"""A client that costs little: raw sockets, keep-alive, requests made beforehand, one answer waited for a connection.

Two ways of asking: as fast as the answers come (`saturate`), and at a steady rate whatever the answers do (`at_rate`), where
a request's time counts from when it was due, so that a stall is not hidden by the requests that it kept back.
"""

from __future__ import annotations

import asyncio
import re
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import cast

_LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)
_END = b"\r\n\r\n"
Request = Callable[[int], bytes]


@dataclass
class Load:
    """What was seen: seconds in all, each answered request's seconds, answers by status."""

    wall_s: float = 0.0
    seconds: list[float] = field(default_factory=list)
    statuses: Counter[int] = field(default_factory=Counter)

    def quantile(self, share: float) -> float:
        """Return the time in seconds within which this share of the requests was answered; 0 where none was."""
        ordered = sorted(self.seconds)
        return ordered[min(len(ordered) - 1, int(share * len(ordered)))] if ordered else 0.0


def post(path: str, body: bytes, token: str, *, content_type: str = "application/json") -> bytes:
    """Return a POST as it goes over the wire."""
    return (
        f"POST {path} HTTP/1.1\r\nHost: gateway\r\nAuthorization: Bearer {token}\r\n"
        f"Content-Type: {content_type}\r\nContent-Length: {len(body)}\r\n\r\n"
    ).encode() + body


def get(path: str, token: str) -> bytes:
    """Return a GET as it goes over the wire."""
    return f"GET {path} HTTP/1.1\r\nHost: gateway\r\nAuthorization: Bearer {token}\r\n\r\n".encode()


class Connection(asyncio.Protocol):
    """One connection; `ask` sends a request and returns the answer's status."""

    def __init__(self) -> None:
        self._buffer = b""
        self._answer: asyncio.Future[int] | None = None
        self._transport: asyncio.Transport | None = None

    @classmethod
    async def to(cls, port: int) -> Connection:
        """Return a connection to a port of this machine.

        Raises:
            OSError: nobody listens there.
        """
        _, connection = await asyncio.get_running_loop().create_connection(cls, "127.0.0.1", port)
        return connection

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the transport."""
        self._transport = cast(asyncio.Transport, transport)  # uvloop's own is no subclass

    async def ask(self, request: bytes) -> int:
        """Send a request and return its status.

        Raises:
            ConnectionError: the other side closed before it had answered.
        """
        if self._transport is None or self._transport.is_closing():
            raise ConnectionResetError("the connection is closed")
        self._answer = asyncio.get_running_loop().create_future()
        self._transport.write(request)
        return await self._answer

    def close(self) -> None:
        """Close the connection."""
        if self._transport:
            self._transport.close()

    def data_received(self, data: bytes) -> None:
        """Take a part of an answer."""
        self._buffer += data
        end = self._buffer.find(_END)
        if end < 0:
            return
        found = _LENGTH.search(self._buffer, 0, end + 2)
        whole = end + len(_END) + (int(found[1]) if found else 0)
        if len(self._buffer) < whole:
            return
        status, self._buffer = int(self._buffer[9:12]), self._buffer[whole:]
        if self._answer and not self._answer.done():
            self._answer.set_result(status)

    def connection_lost(self, exc: Exception | None) -> None:
        """Tell who waits."""
        if self._answer and not self._answer.done():
            self._answer.set_exception(exc or ConnectionResetError("closed before the answer"))


async def saturate(port: int, request: Request, *, connections: int, seconds: float) -> Load:
    """Ask on all connections at once for `seconds`, each as soon as it has its answer.

    Args:
        port: of this machine.
        request: gives the n-th request.
        connections: how many.
        seconds: how long.
    """
    load, numbers = Load(), iter(range(1 << 60))
    opened = [await Connection.to(port) for _ in range(connections)]
    began = time.perf_counter()
    until = began + seconds

    async def worker(connection: Connection) -> None:
        while (sent := time.perf_counter()) < until:
            load.statuses[await connection.ask(request(next(numbers)))] += 1
            load.seconds.append(time.perf_counter() - sent)

    await asyncio.gather(*(worker(connection) for connection in opened))
    load.wall_s = time.perf_counter() - began
    for connection in opened:
        connection.close()
    return load


async def at_rate(port: int, request: Request, *, rate: float, seconds: float, connections: int) -> Load:
    """Ask `rate` times a second for `seconds`, however long the answers take.

    Args:
        port: of this machine.
        request: gives the n-th request.
        rate: requests a second.
        seconds: how long.
        connections: how many requests can be under way at once; the others wait, and their time runs.
    """
    load = Load()
    free: asyncio.Queue[Connection] = asyncio.Queue()
    for _ in range(connections):
        free.put_nowait(await Connection.to(port))
    began = time.perf_counter()

    async def one(number: int) -> None:
        connection = await free.get()
        load.statuses[await connection.ask(request(number))] += 1
        load.seconds.append(time.perf_counter() - began - number / rate)
        free.put_nowait(connection)

    under_way = []
    for number in range(int(rate * seconds)):
        await asyncio.sleep(max(0.0, began + number / rate - time.perf_counter()))
        under_way.append(asyncio.create_task(one(number)))
    await asyncio.gather(*under_way)
    load.wall_s = time.perf_counter() - began
    while not free.empty():
        free.get_nowait().close()
    return load
