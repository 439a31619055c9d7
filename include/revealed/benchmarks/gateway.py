"""The gateway under load, beside a bare ASGI echo in the same run: `revealed bench gateway`.

Client and server share the machine. Every acknowledged line is then counted in the sealed segments.
"""

from __future__ import annotations

import asyncio
import os
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import uvloop

from revealed.benchmarks.gateway_servers import Server, echo_server, gateway_server
from revealed.benchmarks.gateway_snapshot import publish_made_up, stage_next
from revealed.benchmarks.http_load import Load, Request, at_rate, get, post, saturate
from revealed.clock import utc_now
from revealed.engines.duckdb import connect, literal
from revealed.gateway.journal import LANDED
from revealed.gateway.tokens import SCOPES, create_token
from revealed.progress import Progress, quiet
from revealed.publishing.generations import put_in_service
from revealed.settings import Settings

SINGLE_BAR, BATCH_BAR, RECOMMEND_BAR_MS = 2_000, 40_000, 25.0
BATCH = 20
RECOMMEND_RATE = 500.0
CONNECTIONS = 64
_ENVIRONMENT = {"REVEALED_GATEWAY_LINES_PER_SECOND": "10000000", "REVEALED_GATEWAY_FREE_MEGABYTES": "0"}


@dataclass(frozen=True)
class _Case:
    """One load: what is asked, how many events a request holds, and its bar in events (or requests) a second."""

    name: str
    request: Request
    events: int
    bar: float | None


def bench_gateway(
    *, seconds: float = 8.0, home: Path | None = None, progress: Progress = quiet
) -> dict[str, Any]:
    """Return `rates`, `latencies` (tables), `durable` (acknowledged lines, and how many of them are on disk) and `machine`.

    Args:
        seconds: how long each load runs.
        home: a home whose published snapshot the recommendations are read from; None: a made-up one.
        progress: told what is being measured.

    Raises:
        PlatformError: a server does not start.
    """
    with tempfile.TemporaryDirectory(prefix="revealed-bench-") as folder:
        settings = Settings.from_env({**os.environ, "REVEALED_HOME": folder})
        progress("a snapshot to serve")
        users = _borrow_snapshot(home, settings) if home else publish_made_up(settings)
        _, token = create_token(settings, source="bench", scopes=SCOPES, now=utc_now())
        cases = [_singles(token), _batches(token)]
        with echo_server() as echo, gateway_server(settings.home, _ENVIRONMENT) as gateway:
            rows = [row for case in cases for row in _compare(case, gateway, echo, seconds, progress)]
            latencies = [_steady_events(gateway, token, seconds, progress)]
            latencies += _recommendations(gateway, echo, token, users, seconds, progress)
            latencies.append(_while_a_snapshot_comes(settings, gateway, token, users, seconds, progress))
        acknowledged = sum(row.pop("acked") for row in (*rows, *latencies))
        return {
            "rates": rows,
            "latencies": latencies,
            "durable": {"acknowledged": acknowledged, "on_disk": _lines_on_disk(settings)},
            "machine": {"cores": os.cpu_count(), "load_average": os.getloadavg()[0]},
        }


def _singles(token: str) -> _Case:
    return _Case("one event a request", lambda n: post("/v1/events", _event(n), token), 1, SINGLE_BAR)


def _batches(token: str) -> _Case:
    def request(n: int) -> bytes:
        events = b",".join(_event(10**9 + n * BATCH + i) for i in range(BATCH))
        return post("/v1/events", b"[" + events + b"]", token)

    return _Case(f"{BATCH} events a request", request, BATCH, BATCH_BAR)


def _event(number: int) -> bytes:
    """Return an ordinary event of about 280 bytes."""
    return (
        b'{"event_id":"0193b2c4-77aa-7000-8000-%012d","event_type":"click","occurred_at":"2026-05-01T08:00:00.123Z",'
        b'"user_id":"u-%d","session_id":"s-%d","item_id":"a-%d","request_id":"r-%012d","position":3,'
        b'"surface":"home","dwell_ms":5300,"scroll_depth":0.71,"properties":{"app":"web","build":"4.2.1"}}'
        % (number, number % 5003, number % 20011, number % 997, number)
    )


def _compare(
    case: _Case, gateway: Server, echo: Server, seconds: float, progress: Progress
) -> list[dict[str, Any]]:
    rates = {}
    rows = []
    for name, server in (("bare echo", echo), ("gateway, durable", gateway)):
        progress(f"{case.name}: {name}")
        before = server.cpu_seconds()
        load = uvloop.run(saturate(server.port, case.request, connections=CONNECTIONS, seconds=seconds))
        answered = load.statuses[202]
        rates[name] = answered * case.events / load.wall_s
        is_gateway = server is gateway
        bar = case.bar if is_gateway else None
        rows.append(
            {
                "load": case.name,
                "server": name,
                "requests_per_s": round(answered / load.wall_s),
                "events_per_s": round(rates[name]),
                "bar": bar,
                "verdict": "" if bar is None else "ok" if rates[name] >= bar else "missed",
                "share_of_echo": round(rates[name] / rates["bare echo"], 3),
                "p50_ms": round(load.quantile(0.5) * 1e3, 1),
                "p99_ms": round(load.quantile(0.99) * 1e3, 1),
                "server_cpu_us_per_event": round(
                    (server.cpu_seconds() - before) / max(1, answered * case.events) * 1e6, 1
                ),
                "other_answers": sum(load.statuses.values()) - answered,
                "acked": answered * case.events if is_gateway else 0,
            }
        )
    return rows


