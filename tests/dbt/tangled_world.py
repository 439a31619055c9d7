"""A small world in which everything that can cross does: shared visitors, late logins, returns before their purchase,
events that name another person's request, second copies with other words, sessions over midnight.

Random but seeded; what it says matters less than that two ways of building it must agree.
"""

from __future__ import annotations

import json
import random
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

START = datetime(2026, 1, 1, tzinfo=UTC)
DAYS = 6
PEOPLE = ("ann", "bob", "cat", "dan", "eve")
VISITORS = ("v1", "v2", "v3", "v4")
ITEMS = tuple(f"i{n}" for n in range(7))
TYPES = (
    *("click", "click", "view", "heartbeat", "impression", "save", "unsave", "share", "skip", "hide", "undo"),
    *("add_to_cart", "remove_from_cart", "purchase", "purchase", "return", "cancel", "rating", "thumbs_down"),
    *("scroll", "search", "identify"),
)

Line = dict[str, Any]


@dataclass
class TangledWorld:
    """Lines of both logs, each with its `received_at`."""

    seed: int
    events: list[Line] = field(default_factory=list)
    inferences: list[Line] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.rng = random.Random(self.seed)
        for number in range(70):
            self._request(number)
        for number in range(420):
            self._event(number)
        self.events += [self._second_copy(line) for line in self.rng.sample(self.events, 25)]

    def _moment(self) -> datetime:
        return START + timedelta(seconds=self.rng.randrange(DAYS * 86400))

    def _received(self, occurred: datetime) -> datetime:
        lateness = self.rng.choice((1, 2, 5, 30, 600, 4000, 90_000, 250_000))
        return occurred + timedelta(seconds=lateness)

    def _who(self) -> Line:
        person, visitor = self.rng.choice(PEOPLE), self.rng.choice(VISITORS)
        return self.rng.choice(({"user_id": person}, {"user_id": person}, {"anonymous_id": visitor}))

    def _request(self, number: int) -> None:
        occurred = self._moment()
        shown = self.rng.sample(ITEMS, 4)
        self.inferences.append(
            {
                "request_id": f"r{number}",
                "occurred_at": occurred.isoformat(),
                "received_at": self._received(occurred).isoformat(),
                **self._who(),
                "surface": self.rng.choice(("home", "detail")),
                "model_name": "als",
                "model_version": self.rng.choice(("1", "2")),
                "policy": "softmax",
                "items": [
                    {"item_id": item, "position": place, "score": 0.5, "propensity": 0.25}
                    for place, item in enumerate(shown, 1)
                ],
            }
        )

    def _event(self, number: int) -> None:
        occurred = self._moment()
        kind = self.rng.choice(TYPES)
        line: Line = {
            "event_id": f"e{number}",
            "event_type": kind,
            **self._who(),
            "item_id": self.rng.choice(ITEMS),
        }
        if self.rng.random() < 0.6:
            request = self.rng.choice(self.inferences)
            occurred = datetime.fromisoformat(request["occurred_at"]) + timedelta(
                seconds=self.rng.choice((-100, 5, 40, 3000, 90_000))
            )
            line["item_id"] = self.rng.choice(request["items"])["item_id"]
            who = {key: request[key] for key in ("user_id", "anonymous_id") if key in request}
            if self.rng.random() < 0.8:  # the others act on somebody else's list
                line = {
                    key: value for key, value in line.items() if key not in ("user_id", "anonymous_id")
                } | who
            if self.rng.random() < 0.5:
                line["request_id"] = request["request_id"]
        line |= {"occurred_at": occurred.isoformat(), "received_at": self._received(occurred).isoformat()}
        line |= self._details(kind, number)
        self.events.append(line)

    def _details(self, kind: str, number: int) -> Line:
        rng = self.rng
        more: Line = {}
        if rng.random() < 0.2:
            more["session_id"] = rng.choice(("s1", "s2"))
        if kind == "identify":
            more |= {"user_id": rng.choice(PEOPLE), "anonymous_id": rng.choice(VISITORS)}
        if kind in ("click", "view", "heartbeat"):
            more |= rng.choice(({}, {"dwell_ms": rng.choice((1500, 8000, 31_000, 240_000))}))
        if kind in ("purchase", "return", "cancel"):
            more |= {"order_id": f"o{rng.randrange(12)}"} if rng.random() < 0.6 else {}
            more |= {"quantity": rng.randrange(1, 5), "value": 10.0 * rng.randrange(1, 5), "currency": "EUR"}
        if kind in ("unsave", "return", "undo", "cancel", "remove_from_cart") and rng.random() < 0.3:
            more["reverses_event_id"] = f"e{rng.randrange(420)}"
        if kind == "rating":
            more["rating"] = float(rng.randrange(1, 6))
        if kind == "scroll":
            more["scroll_depth"] = rng.random()
        return more

    def _second_copy(self, line: Line) -> Line:
        """The same id again, received earlier or later, now and then with another moment or item."""
        occurred = datetime.fromisoformat(line["occurred_at"])
        moved = occurred + timedelta(seconds=self.rng.choice((0, 0, 3000, -90_000)))
        copy = line | {"occurred_at": moved.isoformat(), "item_id": self.rng.choice((line["item_id"], "i0"))}
        return copy | {"received_at": self._received(moved).isoformat()}

    def deliveries(self, batches: int, landing: Path) -> list[list[Path]]:
        """Write the lines under `landing`, spread at random over files; return the files of each batch."""
        written: list[list[Path]] = [[] for _ in range(batches)]
        for log in ("events", "inferences"):
            parts: list[list[Line]] = [[] for _ in range(batches)]
            for line in getattr(self, log):
                parts[self.rng.randrange(batches)].append(line)
            for number, part in enumerate(parts):
                path = landing / log / f"part-{number}.jsonl"
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_text("".join(json.dumps(line) + "\n" for line in part))
                written[number].append(path)
        return written
