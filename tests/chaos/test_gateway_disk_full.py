"""A full disk under load: nothing acknowledged is lost, clients are told to come again, and it passes by itself."""

from __future__ import annotations

import asyncio
import os
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from running_gateway import Clients, RunningGateway, event, settings_at, token_for
from test_gateway_kills import landed

from revealed.commands.output import say


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 16 MB, for root."""
    place = tmp_path / "small"
    place.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=16m", "tmpfs", str(place)]
    if os.geteuid() != 0 or subprocess.run(command, capture_output=True, check=False).returncode != 0:
        pytest.skip("mounting a small file system needs root")
    yield place
    subprocess.run(["umount", str(place)], check=True)


async def under_load(
    gateway: RunningGateway, clients: Clients, fill: Callable[[], None], free: Callable[[], None]
) -> float:
    """Load, fill the disk, wait for refusals, free it; return the seconds until an event was acknowledged again."""
    stop = asyncio.Event()
    work = asyncio.create_task(clients.work(gateway.port, clients=8, until=stop))
    await asyncio.sleep(0.2)
    fill()
    while clients.statuses[503] < 30:
        await asyncio.sleep(0.01)
    before = clients.statuses[202]
    free()
    freed = time.monotonic()
    while clients.statuses[202] == before:
        await asyncio.sleep(0.005)
    recovered = time.monotonic() - freed
    while clients.unanswered:
        await asyncio.sleep(0.01)
    stop.set()
    await work
    return recovered


def refusal(gateway: RunningGateway, token: str) -> urllib.error.HTTPError:
    request = urllib.request.Request(
        f"{gateway.url}/v1/events", event("refused"), {"Authorization": f"Bearer {token}"}
    )
    with pytest.raises(urllib.error.HTTPError) as raised:
        urllib.request.urlopen(request)
    return raised.value


def check(home: Path, clients: Clients, told: str, capsys: pytest.CaptureFixture[str]) -> None:
    report, stored = landed(settings_at(home))
    with capsys.disabled():
        say(f"\n{told}: {len(clients.acked):,} events acknowledged, {len(clients.acked - stored)} lost")
    assert len(clients.acked) > 100
    assert clients.acked - stored == set()
    assert report.quarantined == 0
    assert report.received == report.accepted + report.duplicate


def test_writes_that_fail_are_refused_until_they_succeed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """By a limit on the size of files, which needs no root: first the segments are too long, then every write is."""
    clients = Clients(token_for(settings_at(tmp_path), "events:write"), "f")
    gateway = RunningGateway(tmp_path)
    gateway.limit_files(20_000)

    def fill() -> None:
        gateway.limit_files(0)

    def free() -> None:
        gateway.limit_files(20_000)
        answer = gateway.ready()
        assert answer[0] == 200

    seconds = asyncio.run(under_load(gateway, clients, fill, free))
    gateway.limit_files(0)
    answer = refusal(gateway, clients.token)
    assert (answer.code, answer.headers["Retry-After"]) == (503, "1")
    assert gateway.ready() == (
        503,
        {"ready": False, "problems": ["the journal cannot be written"], "snapshot_id": None},
    )
    gateway.limit_files(-1)
    assert gateway.stop() == 0
    check(tmp_path, clients, f"files that cannot grow (taken again after {seconds:.2f} s)", capsys)


def test_a_full_file_system_is_waited_out(small_disk: Path, capsys: pytest.CaptureFixture[str]) -> None:
    clients = Clients(token_for(settings_at(small_disk), "events:write"), "d")
    gateway = RunningGateway(small_disk)
    filler = small_disk / "filler"

    def fill() -> None:
        with pytest.raises(OSError), filler.open("wb", buffering=0) as file:  # noqa: PT012
            while True:
                file.write(b"0" * 65536)

    seconds = asyncio.run(under_load(gateway, clients, fill, filler.unlink))
    assert gateway.stop() == 0
    check(small_disk, clients, f"a full file system (taken again after {seconds:.2f} s)", capsys)


def test_below_the_floor_nothing_is_taken(small_disk: Path) -> None:
    token = token_for(settings_at(small_disk), "events:write")
    gateway = RunningGateway(small_disk, REVEALED_GATEWAY_FREE_MEGABYTES="8")
    filler = small_disk / "filler"
    filler.write_bytes(b"0" * (10 << 20))
    time.sleep(0.25)
    answer = refusal(gateway, token)
    assert (answer.code, answer.headers["Retry-After"]) == (503, "1")
    status, told = gateway.ready()
    assert (status, told["problems"]) == (503, ["the disk is nearly full"])
    filler.unlink()
    time.sleep(0.25)
    assert gateway.ready()[0] == 200
    assert gateway.stop() == 0
