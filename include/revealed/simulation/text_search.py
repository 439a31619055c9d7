"""The text engine of the simulated world: an outside system that answers queries and logs no propensity."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from revealed.simulation import policies
from revealed.simulation.catalogue_words import TOPIC_NAMES
from revealed.simulation.config import SEARCH, SURFACE_CODE
from revealed.simulation.event_log import EventLog
from revealed.simulation.policies import Choice
from revealed.simulation.population import Bools, World
from revealed.simulation.slates import Serving, Wave

TEXT_SEARCH = Serving(SURFACE_CODE[SEARCH.name], "text-search", "bm25")
_QUERY_WORDS = 8


@dataclass(frozen=True)
class Found:
    """What the engine answered: `answered` by query asked; the rest by query that found something."""

    answered: Bools
    wave: Wave
    choice: Choice
    eligible: Bools


def search(world: World, wave: Wave, log: EventLog, rng: np.random.Generator) -> Found:
    """Let each visitor ask about a liked topic (an event in `log`) and return the answers; some find nothing."""
    taste = world.people.taste[wave.person]
    cumulated = np.cumsum(taste / taste.sum(axis=1, keepdims=True), axis=1)
    topic = np.minimum((rng.random((len(wave), 1)) > cumulated).sum(axis=1), len(TOPIC_NAMES) - 1)
    query = topic * _QUERY_WORDS + rng.integers(0, _QUERY_WORDS, len(wave))
    asked = Wave(wave.person, wave.session, wave.at_ms, wave.context_item, query)
    surface = TEXT_SEARCH.surface
    log.add(
        "search", wave.at_ms - 300, person=wave.person, session=wave.session, surface=surface, query=query
    )
    items = world.items
    about = (items.topic == topic[:, None]) | (items.second_topic == topic[:, None])
    at = wave.at_ms[:, None]
    eligible = about & (items.published_ms <= at) & (items.withdrawn_ms > at)
    answered = eligible.any(axis=1) & (rng.random(len(wave)) > 0.04)
    reachable = eligible[answered]
    scores = np.broadcast_to(items.quality, reachable.shape) + (items.topic == topic[answered, None])
    choice = policies.deterministic(scores, reachable, SEARCH.slots)
    return Found(answered, asked.take(answered), choice, reachable)