def _steady_events(gateway: Server, token: str, seconds: float, progress: Progress) -> dict[str, Any]:
    progress("one event a request, 1,000 a second")
    before = gateway.cpu_seconds()
    load = uvloop.run(
        at_rate(
            gateway.port,
            lambda n: post("/v1/events", _event(2 * 10**9 + n), token),
            rate=1_000,
            seconds=seconds,
            connections=CONNECTIONS,
        )
    )
    cost = gateway.cpu_seconds() - before
    row = _latency("one event a request, 1,000 a second", "gateway, durable", load, 202, 50.0, cost)
    return row | {"acked": load.statuses[202]}


def _recommendations(
    gateway: Server, echo: Server, token: str, users: list[str], seconds: float, progress: Progress
) -> list[dict[str, Any]]:
    """Recommendations for known people, 500 a second."""
    request, rows = _asks_for(users, token), []
    for name, server, status, bar in (
        ("bare echo", echo, 202, None),
        ("gateway, durable", gateway, 200, RECOMMEND_BAR_MS),
    ):
        progress(f"recommendations, {RECOMMEND_RATE:.0f} a second: {name}")
        warm = uvloop.run(at_rate(server.port, request, rate=50, seconds=1, connections=8))
        before = server.cpu_seconds()
        load = uvloop.run(
            at_rate(server.port, request, rate=RECOMMEND_RATE, seconds=seconds, connections=CONNECTIONS)
        )
        cost = server.cpu_seconds() - before
        row = _latency(f"recommendations, {RECOMMEND_RATE:.0f} a second", name, load, status, bar, cost)
        rows.append(row | {"acked": load.statuses[200] + warm.statuses[200] if server is gateway else 0})
    return rows


def _asks_for(users: list[str], token: str) -> Request:
    """Return the n-th request for recommendations; nine of ten are by a tenth of the people."""

    def request(number: int) -> bytes:
        crowd = len(users) if number % 10 == 0 else max(1, len(users) // 10)
        return get(f"/v1/recommendations/{users[number * 7919 % crowd]}?surface=home&k=10", token)

    return request


def _while_a_snapshot_comes(
    settings: Settings, gateway: Server, token: str, users: list[str], seconds: float, progress: Progress
) -> dict[str, Any]:
    """The same while the next snapshot comes into service: it is verified and decoded beside the requests."""
    name = f"recommendations, {RECOMMEND_RATE:.0f} a second, and a new snapshot"
    progress(name)
    following, request = stage_next(settings), _asks_for(users, token)

    async def run() -> Load:
        asked = at_rate(gateway.port, request, rate=RECOMMEND_RATE, seconds=seconds, connections=CONNECTIONS)
        loading = asyncio.create_task(asked)
        await asyncio.sleep(seconds / 4)
        await asyncio.to_thread(put_in_service, settings, following)
        return await loading

    before = gateway.cpu_seconds()
    load = uvloop.run(run())
    row = _latency(name, "gateway, durable", load, 200, RECOMMEND_BAR_MS, gateway.cpu_seconds() - before)
    if gateway.snapshot_in_service() != following.snapshot_id:
        row["verdict"] = "missed"  # it was not in service before the load ended
    return row | {"acked": load.statuses[200]}


def _latency(
    name: str, server: str, load: Load, status: int, bar: float | None, cost: float
) -> dict[str, Any]:
    p99 = load.quantile(0.99) * 1e3
    answered = load.statuses[status]
    is_sound = answered == sum(load.statuses.values())
    return {
        "load": name,
        "server": server,
        "requests_per_s": round(answered / load.wall_s),
        "p50_ms": round(load.quantile(0.5) * 1e3, 2),
        "p99_ms": round(p99, 2),
        "server_cpu_us": round(cost / max(1, answered) * 1e6),
        "bar_p99_ms": bar,
        "verdict": "" if bar is None else "ok" if p99 <= bar and is_sound else "missed",
        "other_answers": sum(load.statuses.values()) - answered,
    }


def _borrow_snapshot(home: Path, settings: Settings) -> list[str]:
    """Copy another home's published snapshot and rules, and return the people who have a list in it."""
    other = Settings.from_env({**os.environ, "REVEALED_HOME": str(home)})
    shutil.copytree(other.published_recommendations, settings.published_recommendations, symlinks=True)
    if other.rules.exists():
        shutil.copy(other.rules, settings.rules)
    generation = (settings.published_recommendations / "CURRENT").read_text().strip()
    file = settings.published_recommendations / generation / "recommendations.parquet"
    with connect(settings) as con:
        rows = con.execute(f"select distinct user_id from {literal(file)} order by 1").fetchall()
    return [user for (user,) in rows]


def _lines_on_disk(settings: Settings) -> int:
    files = (file for log in LANDED for file in (settings.landing / log).glob(f"{log}-*.jsonl"))
    return sum(file.read_bytes().count(b"\n") for file in files)
