"""The world's days: who comes, what they are shown on which surface under which policy, and what is used up.

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
from revealed.simulation.catalogue_words import TOPIC_NAMES
from revealed.simulation.config import DAY_MS, EMAIL, HOME, RELATED, SEARCH, SURFACE_CODE
from revealed.simulation.happenings import Traffic
from revealed.simulation.policies import Choice
from revealed.simulation.population import Bools, World
from revealed.simulation.slates import Serving, Wave, make_slates

POOL = {HOME.name: 24, RELATED.name: 15, EMAIL.name: 12}
_QUERY_WORDS = 8
_HOURS = ((8.0, 1.5), (13.0, 2.0), (21.0, 2.4))


class _Days:
    """The state that carries over from wave to wave: what people have used up, and what models think."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.traffic = Traffic(world)
        self.policy_rng = world.config.rng(3)
        self.people_rng = world.config.rng(4)
        self.visit_rng = world.config.rng(5)
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


def run_days(world: World, progress: Progress) -> Traffic:
    """Return everything that people saw and did, day by day."""
    days = _Days(world)
    for day in range(world.config.days):
        _mailing(days, day)
        _visits(days, day)
        if day % 7 == 6:
            progress("simulating days", day + 1, world.config.days)
    let_bots_in(days.traffic, days.believed[0])
    return days.traffic


def _model(world: World, noise: float, stage: int) -> tuple[Floats, Floats]:
    """A recommender's user embeddings and scores: true tastes through noise, plus some popularity."""
    rng = world.config.rng(stage)
    taste = world.people.taste + rng.normal(0.0, noise, world.people.taste.shape)
    vector = world.items.vector + rng.normal(0.0, noise / 2, world.items.vector.shape)
    return np.round(taste, 4), np.asarray(taste @ vector.T + 0.06 * world.items.quality, dtype=np.float64)


def _visits(days: _Days, day: int) -> None:
    """One day's sessions: a home feed, then perhaps related items, a search, another home feed."""
    rng = days.visit_rng
    wave = _arrivals(days, day)
    end, item = _home(days, wave)
    for surface, share in ((RELATED, 0.6), (SEARCH, 0.18), (HOME, 0.25)):
        goes_on = rng.random(len(wave)) < share
        if surface is RELATED:
            goes_on &= item >= 0
        later = end[goes_on] + rng.integers(2_000, 15_000, int(goes_on.sum()))
        step = Wave(
            wave.person[goes_on], wave.session[goes_on], later, item[goes_on], np.full(len(later), -1)
        )
        if surface is RELATED:
            end[goes_on] = _related(days, step).end_ms
        elif surface is SEARCH:
            end[goes_on] = _search(days, step)
        else:
            end[goes_on], _ = _home(days, step)


def _arrivals(days: _Days, day: int) -> Wave:
    """Who opens a session when: a daily rhythm, busier weekends, some people twice, some around midnight."""
    rng, people, config = days.visit_rng, days.world.people, days.world.config
    weekend = 1.2 if config.day(day).weekday() >= 5 else 1.0
    once = np.flatnonzero(rng.random(len(people)) < np.minimum(people.activity * weekend, 0.95))
    twice = once[rng.random(len(once)) < 0.15]
    hour = np.array(_HOURS)[rng.choice(3, len(once), p=(0.25, 0.3, 0.45))]
    first = (rng.normal(hour[:, 0], hour[:, 1]) % 24) * 3_600_000
    second = (first[np.isin(once, twice)] + rng.uniform(3, 9, len(twice)) * 3_600_000) % DAY_MS
    person = np.concatenate([once, twice])
    at = config.start_ms + day * DAY_MS + np.concatenate([first, second]).astype(np.int64)
    order = np.argsort(at, kind="stable")
    session = np.arange(days.traffic.sessions, days.traffic.sessions + len(person))
    days.traffic.sessions += len(person)
    none = np.full(len(person), -1)
    wave = Wave(person[order], session, at[order], none, none)
    _identify(days, wave)
    return wave


