"""One arm of the closed-loop experiment in service: it shows slates, people act on them, and the truth is noted.

Arms meet the same people at the same times, with the same random numbers for looking, clicking and reading, so that
differences between them are differences between what they show.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from revealed.benchmarks.closed_loop_arms import ORACLE, Arm, choose
from revealed.benchmarks.closed_loop_world import (
    DAYS_A_GENERATION,
    GOES_ON,
    MOST_REQUESTS,
    SLOTS,
    WARM_UP_DAYS,
    arrivals,
    serving,
)
from revealed.exploration.rank_marginals import Floats, Ints
from revealed.simulation.behaviour import behave
from revealed.simulation.config import Surface
from revealed.simulation.happenings import Traffic
from revealed.simulation.population import Bools, World
from revealed.simulation.slates import Slates, Wave, make_slates

_NEW_MS = DAYS_A_GENERATION * 86_400_000


@dataclass(frozen=True)
class Shown:
    """What the judge notes of one wave of requests, one entry a request.

    Attributes:
        generation: 0 is the warm-up.
        person: who asked.
        session: of the person.
        value: expected satisfied reads of the slate: sum of examination x relevance x satisfaction.
        possible: the same of the best slate of what could have been shown.
        reads: clicked items.
        satisfied: clicked items, each by how satisfying it was.
        new: share of shown items younger than two days.
    """

    generation: int
    person: Ints
    session: Ints
    value: Floats
    possible: Floats
    reads: Ints
    satisfied: Floats
    new: Floats


@dataclass
class Service:
    """A service: what it has shown, what people have used up, and what the log says."""

    world: World
    feed: Surface
    traffic: Traffic = field(init=False)
    used: Bools = field(init=False)
    notes: list[Shown] = field(default_factory=list)

    def __post_init__(self) -> None:
        """Begin with nothing shown."""
        self.traffic = Traffic(self.world)
        self.used = np.zeros((len(self.world.people), len(self.world.items)), dtype=bool)
        self._worth = self.world.relevance * self.world.satisfaction

    def serve_days(self, generation: int, arm: Arm, utilities: Floats | None) -> None:
        """Serve the days of one generation, from `utilities` `[people, items]` where the arm learns."""
        first = WARM_UP_DAYS + (generation - 1) * DAYS_A_GENERATION if generation else 0
        for day in range(first, first + (DAYS_A_GENERATION if generation else WARM_UP_DAYS)):
            wave = arrivals(self.world, day)
            for number in range(MOST_REQUESTS):
                rng = np.random.default_rng([self.world.config.seed, 43, day, number])
                wave = self._serve(generation, arm, utilities, wave, rng)

    def _serve(
        self, generation: int, arm: Arm, utilities: Floats | None, wave: Wave, rng: np.random.Generator
    ) -> Wave:
        """Show one wave of slates and return who asks for another one, when."""
        eligible = self._eligible(wave)
        keys = self._ranking(arm, utilities, wave)
        # Drawing slates and acting on them have streams of their own, so that no arm's draws move another's people.
        choice = choose(arm, rng.spawn(1)[0], keys, eligible, SLOTS)
        slates = make_slates(
            self.world,
            serving(_model(arm), _policy(arm), generation, self.feed),
            wave,
            choice,
            eligible,
            self.traffic.requests,
        )
        outcome = behave(self.world, slates, self.traffic.log, rng.spawn(1)[0])
        if arm.reports_all:
            self._report_all(slates)
        self.traffic.requests += len(wave)
        self.traffic.shown.append((slates, outcome))
        row, slot = np.nonzero(outcome.clicked)
        self.used[wave.person[row], choice.items[row, slot]] = True
        self._note(generation, slates, outcome.clicked, eligible)
        goes_on = outcome.clicked.any(axis=1) & (rng.random(len(wave)) < GOES_ON)
        later = Wave(wave.person, wave.session, outcome.end_ms + 2_000, wave.context_item, wave.query)
        return later.take(goes_on)

    def _report_all(self, slates: Slates) -> None:
        """Send an impression for whatever was delivered, as clients do that take shown for seen."""
        row, slot = np.nonzero(slates.shown)
        self.traffic.log.add(
            "impression",
            slates.wave.at_ms[row] + 500,
            person=slates.wave.person[row],
            session=slates.wave.session[row],
            item=slates.choice.items[row, slot],
            cause_request=slates.request_numbers[row],
            request_logged=1,
            position=slot + 1,
            surface=slates.serving.surface,
        )

    def _eligible(self, wave: Wave) -> Bools:
        out = self.world.items.published_ms <= wave.at_ms[:, None]
        return np.asarray(out & ~self.used[wave.person])

    def _ranking(self, arm: Arm, utilities: Floats | None, wave: Wave) -> Floats:
        if utilities is not None:
            return utilities[wave.person]
        if arm.name == ORACLE.name:
            return self._worth[wave.person]
        return np.broadcast_to(self.world.items.published_ms / 1e9, (len(wave), len(self.world.items)))

    def _note(self, generation: int, slates: Slates, clicked: Bools, eligible: Bools) -> None:
        wave, items = slates.wave, np.maximum(slates.choice.items, 0)
        worth = np.where(slates.shown, np.take_along_axis(self._worth[wave.person], items, axis=1), 0.0)
        best = -np.sort(-np.where(eligible, self._worth[wave.person], 0.0), axis=1)[:, :SLOTS]
        satisfied = np.take_along_axis(self.world.satisfaction[wave.person], items, axis=1)
        age = wave.at_ms[:, None] - self.world.items.published_ms[items]
        self.notes.append(
            Shown(
                generation=generation,
                person=wave.person,
                session=wave.session,
                value=worth @ self.feed.examination,
                possible=best @ self.feed.examination,
                reads=clicked.sum(axis=1),
                satisfied=(clicked * satisfied).sum(axis=1),
                new=(slates.shown & (age < _NEW_MS)).sum(axis=1) / np.maximum(slates.shown.sum(axis=1), 1),
            )
        )


def _model(arm: Arm) -> str:
    return "als" if arm.learns else arm.name.replace(" ", "-")


def _policy(arm: Arm) -> str:
    return arm.exploration.policy if arm.learns else arm.name.replace(" ", "_")
