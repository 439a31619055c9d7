"""Conversions with a known rate and known delays: the world in which a naive rate is off by half."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

RATE = 0.08
SHAPE, SCALE_DAYS = 0.8, 6.0
AS_OF = datetime(2026, 3, 1, tzinfo=UTC)
RECENT_DAYS = 7.0
# The policy credits a conversion to a showing within seven days; what takes longer here is the report of it.
CREDITED_DAYS = 6.9

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Clicks:
    """One entry a click: its age in days as of the moment, and the delay of its conversion (infinite where none)."""

    age: Floats
    delay: Floats

    @property
    def is_known(self) -> NDArray[np.bool_]:
        """Whether the conversion was received before the moment."""
        return self.delay < self.age

    @property
    def is_recent(self) -> NDArray[np.bool_]:
        """Whether the click is of the last week."""
        return self.age < RECENT_DAYS

    def naive_rate(self) -> float:
        """Conversions over clicks of the last week."""
        return float(self.is_known[self.is_recent].mean())

    def converters_only_rate(self) -> float:
        """The usual half-measure: divide by the delays of those who have converted, as if those were all delays."""
        delays = np.sort(np.floor(self.delay[self.is_known]))
        age = np.floor(self.age[self.is_recent])
        known = np.floor(self.delay[self.is_recent]) < age
        share = np.searchsorted(delays, age, side="left") / len(delays)
        return float(known.sum() / share.sum())


def draw_clicks(rng: np.random.Generator, clicks: int, days: float) -> Clicks:
    """Return clicks spread evenly over the last `days`."""
    age = rng.uniform(0, days, clicks)
    delay = SCALE_DAYS * rng.weibull(SHAPE, clicks)
    return Clicks(age, np.where(rng.random(clicks) < RATE, delay, np.inf))


def write_logs(landing: Path, clicks: Clicks) -> None:
    """Write each click as a request with one item, and each conversion as an event, also those that come too late to count.

    The last week has a model version of its own, as after a release.
    """
    inferences, events = [], []
    for number, (age, delay) in enumerate(zip(clicks.age.tolist(), clicks.delay.tolist(), strict=True)):
        shown = AS_OF - timedelta(days=age)
        who = {"user_id": f"u{number}"}
        request = {"request_id": f"r{number}", "occurred_at": shown.isoformat(), **who, "surface": "home"}
        model = {
            "model_name": "m",
            "model_version": "new" if age < RECENT_DAYS else "old",
            "policy": "uniform",
        }
        inferences.append(request | model | {"items": [{"item_id": f"i{number % 50}", "position": 1}]})
        if np.isfinite(delay):
            received = shown + timedelta(days=delay)
            event = {"event_id": f"e{number}", "event_type": "convert", **who, "request_id": f"r{number}"}
            moments = {
                "occurred_at": (shown + timedelta(days=min(delay, CREDITED_DAYS))).isoformat(),
                "received_at": received.isoformat(),
            }
            events.append(event | moments | {"item_id": f"i{number % 50}"})
    for log, lines in (("inferences", inferences), ("events", events)):
        path = landing / log / "part.jsonl"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("".join(json.dumps(line) + "\n" for line in lines))