def _identify(days: _Days, wave: Wave) -> None:
    """A visitor who signs up today says so at the start of the session: the link of both ids."""
    since = days.world.people.identified_ms[wave.person]
    today = (since > 0) & (since <= wave.at_ms) & (wave.at_ms < since + 3 * DAY_MS)
    days.traffic.log.add(
        "identify",
        wave.at_ms[today] - 400,
        person=wave.person[today],
        session=wave.session[today],
        anonymous_too=1,
    )


def _home(days: _Days, wave: Wave) -> tuple[Ints, Ints]:
    """A tenth explores uniformly; the others are in an experiment: epsilon-greedy against Plackett-Luce."""
    draw = days.policy_rng.random(len(wave))
    treated = days.world.people.in_treatment[wave.person]
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
            eligible = days.eligible(part)
            choice = _choose(days, serving, part, days.personal_scores(part), eligible)
            outcome = days.serve(serving, part, choice, eligible)
            end[rows], item[rows] = outcome.end_ms, outcome.last_item
    return end, item


def _choose(days: _Days, serving: Serving, wave: Wave, scores: Floats, eligible: Bools) -> Choice:
    place, rng = serving.place, days.policy_rng
    if serving.policy == "uniform":
        return policies.uniform(rng, scores, eligible, place.slots)
    if serving.policy == "plackett_luce":
        pool = min(POOL[place.name], int(eligible.sum(axis=1).min(initial=len(days.world.items))))
        return policies.plackett_luce(rng, scores, eligible, min(place.slots, pool), pool)
    return policies.epsilon_greedy(rng, scores, eligible, place.slots, days.world.config.epsilon)


def _related(days: _Days, wave: Wave) -> Outcome:
    """Items like the one just read, epsilon-greedy by similarity."""
    vector = days.world.items.vector
    scores = vector[wave.context_item] @ vector.T + 0.05 * days.world.items.quality
    serving = Serving(SURFACE_CODE[RELATED.name], "item-neighbours", "epsilon_greedy")
    eligible = days.eligible(wave)
    eligible[np.arange(len(wave)), wave.context_item] = False
    return days.serve(serving, wave, _choose(days, serving, wave, scores, eligible), eligible)


def _search(days: _Days, wave: Wave) -> Ints:
    """A query about a liked topic, answered by a text engine that logs no propensity; some find nothing."""
    rng = days.visit_rng
    taste = days.world.people.taste[wave.person]
    cumulated = np.cumsum(taste / taste.sum(axis=1, keepdims=True), axis=1)
    topic = np.minimum((rng.random((len(wave), 1)) > cumulated).sum(axis=1), len(TOPIC_NAMES) - 1)
    query = topic * _QUERY_WORDS + rng.integers(0, _QUERY_WORDS, len(wave))
    asked = Wave(wave.person, wave.session, wave.at_ms, wave.context_item, query)
    surface = SURFACE_CODE[SEARCH.name]
    days.traffic.log.add(
        "search", wave.at_ms - 300, person=wave.person, session=wave.session, surface=surface, query=query
    )
    items = days.world.items
    about = (items.topic == topic[:, None]) | (items.second_topic == topic[:, None])
    at = wave.at_ms[:, None]
    eligible = about & (items.published_ms <= at) & (items.withdrawn_ms > at)
    answered = eligible.any(axis=1) & (rng.random(len(wave)) > 0.04)
    part, reachable = asked.take(answered), eligible[answered]
    scores = np.broadcast_to(items.quality, reachable.shape) + (items.topic == topic[answered, None])
    choice = policies.deterministic(scores, reachable, SEARCH.slots)
    end = wave.at_ms + 5_000
    if len(part):
        end[answered] = days.serve(Serving(surface, "text-search", "bm25"), part, choice, reachable).end_ms
    return end


def _mailing(days: _Days, day: int) -> None:
    """Every third morning, three items by mail to those who want it."""
    people = np.flatnonzero(days.world.people.gets_email)
    if day % 3 or not len(people):
        return
    sent = days.world.config.start_ms + day * DAY_MS + 6 * 3_600_000 + np.arange(len(people)) * 250
    none = np.full(len(people), -1)
    wave = Wave(people, none, sent, none, none)
    serving = Serving(SURFACE_CODE[EMAIL.name], "als-home", "plackett_luce")
    eligible = days.eligible(wave)
    scores = days.personal_scores(wave)
    days.serve(serving, wave, _choose(days, serving, wave, scores, eligible), eligible)
