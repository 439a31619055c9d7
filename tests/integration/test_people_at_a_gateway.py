"""People at a real gateway process: it refuses everything at first, is killed on the way, and nothing acknowledged is lost."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import duckdb
import httpx
import pytest

sys.path.insert(0, str(Path(__file__).parents[1] / "unit" / "simulation"))

from served_world import WORLD, served_home

from revealed.embedded import gateway, ports
from revealed.embedded.configuration import settings_environment
from revealed.embedded.gateway import address, running_gateway
from revealed.embedded.processes import Process, start_process, stop_processes
from revealed.landing import ingest_landing, read_ledger
from revealed.settings import Settings
from revealed.simulation.live.connection import is_unkept

pytestmark = [pytest.mark.integration, pytest.mark.slow]

MORE_THAN_ANY_DISK = 10**9  # megabytes


def environment(settings: Settings) -> dict[str, str]:
    return {**os.environ, **settings_environment(settings)}


@contextmanager
def gateway_process(settings: Settings) -> Iterator[Process]:
    """A gateway that lives; whether it is ready is another question."""
    log = settings.gateway / "process.log"
    process = start_process("gateway", gateway.command(), env=environment(settings), log=log)
    try:
        wait_until(lambda: answers(f"{address(settings)}/healthz"))
        yield process
    finally:
        stop_processes([process])


def answers(url: str) -> bool:
    try:
        return httpx.get(url, trust_env=False).is_success
    except httpx.TransportError:
        return False


def wait_until(is_so: Callable[[], bool]) -> None:
    for _ in range(1200):
        if is_so():
            return
        time.sleep(0.05)
    pytest.fail("it did not come to that within a minute")


def start_people(settings: Settings, days: int) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, str(Path(__file__).with_name("live_client.py")), address(settings), str(days)],
        env=environment(settings),
        stdout=(settings.home / "people.out").open("w"),
        stderr=(settings.home / "people.err").open("w"),
        text=True,
    )


def raw(settings: Settings, log: str, column: str) -> Counter[str]:
    """What came through the gateway, by id: received after the written world's end."""
    with duckdb.connect() as con:
        rows = con.execute(
            f"select {column} from read_parquet('{settings.raw / log}/*/*.parquet') "
            f"where received_at >= '{WORLD.day(WORLD.days)}'"
        ).fetchall()
    return Counter(str(row[0]) for row in rows)


def test_a_full_disk_and_a_kill_cost_no_acknowledged_line(tmp_path: Path) -> None:
    settings = replace(served_home(tmp_path / "home"), gateway_port=ports.any_free_port())
    full = replace(settings, gateway_free_megabytes=MORE_THAN_ANY_DISK)
    said = settings.home / "people.err"
    with gateway_process(full):
        people = start_people(settings, 2)
        wait_until(lambda: "busy (503)" in said.read_text())
    with gateway_process(settings) as killed:
        wait_until(lambda: (settings.home / "people.out").read_text().count("\n") > 60)
        assert people.poll() is None
        os.kill(killed.pid, signal.SIGKILL)
    wait_until(lambda: ports.is_free(settings.gateway_port))
    with running_gateway(settings):
        assert people.wait(timeout=300) == 0, said.read_text()
    assert "away" in said.read_text()
    *parcels, last = [json.loads(line) for line in (settings.home / "people.out").read_text().splitlines()]
    ingest_landing(settings)
    check_events(settings, parcels)
    check_inferences(settings, last["report"], parcels)
    check_quarantine(settings, parcels)


def verdicts(parcels: list[dict[str, Any]], log: str, status: str) -> list[dict[str, Any]]:
    return [
        verdict
        for parcel in parcels
        for verdict in parcel["verdicts"]
        if parcel["log"] == log and verdict["status"] == status
    ]


def check_events(settings: Settings, parcels: list[dict[str, Any]]) -> None:
    """Each acknowledged event is in raw, and nothing that nobody sent; a kill may have stored one twice."""
    acknowledged = Counter(str(verdict["id"]) for verdict in verdicts(parcels, "events", "accepted"))
    landed = raw(settings, "events", "event_id")
    assert set(landed) == set(acknowledged)
    assert len(acknowledged) > 300


def check_inferences(settings: Settings, report: dict[str, Any], parcels: list[dict[str, Any]]) -> None:
    """Each answer was logged before it was given, once; what was logged and lost with the kill is little."""
    landed = raw(settings, "inferences", "request_id")
    own = {str(verdict["id"]) for verdict in verdicts(parcels, "inferences", "accepted")}
    assert own <= set(landed)
    answered = sum(day["requests"] for day in report["days"])
    assert max(landed.values()) == 1
    assert answered <= len(set(landed) - own) <= answered + 16  # as many as were in flight at the kill


def check_quarantine(settings: Settings, parcels: list[dict[str, Any]]) -> None:
    """What was refused is set aside with the reason that was told, as far as the kill left one answer for one line."""
    rejected = [v for log in ("events", "inferences") for v in verdicts(parcels, log, "rejected")]
    told = {str(verdict["reason"]) for verdict in rejected if not is_unkept(verdict)}
    with duckdb.connect() as con:
        kept = con.execute(
            f"select distinct reason from read_parquet('{settings.quarantine}/*/*.parquet') "
            "where source_name similar to '(events|inferences)-[0-9]{8}.*'"
        ).fetchall()
    assert {reason for (reason,) in kept} == told
    assert told


def test_the_command_lives_a_day_and_every_line_adds_up(tmp_path: Path) -> None:
    settings = replace(served_home(tmp_path / "home"), gateway_port=ports.any_free_port())
    with running_gateway(settings) as running:
        done = subprocess.run(
            [sys.executable, "-m", "revealed.cli", "simulate", "--live", running.url, "--json"],
            env=environment(settings), capture_output=True, text=True, check=True,
        )  # fmt: skip
    [day] = json.loads(done.stdout)["days"]
    before = ingest_landing(settings)
    entries = [entry for entry in read_ledger(settings) if re.match(r"(events|inferences)-\d{8}", entry.name)]
    assert before.received == before.accepted + before.duplicate + before.quarantined
    received = {
        log: sum(entry.received for entry in entries if entry.log == log) for log in ("events", "inferences")
    }
    assert sum(received.values()) == day["lines"] - day["repeated"] - day["unkept"] + day["requests"], (
        received,
        day,
    )
    assert day["lines"] == day["accepted"] + day["rejected"]
