"""Who lives in the demo world and what there is to see: known tastes, items, and how these meet.

Tastes are low-rank on purpose: a person likes two or three topics, an item belongs mostly to one. That is the
structure that collaborative filtering can find and popularity cannot.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from revealed.exploration.rank_marginals import Floats, Ints
from revealed.simulation.catalogue_words import (
    FORMAT_DWELL_S,
    FORMAT_SHARES,
    FORMATS,
    FRAMING_SHARES,
    FRAMINGS,
    PRODUCT,
    TEASER,
    TOPIC_NAMES,
)
from revealed.simulation.config import DAY_MS, WorldConfig

Bools = NDArray[np.bool_]

DEVICES = ("ios", "android", "desktop", "tablet")
DEVICE_SHARES = (0.30, 0.34, 0.28, 0.08)
DEVICE_DWELL = np.array([0.85, 0.80, 1.25, 1.05])
NEVER_MS = np.iinfo(np.int64).max
_CLICKBAIT_PULL = 1.1


@dataclass(frozen=True)
class People:
    """One entry a person (bots are the last `config.bots` of them)."""

    taste: Floats
    activity: Floats
    device: Ints
    identified_ms: Ints
    has_client_sessions: Bools
    reports_impressions: Bools
    sends_heartbeats: Bools
    gets_email: Bools
    in_treatment: Bools
    is_bot: Bools
    local_offset: Bools

    def __len__(self) -> int:
        """Return how many there are."""
        return len(self.device)


@dataclass(frozen=True)
class Items:
    """One entry an item."""

    vector: Floats
    quality: Floats
    topic: Ints
    second_topic: Ints
    format: Ints
    framing: Ints
    author: Ints
    published_ms: Ints
    withdrawn_ms: Ints
    price: Floats
    expected_dwell_s: Floats
    is_clickbait: Bools

    def __len__(self) -> int:
        """Return how many there are."""
        return len(self.topic)


@dataclass(frozen=True)
class World:
    """The truth: people, items, and the two matrices that behaviour is drawn from.

    `relevance[p, i]` is the probability of a click given examination; `satisfaction[p, i]`, in 0..1, drives
    what follows the click. They differ for clickbait alone.
    """

    config: WorldConfig
    people: People
    items: Items
    relevance: Floats
    satisfaction: Floats


def build_world(config: WorldConfig) -> World:
    """Return the population that `config` describes; the same for the same seed."""
    people = _people(config, config.rng(1))
    items = _items(config, config.rng(2))
    liking = people.taste @ items.vector.T
    logit = -3.6 + 4.6 * liking + 0.55 * items.quality
    relevance = _sigmoid(logit + _CLICKBAIT_PULL * items.is_clickbait)
    satisfaction = _sigmoid(-2.0 + 4.5 * liking + 0.4 * items.quality - 3.0 * items.is_clickbait)
    return World(config, people, items, relevance, satisfaction)


def _sigmoid(x: Floats) -> Floats:
    return np.asarray(1.0 / (1.0 + np.exp(-x)), dtype=np.float64)


def _people(config: WorldConfig, rng: np.random.Generator) -> People:
    total = config.users + config.bots
    is_bot = np.arange(total) >= config.users
    kind = rng.random(total)
    first_seen = config.start_ms + rng.integers(1, max(2, config.days - 1), total) * DAY_MS
    identified = np.where(kind < 0.80, 0, np.where(kind < 0.92, first_seen, NEVER_MS))
    device = rng.choice(len(DEVICES), total, p=DEVICE_SHARES)
    mean = config.mean_activity
    return People(
        taste=_tastes(rng, total),
        activity=np.where(is_bot, 0.0, rng.beta(2.0, 2.0 * (1 - mean) / mean, total)),
        device=device,
        identified_ms=np.where(is_bot, NEVER_MS, identified),
        has_client_sessions=rng.random(total) < 0.6,
        reports_impressions=rng.random(total) < 0.3,
        sends_heartbeats=rng.random(total) < 0.15,
        gets_email=(rng.random(total) < 0.25) & (identified == 0) & ~is_bot,
        in_treatment=rng.random(total) < 0.5,
        is_bot=is_bot,
        local_offset=(device == DEVICES.index("tablet")) & (rng.random(total) < 0.5),
    )


def _tastes(rng: np.random.Generator, people: int) -> Floats:
    """Return `[people, topics]` of unit length: two or three liked topics each, topics unequally liked."""
    topics = len(TOPIC_NAMES)
    liked = rng.choice(topics, people, p=_topic_shares())
    taste = rng.dirichlet(np.full(topics, 0.25), people)
    taste[np.arange(people), liked] += 0.6
    return np.asarray(taste / np.linalg.norm(taste, axis=1, keepdims=True), dtype=np.float64)


def _topic_shares() -> Floats:
    shares = 1.0 / np.arange(1, len(TOPIC_NAMES) + 1) ** 0.4
    return np.asarray(shares / shares.sum(), dtype=np.float64)


def _items(config: WorldConfig, rng: np.random.Generator) -> Items:
    n = config.items
    topic = rng.choice(len(TOPIC_NAMES), n, p=_topic_shares())
    second = (topic + rng.integers(1, len(TOPIC_NAMES), n)) % len(TOPIC_NAMES)
    kind = rng.choice(len(FORMATS), n, p=FORMAT_SHARES)
    framing = rng.choice(len(FRAMINGS), n, p=FRAMING_SHARES)
    length = np.array(FORMAT_DWELL_S)[kind] * rng.lognormal(0.0, 0.35, n)
    price = np.round(rng.lognormal(3.3, 0.6, n) * 2) / 2
    return Items(
        vector=_item_vectors(rng, topic, second),
        quality=_long_tail(rng, n),
        topic=topic,
        second_topic=second,
        format=kind,
        framing=framing,
        author=rng.zipf(1.6, n) % 40,
        published_ms=_published(config, rng),
        withdrawn_ms=np.where(rng.random(n) < 0.03, config.new_model_ms, NEVER_MS),
        price=np.where(kind == PRODUCT, price, np.nan),
        expected_dwell_s=np.round(length, 1),
        is_clickbait=(framing == TEASER) & (rng.random(n) < 0.8),
    )


def _item_vectors(rng: np.random.Generator, topic: Ints, second: Ints) -> Floats:
    vector = np.abs(rng.normal(0.0, 0.06, (len(topic), len(TOPIC_NAMES))))
    rows = np.arange(len(topic))
    vector[rows, topic] += 0.9
    vector[rows, second] += rng.uniform(0.0, 0.5, len(topic))
    return vector


def _long_tail(rng: np.random.Generator, n: int) -> Floats:
    """Return quality, standardised: a few items that many like and a long tail."""
    raw = np.log(1.0 / rng.permutation(np.arange(1, n + 1)) ** 0.8)
    return np.asarray((raw - raw.mean()) / raw.std(), dtype=np.float64)


def _published(config: WorldConfig, rng: np.random.Generator) -> Ints:
    """Two thirds of the catalogue is older than the log; the rest appears while it runs."""
    n = config.items
    before = config.start_ms - rng.integers(1, 200 * 24, n) * 3_600_000
    during = config.start_ms + rng.integers(6, max(7, config.days * 24 - 24), n) * 3_600_000
    return np.where(rng.random(n) < 0.68, before, during)
