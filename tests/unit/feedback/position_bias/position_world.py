"""Requests whose examination is known: 8 positions, truth 1/k^.8, people of six tastes, rankers of several kinds."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from revealed.exploration.rank_marginals import plackett_luce_rank_marginals, sample_plackett_luce

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

SLOTS = 8
POSITIONS = np.arange(1, SLOTS + 1)
TRUTH = 1.0 / POSITIONS**0.8


@dataclass(frozen=True)
class Shown:
    """One entry an impression."""

    person: Ints
    cluster: Ints
    item: Ints
    score: Floats
    position: Ints
    clicked: NDArray[np.bool_]
    propensity: Floats

    def __len__(self) -> int:
        return len(self.item)

    @property
    def naive(self) -> Floats:
        """Click rates relative to position 1."""
        rate = np.bincount(self.position, self.clicked)[1:] / np.bincount(self.position)[1:]
        return rate / rate[0]


@dataclass(frozen=True)
class World:
    """`individual` is how much people of one cluster differ, `scale` how much the sizes of their scores do."""

    rng: np.random.Generator
    people: int = 2000
    items: int = 60
    clusters: int = 6
    individual: float = 0.3
    scale: float = 0.0

    def tastes(self) -> tuple[Ints, Floats]:
        """Each person's cluster, and the logit of a click on each item once it is examined."""
        cluster = self.rng.integers(0, self.clusters, self.people)
        taste = np.eye(self.clusters)[cluster]
        taste = taste + self.individual * self.rng.dirichlet(np.full(self.clusters, 0.5), self.people)
        topic = self.rng.integers(0, self.clusters, self.items)
        vector = 0.9 * np.eye(self.clusters)[topic]
        vector = vector + 0.3 * self.rng.dirichlet(np.full(self.clusters, 0.5), self.items)
        return cluster, -3.2 + 2.5 * taste @ vector.T + self.rng.normal(0.0, 0.5, self.items)


def personalised(
    requests: int = 60_000,
    *,
    seed: int = 1,
    individual: float = 0.0,
    scale: float = 0.0,
    people: int = 2000,
    chance: float = 0.3,
) -> Shown:
    """Every request half of the catalogue, sorted by what the ranker believes of the person plus a little chance.

    With `individual` 0 the ranker believes (and people are) what their cluster is; with `scale` > 0 scores of different
    people cannot be compared, as with factors of different length.
    """
    world = World(np.random.default_rng(seed), people=people, individual=individual, scale=scale)
    rng = world.rng
    cluster, logit = world.tastes()
    believed = logit * np.exp(scale * rng.normal(size=(people, 1)))
    person = rng.integers(0, people, requests)
    pool = rng.random((requests, world.items)).argsort(axis=1)[:, : world.items // 2]
    score = np.take_along_axis(believed[person], pool, axis=1)
    order = np.argsort(-(score + rng.normal(0.0, chance, score.shape)), axis=1)[:, :SLOTS]
    item = np.take_along_axis(pool, order, axis=1)
    return _show(rng, person, cluster, item, np.take_along_axis(score, order, axis=1), logit)


def deterministic(requests: int = 60_000, *, seed: int = 2) -> Shown:
    """Every person always the same list in the same order."""
    world = World(np.random.default_rng(seed), individual=0.3)
    cluster, logit = world.tastes()
    person = world.rng.integers(0, world.people, requests)
    item = np.argsort(-logit, axis=1)[person, :SLOTS]
    return _show(world.rng, person, cluster, item, np.take_along_axis(logit[person], item, axis=1), logit)


def plackett_luce(requests: int = 60_000, *, seed: int = 3, temperature: float = 0.6) -> Shown:
    """A personalised Plackett-Luce ranker over the 16 best items of each cluster, with its exact rank marginals."""
    world = World(np.random.default_rng(seed), individual=0.0)
    cluster, logit = world.tastes()
    of_cluster = np.stack([logit[cluster == c][0] for c in range(world.clusters)])
    pool = np.argsort(-of_cluster, axis=1)[:, :16]
    weights = np.exp(np.take_along_axis(of_cluster, pool, axis=1) / temperature)
    marginals = plackett_luce_rank_marginals(weights, SLOTS)
    person = world.rng.integers(0, world.people, requests)
    own = cluster[person]
    drawn = sample_plackett_luce(world.rng, weights[own], SLOTS)
    item = np.take_along_axis(pool[own], drawn, axis=1)
    propensity = marginals[own[:, None], drawn, np.arange(SLOTS)]
    score = np.take_along_axis(of_cluster[own], item, axis=1)
    return _show(world.rng, person, cluster, item, score, logit, propensity)


def _show(
    rng: np.random.Generator,
    person: Ints,
    cluster: Ints,
    item: Ints,
    score: Floats,
    logit: Floats,
    propensity: Floats | None = None,
) -> Shown:
    relevance = 1.0 / (1.0 + np.exp(-logit[person[:, None], item]))
    clicked = rng.random(item.shape) < TRUTH * relevance
    unknown = np.full(item.shape, np.nan) if propensity is None else propensity
    return Shown(
        person=np.repeat(person, SLOTS),
        cluster=np.repeat(cluster[person], SLOTS),
        item=item.ravel(),
        score=score.ravel(),
        position=np.tile(POSITIONS, len(person)),
        clicked=clicked.ravel(),
        propensity=unknown.ravel(),
    )


def worst_error(examination: Floats) -> float:
    """The largest relative error of a curve."""
    return float(np.abs(examination / TRUTH - 1.0).max())


def alternate(cell: Ints, position: Ints, impressions: Floats, clicks: Floats, rounds: int) -> Floats:
    """The textbook's alternation, as an oracle: gamma = sum C / sum N theta, theta = sum C / sum N gamma."""
    _, cell = np.unique(cell, return_inverse=True)
    place, theta = position - 1, np.ones(int(position.max()))
    for _ in range(rounds):
        gamma = np.bincount(cell, clicks) / np.bincount(cell, impressions * theta[place])
        theta = np.bincount(place, clicks) / np.bincount(place, impressions * gamma[cell])
        theta = theta / theta[0]
    return theta
