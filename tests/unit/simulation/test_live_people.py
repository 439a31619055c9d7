from __future__ import annotations

import asyncio
import dataclasses
import json
import shutil
import signal
from collections import Counter
from pathlib import Path
from typing import Any

import duckdb
import httpx
import pytest
from served_world import WORLD, served_home

from revealed.clock import utc_now
from revealed.errors import MissingInputError, PlatformError, UsageError
from revealed.gateway.app import create_app
from revealed.gateway.tokens import create_token
from revealed.landing import ingest_landing
from revealed.settings import Settings
from revealed.simulation import simulate
from revealed.simulation.live import Connection, LiveReport, passing_token, read_lived_days, simulate_live
from revealed.simulation.live.connection import Reply, is_unkept
from revealed.simulation.live.state import read_state, state_file


class InProcess(httpx.ASGITransport):
    """The real application without a socket; `refuse_every`: each n-th request meets a 503 before it."""

    def __init__(self, settings: Settings, *, refuse_every: int = 0) -> None:
        self.application = create_app(settings)
        super().__init__(self.application)
        self.lifespan = self.application.router.lifespan_context(self.application)
        self.is_up: asyncio.Future[Any] | None = None
        self.refuse_every = refuse_every
        self.requests = 0

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        if self.is_up is None:
            self.is_up = asyncio.ensure_future(self.lifespan.__aenter__())
        await self.is_up
        self.requests += 1
        if self.refuse_every and self.requests % self.refuse_every == 0:
            return httpx.Response(503, headers={"Retry-After": "0.001"}, request=request)
        return await super().handle_async_request(request)

    async def aclose(self) -> None:
        if self.is_up is not None:
            await self.lifespan.__aexit__(None, None, None)


