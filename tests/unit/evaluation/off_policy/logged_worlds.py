"""Small worlds with a Plackett-Luce logging policy, exact rank marginals and a known value."""

from __future__ import annotations

from itertools import permutations

import numpy as np
import pyarrow as pa

from revealed.evaluation.off_policy import PolicyLog, Target, policy_log
from revealed.exploration.rank_marginals import plackett_luce_rank_marginals, sample_plackett_luce

ITEMS, PLACES = 5, 2
LOGGED_WEIGHTS = np.exp(np.array([1.2, 0.6, 0.0, -0.5, -1.0]))
ASKED_WEIGHTS = np.exp(np.array([-0.8, -0.3, 0.2, 0.7, 1.0]))
# The chance of a click on each item (rows) at each position: relevance times examination.
CLICK = np.array([0.15, 0.25, 0.30, 0.45, 0.60])[:, None] * np.array([1.0, 0.6])[None, :]


def slates(weights: np.ndarray) -> list[tuple[tuple[int, ...], float]]:
    """Every slate of a Plackett-Luce policy with its probability."""
    found = []
    for slate in permutations(range(ITEMS), PLACES):
        left, chance = weights.sum(), 1.0
        for item in slate:
            chance *= weights[item] / left
            left -= weights[item]
        found.append((slate, chance))
    return found


def value(weights: np.ndarray) -> float:
    """The expected clicks a shown item, by enumeration."""
    return (
        sum(
            chance * CLICK[item, place]
            for slate, chance in slates(weights)
            for place, item in enumerate(slate)
        )
        / PLACES
    )


def asked(log: PolicyLog) -> Target:
    """The target policy in the log's own codes."""
    marginals = plackett_luce_rank_marginals(ASKED_WEIGHTS, PLACES)
    order = [int(name) for name in log.items]
    return Target("asked", marginals[order].T[None], np.zeros((1, PLACES)))


def logged(seed: int, people: int, requests: int = 1) -> PolicyLog:
    """A log of some people with some requests each, under the logging policy."""
    random = np.random.default_rng(seed)
    slate = sample_plackett_luce(random, np.tile(LOGGED_WEIGHTS, (people * requests, 1)), PLACES)
    marginals = plackett_luce_rank_marginals(LOGGED_WEIGHTS, PLACES)
    item, place = slate.ravel(), np.tile(np.arange(PLACES), len(slate))
    return policy_log(
        pa.table(
            {
                "item_id": pa.array([str(code) for code in item]),
                "position": pa.array(place + 1),
                "propensity": pa.array(marginals[item, place]),
                "reward": pa.array((random.random(len(item)) < CLICK[item, place]).astype(float)),
                "user_id": pa.array([f"u{row // (PLACES * requests)}" for row in range(len(item))]),
            }
        )
    )
