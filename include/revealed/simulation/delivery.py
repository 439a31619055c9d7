"""How lines reach the collector: a little later, sometimes days later, and sometimes more than once."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from revealed.exploration.rank_marginals import Ints
from revealed.simulation.config import DAY_MS, WorldConfig
from revealed.simulation.population import Bools

ORIGINAL, REPEATED, RESENT, RETRIED = range(4)
COPY_KINDS = ("original", "repeated_in_file", "resent_next_day", "retried")


@dataclass(frozen=True)
class Deliveries:
    """One entry a line to write: which record, received when, in which day's file, what kind of copy.

    A repeated or resent line has the original's bytes; a retried one a later `received_ms`.
    """

    row: Ints
    received_ms: Ints
    day: Ints
    copy: Ints

    def count(self, copy: int) -> int:
        """Return how many lines are copies of this kind."""
        return int((self.copy == copy).sum())


def received_times(at_ms: Ints, late_rate: float, rng: np.random.Generator) -> tuple[Ints, Bools]:
    """Return when each line reached the collector, and which ones were offline for one to four days."""
    is_late = rng.random(len(at_ms)) < late_rate
    soon = 40 + np.minimum(rng.exponential(900.0, len(at_ms)), 60_000)
    days = rng.uniform(1.0, 4.0, len(at_ms)) * DAY_MS
    return at_ms + np.where(is_late, days, soon).astype(np.int64), is_late


def deliver(received_ms: Ints, config: WorldConfig, rng: np.random.Generator) -> Deliveries:
    """Return the lines that arrive before the world ends, and copies of `duplicate_rate` of them."""
    row = np.flatnonzero(received_ms < config.end_ms)
    received = received_ms[row]
    day = np.maximum(received - config.start_ms, 0) // DAY_MS
    chosen = rng.random(len(row)) < config.duplicate_rate
    kind = rng.integers(REPEATED, RETRIED + 1, len(row))
    retried_ms = received + rng.integers(60_000, 2 * 3_600_000, len(row))
    kind = np.where((kind == RESENT) & (day + 1 >= config.days), REPEATED, kind)
    kind = np.where((kind == RETRIED) & (retried_ms >= config.end_ms), REPEATED, kind)
    again_ms = np.where(kind == RETRIED, retried_ms, received)
    retried_day = np.maximum(retried_ms - config.start_ms, 0) // DAY_MS
    again_day = np.where(kind == RESENT, day + 1, np.where(kind == RETRIED, retried_day, day))
    return Deliveries(
        row=np.concatenate([row, row[chosen]]),
        received_ms=np.concatenate([received, again_ms[chosen]]),
        day=np.concatenate([day, again_day[chosen]]),
        copy=np.concatenate([np.full(len(row), ORIGINAL), kind[chosen]]),
    )
