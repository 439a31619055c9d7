"""The client that measures the gateway: it hides no stall, and the benchmark adds up."""

from __future__ import annotations

import asyncio

import pytest

from revealed.benchmarks.gateway import bench_gateway
from revealed.benchmarks.http_load import Load, at_rate, get, saturate

ANSWER = b"HTTP/1.1 202 Accepted\r\nContent-Length: 2\r\n\r\n{}"
STALL = 0.4


class _Server:
    """Answers in two parts; stalls once, at request `stalled`."""

    def __init__(self, stalled: int = -1) -> None:
        self.asked = 0
        self._stalled = stalled

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while not reader.at_eof():
            try:
                await reader.readuntil(b"\r\n\r\n")
            except asyncio.IncompleteReadError:
                break
            self.asked += 1
            if self.asked == self._stalled:
                await asyncio.sleep(STALL)
            writer.write(ANSWER[:30])
            await asyncio.sleep(0)
            writer.write(ANSWER[30:])
        writer.close()


async def measured(server: _Server, **how: float) -> Load:
    listening = await asyncio.start_server(server.serve, "127.0.0.1", 0)
    port = listening.sockets[0].getsockname()[1]
    try:
        if "rate" in how:
            return await at_rate(
                port, lambda _: get("/", "t"), connections=1, rate=how["rate"], seconds=how["seconds"]
            )
        return await saturate(port, lambda _: get("/", "t"), connections=3, seconds=how["seconds"])
    finally:
        listening.close()


def test_a_stall_counts_for_everybody_who_was_due_meanwhile() -> None:
    load = asyncio.run(measured(_Server(stalled=10), rate=100, seconds=1))
    assert load.statuses == {202: 100}
    assert max(load.seconds) >= STALL
    waited = sum(seconds >= STALL / 2 for seconds in load.seconds)
    assert (
        waited >= 15
    )  # those due in the first half of the stall; asking one after the other would see a single one


def test_every_answer_is_counted_once() -> None:
    server = _Server()
    load = asyncio.run(measured(server, seconds=0.2))
    assert load.statuses[202] == len(load.seconds) == server.asked > 10


def test_quantiles() -> None:
    load = Load(seconds=[n / 100 for n in range(100, 0, -1)])
    assert (load.quantile(0.5), load.quantile(0.99), load.quantile(1.0)) == (0.51, 1.0, 1.0)
    assert Load().quantile(0.5) == 0


@pytest.mark.slow
def test_every_acknowledged_line_is_on_disk() -> None:
    figures = bench_gateway(seconds=0.5)
    assert figures["durable"]["acknowledged"] > 100
    assert figures["durable"]["on_disk"] == figures["durable"]["acknowledged"]
    assert [row["other_answers"] for row in (*figures["rates"], *figures["latencies"])] == [0] * 8
