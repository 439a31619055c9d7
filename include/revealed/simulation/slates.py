"""What was shown: one record a wave of requests that share surface, policy and model."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from revealed.exploration.rank_marginals import Floats, Ints
from revealed.simulation.config import SURFACES, Surface
from revealed.simulation.policies import Choice
from revealed.simulation.population import Bools, World


@dataclass(frozen=True)
class Wave:
    """Who asks for a slate, when: one entry a request."""

    person: Ints
    session: Ints
    at_ms: Ints
    context_item: Ints
    query: Ints

    def take(self, rows: Bools) -> Wave:
        """Return the requests where `rows` is true."""
        return Wave(
            self.person[rows], self.session[rows], self.at_ms[rows], self.context_item[rows], self.query[rows]
        )

    def __len__(self) -> int:
        """Return how many there are."""
        return len(self.person)


@dataclass(frozen=True)
class Serving:
    """The system that answered: what the inference log calls model, policy and experiment."""

    surface: int
    model_name: str
    policy: str
    experiment_id: str | None = None
    variant: str | None = None

    @property
    def place(self) -> Surface:
        """The surface's slots and examination."""
        return SURFACES[self.surface]


@dataclass(frozen=True)
class Slates:
    """Requests with their slates and the truth about them.

    `uniform_value` is the expected number of clicks, had the policy been uniform over what was eligible:
    sum over k of theta_k times the mean relevance of the eligible items.
    """

    serving: Serving
    wave: Wave
    choice: Choice
    first_request: int
    relevance: Floats
    uniform_value: Floats
    eligible_count: Ints

    def __len__(self) -> int:
        """Return how many there are."""
        return len(self.wave)

    @property
    def shown(self) -> Bools:
        """`[requests, slots]`: false where a slate is shorter than the surface."""
        return np.asarray(self.choice.items >= 0)

    @property
    def request_numbers(self) -> Ints:
        """The world-wide number of each request."""
        return np.arange(self.first_request, self.first_request + len(self), dtype=np.int64)


def make_slates(
    world: World, serving: Serving, wave: Wave, choice: Choice, eligible: Bools, first_request: int
) -> Slates:
    """Return the slates with their true relevance and the uniform policy's true value."""
    liked = world.relevance[wave.person]
    relevance = np.take_along_axis(liked, np.maximum(choice.items, 0), axis=1)
    count = eligible.sum(axis=1)
    mean = (liked * eligible).sum(axis=1) / np.maximum(count, 1)
    slots = np.minimum(count, serving.place.slots)
    reach = np.concatenate([[0.0], np.cumsum(serving.place.examination)])[slots]
    shown = np.where(choice.items >= 0, relevance, 0.0)
    return Slates(serving, wave, choice, first_request, shown, mean * reach, count)
