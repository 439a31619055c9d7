"""What a demo world is made of: its size, its dates and the constants of nature that tests know."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date, timedelta

import numpy as np

from revealed.errors import UsageError
from revealed.exploration.rank_marginals import Floats

DAY_MS = 86_400_000


@dataclass(frozen=True)
class Surface:
    """A place where recommendations are shown, and how its visitors look at it.

    `first` is the probability that position 1 is examined, `decay` the exponent of the fall: first / k^decay.
    """

    name: str
    slots: int
    first: float
    decay: float

    @property
    def examination(self) -> Floats:
        """Probability that each position is examined (the position-based model's theta), best slot first."""
        ranks = np.arange(1, self.slots + 1, dtype=np.float64)
        return np.asarray(self.first / ranks**self.decay, dtype=np.float64)


HOME = Surface("home_feed", slots=10, first=0.95, decay=0.7)
RELATED = Surface("article_related", slots=5, first=0.8, decay=0.6)
SEARCH = Surface("search", slots=8, first=0.98, decay=0.9)
EMAIL = Surface("email", slots=3, first=0.45, decay=0.5)
SURFACES = (HOME, RELATED, SEARCH, EMAIL)
SURFACE_CODE = {surface.name: code for code, surface in enumerate(SURFACES)}


@dataclass(frozen=True)
class WorldConfig:
    """A world that can be written again byte for byte. Rates are shares of lines."""

    seed: int = 7
    users: int = 800
    items: int = 400
    days: int = 21
    start: date = field(default_factory=lambda: date(2026, 1, 1))
    mean_activity: float = 0.24
    epsilon: float = 0.25
    late_rate: float = 0.015
    duplicate_rate: float = 0.010
    malformed_rate: float = 0.004
    bots: int = 5

    def __post_init__(self) -> None:
        """Refuse worlds that cannot be: too small for their slates, or with rates that are none."""
        sizes = f"users={self.users}, items={self.items}, days={self.days}"
        if min(self.users, self.days) < 2 or self.items < 2 * HOME.slots:
            raise UsageError(
                f"a world needs at least 2 users, 2 days and {2 * HOME.slots} items", where=sizes
            )
        if self.seed < 0 or self.bots < 0:
            raise UsageError(
                "seed and bots are whole numbers from 0", where=f"seed={self.seed}, bots={self.bots}"
            )
        if not 0.0 < self.mean_activity < 1.0:
            raise UsageError("people come on some days, not all", where=f"mean_activity={self.mean_activity}")
        for name in ("epsilon", "late_rate", "duplicate_rate", "malformed_rate"):
            if not 0.0 <= getattr(self, name) <= 1.0:
                raise UsageError("a rate lies in 0 to 1", where=f"{name}={getattr(self, name)}")

    @classmethod
    def demo(cls) -> WorldConfig:
        """Return the world of `make demo`: three weeks that the loop digests in seconds."""
        return cls()

    @classmethod
    def tiny(cls) -> WorldConfig:
        """Return a world for tests: everything occurs in it, and it is written in under a second."""
        return cls(users=60, items=40, days=6, mean_activity=0.5, late_rate=0.03, duplicate_rate=0.02)

    @property
    def start_ms(self) -> int:
        """Midnight of the first day, in epoch milliseconds (UTC)."""
        return (self.start - date(1970, 1, 1)).days * DAY_MS

    @property
    def end_ms(self) -> int:
        """Midnight after the last day; nothing received later is written."""
        return self.start_ms + self.days * DAY_MS

    @property
    def new_model_ms(self) -> int:
        """When model version 2026-02 replaces 2026-01: midnight in the middle of the world."""
        return self.start_ms + (self.days // 2) * DAY_MS

    def day(self, number: int) -> date:
        """Return the date of day `number`, counted from 0."""
        return self.start + timedelta(days=number)

    def rng(self, *stage: int) -> np.random.Generator:
        """Return the stage's own stream, so that a change in one leaves the others' draws alone."""
        return np.random.Generator(np.random.PCG64(np.random.SeedSequence([self.seed, *stage])))
