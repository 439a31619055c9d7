"""A written world's days: what people are shown on which surface under which policy, and what is used up.

Requests run in waves (all first home feeds of a day, then what follows from them), which keeps everything in
arrays.
"""

from __future__ import annotations

import numpy as np

from revealed.exploration.rank_marginals import Floats, Ints
from revealed.progress import Progress
from revealed.simulation import policies
from revealed.simulation.behaviour import Outcome, behave
from revealed.simulation.bots import let_bots_in
from revealed.simulation.config import EMAIL, HOME, RELATED, SURFACE_CODE
from revealed.simulation.happenings import Traffic
from revealed.simulation.policies import Choice
from revealed.simulation.population import Bools, World
from revealed.simulation.slates import Serving, Wave, make_slates
from revealed.simulation.text_search import TEXT_SEARCH, search
from revealed.simulation.visits import Visits

POOL = {HOME.name: 24, RELATED.name: 15, EMAIL.name: 12}


class _Systems:
    """The invented systems that answer people, and what carries over: what people have used up, what models think."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.traffic = Traffic(world)
        self.policy_rng = world.config.rng(3)
        self.people_rng = world.config.rng(4)
        self.visits = Visits(self.traffic, world.config.rng(5))
        self.used = np.zeros((len(world.people), len(world.items)), dtype=bool)
        self.believed: list[Floats] = []
        for noise, stage in ((0.22, 6), (0.10, 7)):
            embedding, scores = _model(world, noise, stage)
            self.traffic.embeddings.append(embedding)
            self.believed.append(scores)

    def eligible(self, wave: Wave) -> Bools:
        """What could be shown: published, not withdrawn, not consumed (unless hardly anything is left)."""
        at = wave.at_ms[:, None]
        alive = (self.world.items.published_ms <= at) & (self.world.items.withdrawn_ms > at)
        fresh = alive & ~self.used[wave.person]
        exhausted = fresh.sum(axis=1, keepdims=True) < HOME.slots
        return np.asarray(np.where(exhausted, alive, fresh))

    def personal_scores(self, wave: Wave) -> Floats:
        """The scores of the model version in service at the time of each request."""
        renewed = (wave.at_ms >= self.world.config.new_model_ms)[:, None]
        old, new = self.believed
        return np.where(renewed, new[wave.person], old[wave.person])

    def serve(self, serving: Serving, wave: Wave, choice: Choice, eligible: Bools) -> Outcome:
        """Show the slates and let people act; remember what they consumed."""
        traffic = self.traffic
        slates = make_slates(self.world, serving, wave, choice, eligible, traffic.requests)
        outcome = behave(self.world, slates, traffic.log, self.people_rng)
        traffic.requests += len(wave)
        traffic.shown.append((slates, outcome))
        row, slot = np.nonzero(outcome.clicked)
        self.used[wave.person[row], choice.items[row, slot]] = True
        return outcome

    def home(self, wave: Wave) -> tuple[Ints, Ints]:
        """A tenth explores uniformly; the others are in an experiment: epsilon-greedy against Plackett-Luce."""
        draw = self.policy_rng.random(len(wave))
        treated = self.world.people.in_treatment[wave.person]
        explores = draw < 0.10
        home = SURFACE_CODE[HOME.name]
        arms = (
            (explores, Serving(home, "als-home", "uniform", "home-exploration", "uniform")),
            (~explores & ~treated, Serving(home, "als-home", "epsilon_greedy", "home-ranking", "control")),
            (~explores & treated, Serving(home, "als-home", "plackett_luce", "home-ranking", "treatment")),
        )
        end, item = wave.at_ms.copy(), np.full(len(wave), -1)
        for rows, serving in arms:
            part = wave.take(rows)
            if len(part):
                outcome = self._personal(serving, part)
                end[rows], item[rows] = outcome.end_ms, outcome.last_item
        return end, item

    def related(self, wave: Wave) -> Ints:
        """Items like the one just read, epsilon-greedy by similarity."""
        vector = self.world.items.vector
        scores = vector[wave.context_item] @ vector.T + 0.05 * self.world.items.quality
        serving = Serving(SURFACE_CODE[RELATED.name], "item-neighbours", "epsilon_greedy")
        eligible = self.eligible(wave)
        eligible[np.arange(len(wave)), wave.context_item] = False
        choice = self._choose(serving, scores, eligible)
        return self.serve(serving, wave, choice, eligible).end_ms

    def search(self, wave: Wave) -> Ints:
        """What the text engine finds."""
        found = search(self.world, wave, self.traffic.log, self.visits.rng)
        end = wave.at_ms + 5_000
        if len(found.wave):
            outcome = self.serve(TEXT_SEARCH, found.wave, found.choice, found.eligible)
            end[found.answered] = outcome.end_ms
        return end

    def mail(self, wave: Wave) -> None:
        """Three items by mail, Plackett-Luce."""
        self._personal(Serving(SURFACE_CODE[EMAIL.name], "als-home", "plackett_luce"), wave)

    def _personal(self, serving: Serving, wave: Wave) -> Outcome:
        eligible = self.eligible(wave)
        choice = self._choose(serving, self.personal_scores(wave), eligible)
        return self.serve(serving, wave, choice, eligible)

    def _choose(self, serving: Serving, scores: Floats, eligible: Bools) -> Choice:
        place, rng = serving.place, self.policy_rng
        if serving.policy == "uniform":
            return policies.uniform(rng, scores, eligible, place.slots)
        if serving.policy == "plackett_luce":
            pool = min(POOL[place.name], int(eligible.sum(axis=1).min(initial=len(self.world.items))))
            return policies.plackett_luce(rng, scores, eligible, min(place.slots, pool), pool)
        return policies.epsilon_greedy(rng, scores, eligible, place.slots, self.world.config.epsilon)


def run_days(world: World, progress: Progress) -> Traffic:
    """Return everything that people saw and did, day by day."""
    systems = _Systems(world)
    for day in range(world.config.days):
        mailed = systems.visits.mailing(day)
        if len(mailed):
            systems.mail(mailed)
        systems.visits.visit(systems.visits.arrivals(day), systems)
        if day % 7 == 6:
            progress("simulating days", day + 1, world.config.days)
    let_bots_in(systems.traffic, systems.believed[0])
    return systems.traffic


def _model(world: World, noise: float, stage: int) -> tuple[Floats, Floats]:
    """A recommender's user embeddings and scores: true tastes through noise, plus some popularity."""
    rng = world.config.rng(stage)
    taste = world.people.taste + rng.normal(0.0, noise, world.people.taste.shape)
    vector = world.items.vector + rng.normal(0.0, noise / 2, world.items.vector.shape)
    return np.round(taste, 4), np.asarray(taste @ vector.T + 0.06 * world.items.quality, dtype=np.float64)
