"""Who comes when, and how a visit goes on: the same for a world that is written and for one that is lived.

Whoever answers people (`Recommenders`: the invented systems of a written world, or a real gateway) decides what they
see; nothing else differs.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np

from revealed.exploration.rank_marginals import Ints
from revealed.simulation.config import DAY_MS, HOME, RELATED, SEARCH
from revealed.simulation.happenings import Traffic
from revealed.simulation.slates import Wave

_HOURS = ((8.0, 1.5), (13.0, 2.0), (21.0, 2.4))
_GOES_ON = ((RELATED, 0.6), (SEARCH, 0.18), (HOME, 0.25))
_MAIL_EVERY_DAYS = 3
_MAIL_MS = 6 * 3_600_000


class Recommenders(Protocol):
    """The systems that answer a wave of requests; people act on what they are shown before these return."""

    def home(self, wave: Wave) -> tuple[Ints, Ints]:
        """Return when each visitor was done with the home feed, and the item clicked last (-1: none)."""

    def related(self, wave: Wave) -> Ints:
        """Return when each visitor was done with what resembles the item just read."""

    def search(self, wave: Wave) -> Ints:
        """Return when each visitor was done with the answer to a query."""

    def mail(self, wave: Wave) -> None:
        """Send each person a few items by mail."""


@dataclass
class Visits:
    """One world's comings and goings; `rng` decides who comes, when, and what they do next."""

    traffic: Traffic
    rng: np.random.Generator

    def arrivals(self, day: int) -> Wave:
        """Return who opens a session when: a daily rhythm, busier weekends, some people twice, some around midnight."""
        rng, world = self.rng, self.traffic.world
        people, config = world.people, world.config
        weekend = 1.2 if config.day(day).weekday() >= 5 else 1.0
        once = np.flatnonzero(rng.random(len(people)) < np.minimum(people.activity * weekend, 0.95))
        twice = once[rng.random(len(once)) < 0.15]
        hour = np.array(_HOURS)[rng.choice(3, len(once), p=(0.25, 0.3, 0.45))]
        first = (rng.normal(hour[:, 0], hour[:, 1]) % 24) * 3_600_000
        second = (first[np.isin(once, twice)] + rng.uniform(3, 9, len(twice)) * 3_600_000) % DAY_MS
        person = np.concatenate([once, twice])
        at = config.start_ms + day * DAY_MS + np.concatenate([first, second]).astype(np.int64)
        order = np.argsort(at, kind="stable")
        session = np.arange(self.traffic.sessions, self.traffic.sessions + len(person))
        self.traffic.sessions += len(person)
        none = np.full(len(person), -1)
        return Wave(person[order], session, at[order], none, none)

    def visit(self, wave: Wave, recommenders: Recommenders) -> None:
        """Let these visitors see a home feed, then perhaps related items, a search, another home feed."""
        rng = self.rng
        self._identify(wave)
        end, item = recommenders.home(wave)
        for surface, share in _GOES_ON:
            goes_on = rng.random(len(wave)) < share
            if surface is RELATED:
                goes_on &= item >= 0
            later = end[goes_on] + rng.integers(2_000, 15_000, int(goes_on.sum()))
            step = Wave(
                wave.person[goes_on], wave.session[goes_on], later, item[goes_on], np.full(len(later), -1)
            )
            if surface is RELATED:
                end[goes_on] = recommenders.related(step)
            elif surface is SEARCH:
                end[goes_on] = recommenders.search(step)
            else:
                end[goes_on], _ = recommenders.home(step)

    def mailing(self, day: int) -> Wave:
        """Return who gets a mail this morning: every third day, those who want one."""
        world = self.traffic.world
        wanted = world.people.gets_email & (day % _MAIL_EVERY_DAYS == 0)
        people = np.flatnonzero(wanted)
        sent = world.config.start_ms + day * DAY_MS + _MAIL_MS + np.arange(len(people)) * 250
        none = np.full(len(people), -1)
        return Wave(people, none, sent, none, none)

    def _identify(self, wave: Wave) -> None:
        """A visitor who signs up today says so at the start of the session: the link of both ids."""
        since = self.traffic.world.people.identified_ms[wave.person]
        today = (since > 0) & (since <= wave.at_ms) & (wave.at_ms < since + 3 * DAY_MS)
        self.traffic.log.add(
            "identify",
            wave.at_ms[today] - 400,
            person=wave.person[today],
            session=wave.session[today],
            anonymous_too=1,
        )
