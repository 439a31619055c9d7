"""The world of the closed-loop experiment: who comes when, what is published when, and what they truly like.

The demo's people, topics, texts and behaviour, on one surface that is read from the top: the truth is known to whoever
judges, and to nobody who learns. What a text says of an item is its topics; how good it is within them (`appeal`) shows
only once people have met it. Clients do not report what came into view, so that examination has to be inferred.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np

from revealed.exploration.rank_marginals import Floats, Ints
from revealed.simulation.config import DAY_MS, HOME, SURFACE_CODE, Surface, WorldConfig
from revealed.simulation.population import NEVER_MS, Items, World, build_world
from revealed.simulation.registers import Dated, item_records
from revealed.simulation.slates import Serving, Wave

WARM_UP_DAYS = 2
DAYS_A_GENERATION = 2
SLOTS = 10
GOES_ON = 0.6
MOST_REQUESTS = 2


@dataclass(frozen=True)
class LoopSize:
    """What an experiment's world is like.

    Attributes:
        users: people.
        items: over all its days.
        generations: published after the warm-up.
        activity: share of people who come on a day.
        appeal: by how many logits an item that is one standard deviation better is clicked more; no text tells it.
        new_share: share of the items that appear while it runs.
        decay: how fast attention falls: the k-th place is looked at with probability .95 / k^decay.
        told: whether the catalogue says what items are about; without, content can place nothing.
    """

    users: int = 1000
    items: int = 200
    generations: int = 6
    activity: float = 0.3
    appeal: float = 0.6
    new_share: float = 0.4
    decay: float = 0.7
    told: bool = True

    @property
    def feed(self) -> Surface:
        """The one surface."""
        return Surface(HOME.name, slots=SLOTS, first=0.95, decay=self.decay)

    @property
    def days(self) -> int:
        """How many days it takes, the warm-up included."""
        return WARM_UP_DAYS + DAYS_A_GENERATION * self.generations


# Many people who come seldom: nobody's stock is used up, and how good an item is matters more than whom it is for.
BURIED = LoopSize(users=3000, activity=0.1, appeal=1.2, new_share=0.6)
# The same of a catalogue that says nothing but ids, and people who hardly look beyond the first places.
UNTOLD = replace(BURIED, decay=1.0, told=False)
_SAYS_WHAT_IT_IS = ("title", "text", "topic", "format", "framing", "author")


@dataclass(frozen=True)
class FeedServing(Serving):
    """A serving system, the generation that it serves, and its surface."""

    generation: int = 0
    feed: Surface = field(default_factory=lambda: LoopSize().feed)

    @property
    def place(self) -> Surface:
        """The surface's slots and examination."""
        return self.feed


def serving(model_name: str, policy: str, generation: int, feed: Surface) -> FeedServing:
    """Return what the inference log says of who answered, on the experiment's surface."""
    return FeedServing(SURFACE_CODE[feed.name], model_name, policy, generation=generation, feed=feed)


def catalogue_records(world: World, told: bool) -> Dated:
    """Return the catalogue's exports, as `item_records` does; of one that tells nothing, what an item is about is left out."""
    records = item_records(world)
    if told:
        return records
    return [
        (at, {name: value for name, value in record.items() if name not in _SAYS_WHAT_IT_IS})
        for at, record in records
    ]


def draw_loop_world(seed: int, size: LoopSize) -> World:
    """Return the people, the items and the truth of one seed.

    `relevance` is the chance of a click on looking, `satisfaction` what reading it is worth (0..1).
    """
    config = WorldConfig(
        seed=seed, users=size.users, items=size.items, days=size.days, mean_activity=size.activity, bots=0
    )
    drawn = build_world(config)
    rng = config.rng(41)
    appeal = rng.normal(0.0, 1.0, size.items)
    items = replace(
        drawn.items,
        quality=appeal,
        published_ms=_published(config, size.new_share, rng),
        withdrawn_ms=np.full(size.items, NEVER_MS),
        price=np.full(size.items, np.nan),
    )
    nobody = np.zeros(size.users, dtype=bool)
    people = replace(
        drawn.people,
        identified_ms=np.zeros(size.users, dtype=np.int64),
        reports_impressions=nobody,
        gets_email=nobody,
        has_client_sessions=~nobody,
        local_offset=nobody,
    )
    liking = people.taste @ items.vector.T
    return World(config, people, items, *_truth(liking, items, size.appeal))


def _truth(liking: Floats, items: Items, appeal: float) -> tuple[Floats, Floats]:
    relevance = _sigmoid(-4.2 + 5.0 * liking + appeal * items.quality + 0.8 * items.is_clickbait)
    satisfaction = _sigmoid(-1.2 + 3.5 * liking + 0.4 * items.quality - 3.0 * items.is_clickbait)
    return relevance, satisfaction


def _sigmoid(x: Floats) -> Floats:
    return np.asarray(1.0 / (1.0 + np.exp(-x)), dtype=np.float64)


def _published(config: WorldConfig, new_share: float, rng: np.random.Generator) -> Ints:
    """A part of the catalogue is there at the start; the rest appears hour by hour to the end."""
    before = config.start_ms - rng.integers(1, 60 * 24, config.items) * 3_600_000
    during = config.start_ms + rng.integers(1, config.days * 24, config.items) * 3_600_000
    return np.where(rng.random(config.items) < 1.0 - new_share, before, during)


def arrivals(world: World, day: int) -> Wave:
    """Return one day's sessions in order of time: the same for every arm, whatever it shows."""
    rng = np.random.default_rng([world.config.seed, 42, day])
    person = np.flatnonzero(rng.random(len(world.people)) < world.people.activity)
    at = world.config.start_ms + day * DAY_MS + rng.integers(3_600_000, DAY_MS - 2 * 3_600_000, len(person))
    order = np.argsort(at, kind="stable")
    none = np.full(len(person), -1)
    session = day * len(world.people) + np.arange(len(person))
    return Wave(person[order], session, at[order], none, none)
