"""Kills under load: what was acknowledged is there, whole, once; and the gateway comes back by itself."""

from __future__ import annotations

import asyncio
import os
import random
import statistics
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from running_gateway import Clients, RunningGateway, settings_at, token_for

from revealed.commands.output import say
from revealed.landing import IngestReport, ingest_landing
from revealed.settings import Settings

SEED = int(os.environ.get("CHAOS_SEED", "1"))


@pytest.mark.parametrize("kills", [5, pytest.param(100, marks=pytest.mark.slow)])
def test_kills_lose_nothing_that_was_acknowledged(
    tmp_path: Path, kills: int, capsys: pytest.CaptureFixture[str]
) -> None:
    settings = settings_at(tmp_path)
    clients = Clients(token_for(settings, "events:write"), "e")
    chance = random.Random(SEED)
    ready = [
        asyncio.run(_killed_under_load(tmp_path, clients, chance.uniform(0.05, 0.5))) for _ in range(kills)
    ]

    last = RunningGateway(tmp_path)
    asyncio.run(_work(last, clients, 0.3))
    assert clients.unanswered == []
    assert last.stop() == 0

    report, stored = landed(settings)
    with capsys.disabled():
        say(
            f"\n{kills} kills (seed {SEED}): {len(clients.acked):,} events acknowledged,"
            f" {len(clients.acked - stored)} lost, {report.duplicate:,} stored again after a kill and found out;"
            f" ready after {statistics.median(ready):.2f} s (median), {max(ready):.2f} s (slowest)"
        )
    assert len(clients.acked) > kills * 20
    assert clients.acked - stored == set()
    assert report.quarantined == 0
    assert report.accepted == len(stored)
    assert report.received == report.accepted + report.duplicate
    assert not list((settings.gateway / "open").iterdir())


def landed(settings: Settings) -> tuple[IngestReport, set[str]]:
    """Land what was sealed; return the report and the keys of the events in raw."""
    report = ingest_landing(settings)
    files = (settings.raw / "events").rglob("*.parquet")
    return report, {
        key for file in files for key in pq.read_table(file, columns=["event_id"])["event_id"].to_pylist()
    }


async def _killed_under_load(home: Path, clients: Clients, seconds: float) -> float:
    gateway = RunningGateway(home)
    stop = asyncio.Event()
    work = asyncio.create_task(clients.work(gateway.port, clients=8, until=stop))
    await asyncio.sleep(seconds)
    gateway.kill()
    await work
    return gateway.ready_seconds


async def _work(gateway: RunningGateway, clients: Clients, seconds: float) -> None:
    stop = asyncio.Event()
    work = asyncio.create_task(clients.work(gateway.port, clients=8, until=stop))
    await asyncio.sleep(seconds)
    while clients.unanswered:
        await asyncio.sleep(0.05)
    stop.set()
    await work


def test_an_orderly_end_under_load_seals_what_was_acknowledged(tmp_path: Path) -> None:
    settings = settings_at(tmp_path)
    clients = Clients(token_for(settings, "events:write"), "e")

    async def stopped_under_load() -> int:
        gateway = RunningGateway(tmp_path)
        work = asyncio.create_task(clients.work(gateway.port, clients=8, until=asyncio.Event()))
        await asyncio.sleep(0.3)
        code = await asyncio.to_thread(gateway.stop)
        await work
        return code

    assert asyncio.run(stopped_under_load()) == 0
    assert not list((settings.gateway / "open").iterdir())
    report, stored = landed(settings)
    assert len(clients.acked) > 20
    assert clients.acked - stored == set()
    assert report.quarantined == 0
