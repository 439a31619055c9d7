"""`simulate_live`: hour after simulated hour, the people of this home's world come to a gateway and answer it.

An hour's visits run in waves of one request each (all home feeds, then what follows from them), as in a written world;
the next hour begins when all its lines have been acknowledged.
"""

from __future__ import annotations

import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from types import FrameType

from revealed.progress import Progress, quiet
from revealed.settings import Settings
from revealed.simulation.config import DAY_MS
from revealed.simulation.happenings import Traffic
from revealed.simulation.live.connection import Connection, Reply
from revealed.simulation.live.names import LiveNames
from revealed.simulation.live.parcels import HOUR_MS
from revealed.simulation.live.recommenders import LiveRecommenders, Watch
from revealed.simulation.live.report import LiveDay, LiveReport, Tally
from revealed.simulation.live.state import (
    LiveState,
    begin_run,
    item_numbers,
    read_world,
    used_up,
    write_state,
)
from revealed.simulation.population import build_world
from revealed.simulation.slates import Wave
from revealed.simulation.visits import Visits

_MAIL_HOUR = 6
_HOURS = 24


def simulate_live(
    settings: Settings,
    connection: Connection,
    *,
    days: int = 1,
    watch: Watch | None = None,
    progress: Progress = quiet,
) -> LiveReport:
    """Let the world's people live `days` more days with the gateway and return what came of it.

    Who comes when is the seed's; what they do also depends on what they are shown. Where the world stands is kept
    after every simulated hour, with what waits to be sent: Ctrl-C ends at the next full hour, and the next call goes
    on from there. An hour that a kill cut short is lived again, as another hour of the same people.

    Args:
        settings: the home whose world this is (`revealed simulate` wrote it).
        connection: the gateway, not yet opened.
        days: how many days to live, the rest of a day that was begun counting as one.
        watch: called with what became of each parcel, in order of sending.
        progress: told after each day.

    Raises:
        MissingInputError: this home has no world.
        PlatformError: the gateway stayed away or busy, or answered what it never should.
        UsageError: the token does not open this, or the gateway shows items of another world.
    """
    config = read_world(settings)
    state = begin_run(settings, config)
    world = build_world(config)
    with connection, _stop_when_asked(progress) as stop:
        traffic = Traffic(world)
        recommenders = LiveRecommenders(
            traffic=traffic,
            names=LiveNames(config, state.run),
            gateway=connection,
            used=used_up(settings, world, state),
            outbox=state.outbox,
            item_numbers=item_numbers(world),
            watch=watch or _nobody,
            clicked=state.clicked,
        )
        life = _Life(settings, state, traffic, recommenders, stop)
        lived: list[LiveDay] = []
        while len(lived) < days and not stop.wanted:
            lived.append(life.day())
            progress(_line(lived[-1]))
    return LiveReport(connection.url, tuple(lived), is_complete=not stop.wanted)


@dataclass
class _Stop:
    """Whether somebody has asked for an end."""

    wanted: bool = False


@dataclass
class _Life:
    """Lives days and keeps the state."""

    settings: Settings
    state: LiveState
    traffic: Traffic
    recommenders: LiveRecommenders
    stop: _Stop

    def day(self) -> LiveDay:
        """Live what is left of the next day, or the part of it until somebody asks for an end."""
        state, config = self.state, self.traffic.world.config
        began, retried = time.monotonic(), self.recommenders.gateway.retried.total()
        self.recommenders.tally = Tally()
        visits = Visits(self.traffic, config.rng(100, state.day))
        name, arrivals = config.day(state.day).isoformat(), visits.arrivals(state.day)
        midnight = config.start_ms + state.day * DAY_MS
        while state.hour < _HOURS and not self.stop.wanted:
            since = arrivals.at_ms - midnight - state.hour * HOUR_MS
            self._hour(visits, arrivals.take((since >= 0) & (since < HOUR_MS)))
            state.hour += 1
            write_state(self.settings, state)
        lived = self.recommenders.tally.day(
            name,
            retried=self.recommenders.gateway.retried.total() - retried,
            waiting=len(state.outbox.waiting),
            seconds=time.monotonic() - began,
        )
        state.lived.append(lived.to_dict())
        if state.hour == _HOURS:
            state.day, state.hour = state.day + 1, 0
        write_state(self.settings, state)
        return lived

    def _hour(self, visits: Visits, wave: Wave) -> None:
        day, hour = self.state.day, self.state.hour
        visits.rng = self.recommenders.visit_rng = self.traffic.world.config.rng(101, day, hour)
        self.recommenders.begin(day, hour)
        if hour == _MAIL_HOUR:
            self.recommenders.mail(visits.mailing(day))
        if len(wave):
            visits.visit(wave, self.recommenders)
        self.recommenders.send_events()
        self.recommenders.tally.counts["sessions"] += len(wave)


@contextmanager
def _stop_when_asked(progress: Progress) -> Iterator[_Stop]:
    """Yield a flag that Ctrl-C or SIGTERM sets; a second one ends at once."""
    stop = _Stop()

    def ask(number: int, frame: FrameType | None) -> None:
        if stop.wanted:
            raise KeyboardInterrupt
        stop.wanted = True
        progress("stopping at the next full hour (once more: at once)")

    before = {kind: signal.getsignal(kind) for kind in (signal.SIGINT, signal.SIGTERM)}
    for kind in before:
        signal.signal(kind, ask)
    try:
        yield stop
    finally:
        for kind, handler in before.items():
            signal.signal(kind, handler)


def _nobody(reply: Reply) -> None:
    """Watch nothing."""


def _line(day: LiveDay) -> str:
    return (
        f"{day.day}: {day.sessions:,} sessions, {day.requests:,} requests from snapshot {', '.join(day.snapshots) or '-'}, "
        f"{day.satisfied_clicks_per_session:.2f} satisfied clicks a session; {day.accepted:,} lines accepted, "
        f"{day.rejected:,} rejected, {day.retried:,} tries again, {day.waiting:,} parcels waiting; {day.seconds:.1f} s"
    )
