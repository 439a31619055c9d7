"""Personal lists of two models, served by exploration, in a population whose rewards are planted."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from revealed.evaluation.off_policy import PolicyLog, ServedPools
from revealed.exploration.policy import Exploration
from revealed.exploration.pool_marginals import pool_marginals
from revealed.exploration.rank_marginals import sample_plackett_luce

TYPES, ITEMS, POOL, PLACES = 8, 40, 12, 4
LOGGED, SERVED, GREEDY = Exploration(temperature=1.0), Exploration(temperature=0.5), Exploration("greedy")
_EXAMINED = 1.0 / np.arange(1, PLACES + 1) ** 0.5


@dataclass(frozen=True)
class Lists:
    """Each type's pool: `[types, pool]` items, best first, and utilities."""

    items: np.ndarray
    utilities: np.ndarray

    def marginals(self, way: Exploration) -> np.ndarray:
        """`[types, pool, places]`."""
        return pool_marginals(self.utilities, PLACES, way)


@dataclass(frozen=True)
class World:
    """`clicks` is `[types, items, places]`: what showing an item there earns in expectation."""

    logged: Lists
    asked: Lists
    clicks: np.ndarray

    def value(self, lists: Lists, marginals: np.ndarray) -> float:
        """The expected clicks a shown item, were everybody (each type alike often) shown this."""
        earned = np.take_along_axis(self.clicks, lists.items[:, :, None], axis=1)
        return float((marginals * earned).sum() / TYPES / PLACES)


def world(missing: int = 0, missing_earns: float = 1.0) -> World:
    """Two models that agree by half on the order of the same pools.

    Args:
        missing: how many items of the asked model's pools the other one's do not hold; they come last.
        missing_earns: what these earn, in averages of the place.
    """
    random = np.random.default_rng(3)
    pools = np.array([random.permutation(ITEMS)[: POOL + 4] for _ in range(TYPES)])
    taste = random.normal(0, 1, (TYPES, POOL))
    logged, asked = (_ranked(pools[:, :POOL], taste + random.normal(0, 0.7, taste.shape)) for _ in range(2))
    clicks = random.uniform(0.06, 0.3, (TYPES, ITEMS))
    own = 0.6 / (1 + np.exp(-taste * 1.5))
    np.put_along_axis(clicks, pools[:, :POOL], own, axis=1)
    whole = clicks[:, :, None] * _EXAMINED
    if missing:
        asked = replace(asked, items=np.hstack([asked.items[:, :-missing], pools[:, POOL : POOL + missing]]))
        earns = World(logged, asked, whole).value(logged, logged.marginals(LOGGED)) * missing_earns
        np.put_along_axis(whole, pools[:, POOL : POOL + missing, None], earns, axis=1)
    return World(logged, asked, whole)


def _ranked(items: np.ndarray, scores: np.ndarray) -> Lists:
    order = np.argsort(-scores, axis=1)
    best = np.take_along_axis(scores, order, axis=1)
    utilities = (best - best[:, :1]) / best.std(axis=1, keepdims=True)
    return Lists(np.take_along_axis(items, order, axis=1), utilities)


def logged(found: World, seed: int, people: int, requests: int = 2) -> tuple[PolicyLog, np.ndarray]:
    """A log under the logged model's lists, and the type of each row's person."""
    random = np.random.default_rng(seed)
    kind = np.repeat(random.integers(0, TYPES, people), requests)
    drawn = sample_plackett_luce(random, np.exp(found.logged.utilities[kind]), PLACES)
    marginals, places = found.logged.marginals(LOGGED), np.tile(np.arange(PLACES), len(drawn))
    rows = np.repeat(kind, PLACES)
    item = found.logged.items[rows, drawn.ravel()]
    log = PolicyLog(
        item=item,
        position=places,
        context=np.zeros(len(item), dtype=np.int64),
        person=np.repeat(np.arange(people), requests * PLACES),
        propensity=marginals[rows, drawn.ravel(), places],
        reward=(random.random(len(item)) < found.clicks[rows, item, places]).astype(float),
        items=[f"{number:02d}" for number in range(ITEMS)],
        positions=list(range(1, PLACES + 1)),
        contexts=[""],
    )
    return log, rows


def served(lists: Lists, marginals: np.ndarray, log: PolicyLog, kind: np.ndarray) -> ServedPools:
    """The policy of these lists, in the log's situations."""
    return ServedPools("served", lists.items, marginals.swapaxes(1, 2), kind, log.position)