@pytest.fixture(scope="module")
def origin(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    return served_home(tmp_path_factory.mktemp("served"))


@pytest.fixture
def home(origin: Settings, tmp_path: Path) -> Settings:
    shutil.copytree(origin.home, tmp_path / "home")
    return Settings.from_env({"REVEALED_HOME": str(tmp_path / "home"), "REVEALED_LANDING_GRACE_SECONDS": "0"})


def live(
    settings: Settings, days: int = 1, refuse_every: int = 0, **options: Any
) -> tuple[LiveReport, list[Reply]]:
    replies: list[Reply] = []
    with passing_token(settings) as token:
        connection = Connection(
            "http://gateway", token, transport=InProcess(settings, refuse_every=refuse_every), **options
        )
        report = simulate_live(settings, connection, days=days, watch=replies.append)
    return report, replies


def raw(settings: Settings, log: str, columns: str) -> list[tuple[Any, ...]]:
    """Rows of what came through the gateway: received after the written world's end."""
    with duckdb.connect() as con:
        return con.execute(
            f"select {columns} from read_parquet('{settings.raw / log}/*/*.parquet') "
            f"where received_at >= '{WORLD.day(WORLD.days)}'"
        ).fetchall()


def test_what_is_acknowledged_is_landed_and_what_is_refused_is_quarantined(home: Settings) -> None:
    """Two days with refusals on the way: raw holds each acknowledged line as often as it was acknowledged and stored."""
    report, replies = live(home, days=2, refuse_every=7)
    assert report.is_complete
    assert sum(day.retried for day in report.days) > 20
    stored = [reply for reply in replies if not reply.parcel.is_repeated]
    assert len(stored) < len(replies)
    ingest_landing(home)
    for log, key in (("events", "event_id"), ("inferences", "request_id")):
        acknowledged = Counter(
            verdict["id"]
            for reply in stored
            for verdict in reply.verdicts
            if reply.parcel.log == log and verdict["status"] == "accepted"
        )
        landed = Counter(row[0] for row in raw(home, log, key))
        if log == "events":
            assert landed == acknowledged
            assert max(landed.values()) > 1  # copies under another key, for the warehouse to drop
        else:
            assert landed.total() == acknowledged.total() + sum(day.requests for day in report.days)
            assert set(landed.values()) == {1}
    refused = Counter(
        verdict["reason"]
        for reply in stored
        for verdict in reply.verdicts
        if verdict["status"] == "rejected" and not is_unkept(verdict)
    )
    with duckdb.connect() as con:
        quarantined = con.execute(
            f"select reason from read_parquet('{home.quarantine}/*/*.parquet') "
            "where source_name similar to '(events|inferences)-[0-9]{8}.*'"
        ).fetchall()
    assert refused.total() >= 3
    assert Counter(reason for (reason,) in quarantined) == refused


def test_people_are_the_worlds_people_on_the_days_after_it(home: Settings) -> None:
    report, _ = live(home)
    ingest_landing(home)
    [day] = report.days
    assert day.day == WORLD.day(WORLD.days).isoformat()
    assert 20 < day.sessions < 80
    assert day.requests >= day.sessions
    assert day.snapshots == ("000001",)
    rows = raw(home, "inferences", "user_id, anonymous_id, occurred_at, len(items), surface, model_name")
    served = [row for row in rows if row[5] != "text-search"]
    assert len(served) == day.requests
    assert sum(row[3] for row in served) == day.shown - sum(row[3] for row in rows if row[5] == "text-search")
    with duckdb.connect() as con:
        truth = f"{home.home}/simulation/truth/users.parquet"
        known = {
            name
            for pair in con.execute(f"select user_id, anonymous_id from '{truth}'").fetchall()
            for name in pair
        }
    assert {user or anonymous for user, anonymous, *_ in rows} <= known
    assert {row[2].date() for row in served} <= {WORLD.day(WORLD.days), WORLD.day(WORLD.days + 1)}


def test_the_same_people_come_whatever_they_are_shown(
    home: Settings, origin: Settings, tmp_path: Path
) -> None:
    other = Settings.from_env({"REVEALED_HOME": str(shutil.copytree(origin.home, tmp_path / "other"))})
    (first, _), (second, _) = live(home), live(other)
    assert first.days[0].sessions == second.days[0].sessions


def test_an_hour_that_a_kill_cut_short_is_lived_again_under_new_ids(home: Settings) -> None:
    """The state says that nothing was lived, though all was sent: a second run of the same day shares no event id."""
    _, lost = live(home)
    told = json.loads(state_file(home).read_text())
    nothing = told | {"day": WORLD.days, "hour": 0, "clicked": [], "waiting": [], "lived": []}
    state_file(home).write_text(json.dumps(nothing))
    _, again = live(home)
    assert event_ids(lost)
    assert not event_ids(lost) & event_ids(again)


def event_ids(sent: list[Reply]) -> set[str]:
    return {
        str(verdict["id"])
        for reply in sent
        for verdict in reply.verdicts
        if reply.parcel.log == "events" and verdict["status"] == "accepted"
    }


def test_what_waits_is_kept_and_sent_in_its_time(home: Settings) -> None:
    first, replies = live(home)
    waiting = read_state(home, WORLD).outbox.waiting
    assert first.days[0].waiting == len(waiting) > 0
    due = [parcel for parcel in waiting if parcel.due_ms < WORLD.end_ms + 2 * 86_400_000 - 3_600_000]
    _, later = live(home)
    sent = [reply.parcel for reply in later]
    assert all(parcel in sent for parcel in due)
    assert not any(reply.parcel in waiting for reply in replies)
    assert len(read_lived_days(home)) == 2


def test_nobody_clicks_again_on_what_they_have_read(home: Settings) -> None:
    live(home, days=3)
    clicked = read_state(home, WORLD).clicked
    assert len(clicked) == len(set(clicked)) > 20


def test_ctrl_c_ends_at_the_next_full_hour_and_the_next_call_goes_on(home: Settings) -> None:
    seen: list[Reply] = []

    def interrupt(reply: Reply) -> None:
        seen.append(reply)
        if len(seen) == 10:
            signal.raise_signal(signal.SIGINT)

    with passing_token(home) as token:
        report = simulate_live(
            home, Connection("http://gateway", token, transport=InProcess(home)), days=2, watch=interrupt
        )
    assert not report.is_complete
    state = read_state(home, WORLD)
    assert (state.day, 0 < state.hour < 24) == (WORLD.days, True)
    rest, _ = live(home)
    assert rest.is_complete
    assert read_state(home, WORLD).day == WORLD.days + 1
    whole = sum(day["sessions"] for day in read_lived_days(home))
    assert whole == _sessions_of_an_undisturbed_day(home)


def _sessions_of_an_undisturbed_day(home: Settings) -> int:
    from revealed.simulation.happenings import Traffic
    from revealed.simulation.population import build_world
    from revealed.simulation.visits import Visits

    return len(Visits(Traffic(build_world(WORLD)), WORLD.rng(100, WORLD.days)).arrivals(WORLD.days))


def test_a_home_without_a_world_is_refused(tmp_path: Path) -> None:
    settings = Settings.from_env({"REVEALED_HOME": str(tmp_path)})
    with pytest.raises(MissingInputError, match="no world has been simulated"):
        simulate_live(settings, Connection("http://gateway", "x"))


def test_a_token_without_the_scope_is_told_with_the_command_that_makes_one(home: Settings) -> None:
    _, text = create_token(home, source="x", scopes=["recommendations:read"], now=utc_now())
    connection = Connection("http://gateway", text, transport=InProcess(home))
    with pytest.raises(UsageError) as caught:
        simulate_live(home, connection)
    assert "--scope clock:set" in caught.value.remedy


def test_a_gateway_that_stays_away_ends_the_day_and_loses_nothing(home: Settings) -> None:
    live(home)
    before = json.loads(state_file(home).read_text())
    with pytest.raises(PlatformError, match="did not answer within"):
        live(home, refuse_every=1, patience_seconds=0.01)
    after = json.loads(state_file(home).read_text())
    assert {**after, "run": 0} == {**before, "run": 0}


def test_another_worlds_gateway_is_told(home: Settings, tmp_path: Path) -> None:
    """Its snapshot shows items that this world has not."""
    small = Settings.from_env({"REVEALED_HOME": str(tmp_path / "small")})
    simulate(small, dataclasses.replace(WORLD, items=20))
    with passing_token(home) as token, pytest.raises(UsageError, match="not of this home's world"):
        simulate_live(small, Connection("http://gateway", token, transport=InProcess(home)))
