"""How much is measured: the same shape of log at three scales."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta


@dataclass(frozen=True)
class BenchSize:
    """One scale. Requests show ten items on average; an event is about anything that a person did.

    Attributes:
        name: what `--size` calls it.
        days: days of requests, from `start`.
        requests, events, users, items: how many of each over all days (events before duplicates and reversals).
        repetitions: how often each query is timed; the median counts.
        hot_impressions, hot_events: of the planted bot that looks at one item all day.
        short_history: days of history of the small warehouse that a daily increment is compared on.
    """

    name: str
    days: int
    requests: int
    events: int
    users: int
    items: int
    repetitions: int
    hot_impressions: int
    hot_events: int
    short_history: int = 3
    start: datetime = datetime(2026, 3, 1)  # noqa: DTZ001 - stored without a zone, as UTC

    @property
    def end(self) -> datetime:
        """The moment after the last day."""
        return self.start + timedelta(days=self.days)


SIZES: dict[str, BenchSize] = {
    size.name: size
    for size in (
        BenchSize("tiny", 10, 1_500, 3_000, 400, 150, 1, 200, 40, short_history=2),
        BenchSize("quick", 30, 500_000, 1_000_000, 190_000, 20_000, 3, 20_000, 4_000),
        BenchSize("full", 30, 5_000_000, 10_000_000, 1_900_000, 200_000, 2, 200_000, 40_000),
    )
}
